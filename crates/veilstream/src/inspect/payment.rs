//! Numbers of payment cards and of bank accounts.

use super::check_digit::{digits, luhn, mod_97};

/// The first digits of the large card schemes and the lengths of their numbers (ISO/IEC 7812-1;
/// the schemes' published ranges of issuer identification numbers). The ranges are of the first
/// four digits.
const CARDS: [(std::ops::RangeInclusive<u16>, &[usize]); 15] = [
    (4000..=4999, &[13, 16, 19]),     // Visa
    (5100..=5599, &[16]),             // Mastercard
    (2221..=2720, &[16]),             // Mastercard
    (3400..=3499, &[15]),             // American Express
    (3700..=3799, &[15]),             // American Express
    (6011..=6011, &[16, 19]),         // Discover
    (6440..=6599, &[16, 19]),         // Discover
    (3000..=3059, &[14, 16]),         // Diners Club
    (3600..=3699, &[14, 16]),         // Diners Club
    (3800..=3999, &[14, 16]),         // Diners Club
    (3528..=3589, &[16]),             // JCB
    (6200..=6299, &[16, 17, 18, 19]), // UnionPay
    (5018..=5018, &[16]),             // Maestro
    (5020..=5038, &[16]),             // Maestro
    (6759..=6763, &[16]),             // Maestro
];

/// The length of an IBAN in each country that has them (SWIFT, "IBAN Registry").
const IBANS: [(usize, &str); 18] = [
    (15, "NO"),
    (16, "BE"),
    (18, "DK FI FO GL NL SD"),
    (19, "MK SI"),
    (20, "AT BA EE KZ LT LU XK"),
    (21, "CH HR LI LV"),
    (22, "BG BH CR DE GB GE IE ME RS VA"),
    (23, "AE GI IL IQ OM TL"),
    (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
    (25, "LY PT ST"),
    (26, "IS TR"),
    (27, "BI DJ FR GR IT MC MR SM"),
    (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
    (29, "BR EG PS QA UA"),
    (30, "JO KW MU YE"),
    (31, "MT SC"),
    (32, "LC"),
    (33, "RU"),
];

/// Whether a text has the form of a card's number, and then whether its check digit is right.
/// One number of that form in ten passes by chance.
pub(super) fn card(text: &str) -> Option<bool> {
    if !(13..=25).contains(&text.len()) || !text.as_bytes()[0].is_ascii_digit() {
        return None;
    }
    let number = digits(&text.replace([' ', '-'], ""))?;
    let prefix = number
        .get(..4)?
        .iter()
        .fold(0, |prefix, digit| prefix * 10 + u16::from(*digit));
    let known = CARDS
        .iter()
        .any(|(range, lengths)| range.contains(&prefix) && lengths.contains(&number.len()));
    known.then(|| luhn(&number))
}

/// Whether a text has the form of an IBAN, and then whether its check digits are right (ISO 13616).
pub(super) fn iban(text: &str) -> Option<bool> {
    if !(15..=44).contains(&text.len()) || !text.is_ascii() {
        return None;
    }
    let text = text.replace(' ', "").to_ascii_uppercase();
    let country = text.get(..2)?;
    let check = text.get(2..4)?;
    let known = IBANS.iter().any(|(length, countries)| {
        *length == text.len() && countries.split(' ').any(|known| known == country)
    });
    let account = &text[4.min(text.len())..];
    let is_form = known
        && digits(check).is_some()
        && account.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_form.then(|| mod_97(account.chars().chain(text[..4].chars())) == Some(1))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The numbers that the schemes and their processors give out for tests.
    const TEST_CARDS: [&str; 8] = [
        "4111 1111 1111 1111",
        "4222222222222",
        "5555-5555-5555-4444",
        "2223000048400011",
        "378282246310005",
        "6011111111111117",
        "30569309025904",
        "3530111333300000",
    ];

    /// Examples of the IBAN registry.
    const EXAMPLES: [&str; 6] = [
        "DE89370400440532013000",
        "GB29 NWBK 6016 1331 9268 19",
        "FR1420041010050500013M02606",
        "NO9386011117947",
        "MT84MALT011000012345MTLCAST001S",
        "ch9300762011623852957",
    ];

    #[test]
    fn test_numbers_are_cards_and_examples_are_ibans() {
        for number in TEST_CARDS {
            assert_eq!(card(number), Some(true), "{number}");
        }
        for number in EXAMPLES {
            assert_eq!(iban(number), Some(true), "{number}");
        }
    }

    #[test]
    fn near_misses_are_none() {
        // A wrong check digit; times in milliseconds and microseconds; a snowflake id; a phone.
        assert_eq!(card("4111111111111112"), Some(false));
        assert_eq!(card("1763826661000"), None);
        assert_eq!(card("1763826661000000"), None);
        assert_eq!(card("1290184722334892032"), None);
        assert_eq!(card("+4917012345678"), None);
        assert_eq!(card("41111111111111111"), None);
        assert_eq!(iban("DE89370400440532013001"), Some(false));
        assert_eq!(iban("DE893704004405320130"), None);
        assert_eq!(iban("XX89370400440532013000"), None);
        assert_eq!(iban("deadbeefdeadbeefdeadbe"), None);
    }

    proptest! {
        #[test]
        fn a_single_changed_digit_is_never_valid(
            which in 0..EXAMPLES.len(),
            place: prop::sample::Index,
            change in 1_u8..10,
        ) {
            for (number, check) in [
                (TEST_CARDS[which], card as fn(&str) -> Option<bool>),
                (EXAMPLES[which], iban),
            ] {
                let mut bytes = number.as_bytes().to_owned();
                let place = place.index(bytes.len());
                if !bytes[place].is_ascii_digit() {
                    continue;
                }
                bytes[place] = b'0' + (bytes[place] - b'0' + change) % 10;
                prop_assert_ne!(check(&String::from_utf8(bytes).unwrap()), Some(true));
            }
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            card(&text);
            iban(&text);
        }
    }
}
