//! National identity numbers that many people have and that can be told from other numbers.

use serde::Serialize;

use super::check_digit::{digits, mod_11_10, verhoeff};

/// The schemes that are recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NationalId {
    /// United States: social security number.
    UsSsn,
    /// United Kingdom: national insurance number.
    UkNino,
    /// Germany: tax identification number.
    DeTaxId,
    /// France: numéro d'inscription au répertoire.
    FrNir,
    /// Spain: DNI, and NIE for foreigners.
    EsDni,
    /// Italy: codice fiscale.
    ItFiscalCode,
    /// India: Aadhaar.
    InAadhaar,
}

impl NationalId {
    /// All of them.
    pub(super) const ALL: [Self; 7] = [
        Self::UsSsn,
        Self::UkNino,
        Self::DeTaxId,
        Self::FrNir,
        Self::EsDni,
        Self::ItFiscalCode,
        Self::InAadhaar,
    ];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::UsSsn => "US SSN",
            Self::UkNino => "UK NINO",
            Self::DeTaxId => "German tax id",
            Self::FrNir => "French NIR",
            Self::EsDni => "Spanish DNI/NIE",
            Self::ItFiscalCode => "codice fiscale",
            Self::InAadhaar => "Aadhaar",
        }
    }

    /// Whether a text has the form of the scheme, and then whether it can have been issued.
    pub(super) fn check(self, text: &str) -> Option<bool> {
        match self {
            Self::UsSsn => us_ssn(text),
            Self::UkNino => uk_nino(text),
            Self::DeTaxId => de_tax_id(text),
            Self::FrNir => fr_nir(text),
            Self::EsDni => es_dni(text),
            Self::ItFiscalCode => it_fiscal_code(text),
            Self::InAadhaar => in_aadhaar(text),
        }
    }
}

/// A text without the spaces that it is grouped by; `None` where it is too long or not ASCII.
fn ungrouped(text: &str) -> Option<String> {
    (text.len() <= 24 && text.is_ascii()).then(|| text.replace(' ', ""))
}

/// Never issued: areas 000, 666 and 900 to 999, group 00, serial 0000 (Social Security
/// Administration, POMS RM 10201.035). Nine digits in one piece could be anything: there is no
/// check digit, so only the grouped spelling counts.
fn us_ssn(text: &str) -> Option<bool> {
    let separator = text.as_bytes().get(3).copied();
    let separator = separator.filter(|byte| matches!(byte, b'-' | b' '))?;
    let mut parts = text.split(char::from(separator));
    let parts = [parts.next()?, parts.next()?, parts.next()?];
    let is_whole = text.len() == 11 && parts.map(str::len) == [3, 2, 4];
    if !is_whole || parts.iter().any(|part| digits(part).is_none()) {
        return None;
    }
    let [area, group, serial] = parts;
    Some(!(matches!(area, "000" | "666") || area >= "900" || group == "00" || serial == "0000"))
}

/// Two letters, six digits, A to D (HMRC, National Insurance Manual NIM39110).
fn uk_nino(text: &str) -> Option<bool> {
    let text = ungrouped(text)?.to_ascii_uppercase();
    let [first, second, number @ .., suffix] = text.as_bytes() else {
        return None;
    };
    let is_form = first.is_ascii_uppercase()
        && second.is_ascii_uppercase()
        && number.len() == 6
        && number.iter().all(u8::is_ascii_digit)
        && suffix.is_ascii_uppercase();
    let reserved = ["BG", "GB", "KN", "NK", "NT", "TN", "ZZ"];
    is_form.then(|| {
        !b"DFIQUV".contains(first)
            && !b"DFIOQUV".contains(second)
            && !reserved.contains(&&text[..2])
            && (b'A'..=b'D').contains(suffix)
    })
}

/// Eleven digits, the first not 0; of the first ten, one digit comes two or three times and no
/// other more than once; then a check digit of ISO 7064 MOD 11,10 (section 139b of the
/// Abgabenordnung; Bundeszentralamt für Steuern, "Prüfziffernberechnung").
fn de_tax_id(text: &str) -> Option<bool> {
    let digits = digits(&ungrouped(text)?).filter(|digits| digits.len() == 11)?;
    let mut counts = [0; 10];
    for &digit in &digits[..10] {
        counts[usize::from(digit)] += 1;
    }
    let counts: Vec<u32> = counts.into_iter().filter(|count| *count > 1).collect();
    Some(digits[0] != 0 && matches!(counts[..], [2 | 3]) && mod_11_10(&digits))
}

/// Sex, year, month, place and order, and a key that is 97 less the remainder; 2A and 2B stand for
/// Corsica and count as 19 and 18 (INSEE, "Numéro d'inscription au répertoire").
fn fr_nir(text: &str) -> Option<bool> {
    let text = ungrouped(text)?.to_ascii_uppercase();
    if text.len() != 15 {
        return None;
    }
    let number = match &text[5..7] {
        "2A" => format!("{}19{}", &text[..5], &text[7..]),
        "2B" => format!("{}18{}", &text[..5], &text[7..]),
        _ => text,
    };
    digits(&number)?;
    let month: u64 = number[3..5].parse().ok()?;
    let body: u64 = number[..13].parse().ok()?;
    let key: u64 = number[13..].parse().ok()?;
    let is_month = matches!(month, 1..=12 | 20..=42 | 50..=99);
    Some(matches!(&number[..1], "1" | "2") && is_month && 97 - body % 97 == key)
}

/// Eight digits and a letter that is the remainder by 23; X, Y and Z stand for 0, 1 and 2 in an
/// NIE (Ministerio del Interior, "Cálculo del dígito de control del NIF/NIE").
fn es_dni(text: &str) -> Option<bool> {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    if text.len() > 11 || !text.is_ascii() {
        return None;
    }
    let text = text.replace('-', "").to_ascii_uppercase();
    let (&letter, body) = text.as_bytes().split_last()?;
    let body = match body.split_first()? {
        (b'X', rest) => [b"0", rest].concat(),
        (b'Y', rest) => [b"1", rest].concat(),
        (b'Z', rest) => [b"2", rest].concat(),
        _ => body.to_owned(),
    };
    let is_form = body.len() == 8 && body.iter().all(u8::is_ascii_digit);
    if !is_form || !letter.is_ascii_uppercase() {
        return None;
    }
    let number = body
        .iter()
        .fold(0, |number, digit| number * 10 + usize::from(digit - b'0'));
    Some(LETTERS[number % 23] == letter)
}

/// Sixteen characters: six letters of the names, year, month, day, place, a check letter; letters
/// may stand for digits where two people would have the same (Decreto Ministeriale 23 December
/// 1976, No. 13813).
fn it_fiscal_code(text: &str) -> Option<bool> {
    const FORM: &[u8; 16] = b"LLLLLLDDMDDLDDDL";
    /// What a character at an odd place counts for, 0 to 9 as A to J.
    const ODD: [u32; 26] = [
        1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24,
        23,
    ];
    let text = ungrouped(text)?.to_ascii_uppercase();
    let fits = |(form, byte): (&u8, u8)| match form {
        b'D' => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte),
        b'M' => b"ABCDEHLMPRST".contains(&byte),
        _ => byte.is_ascii_uppercase(),
    };
    if text.len() != FORM.len() || !FORM.iter().zip(text.bytes()).all(fits) {
        return None;
    }
    let (body, check) = text.split_at(15);
    let value =
        |byte: u8| u32::from(byte.wrapping_sub(if byte.is_ascii_digit() { b'0' } else { b'A' }));
    let sum: u32 = body
        .bytes()
        .enumerate()
        .map(|(place, byte)| match place % 2 {
            0 => ODD[value(byte) as usize],
            _ => value(byte),
        })
        .sum();
    Some(check.bytes().all(|byte| value(byte) == sum % 26))
}

/// Twelve digits, the first 2 to 9, with Verhoeff's check digit (UIDAI, "UID Numbering Scheme").
fn in_aadhaar(text: &str) -> Option<bool> {
    let digits = digits(&ungrouped(text)?).filter(|digits| digits.len() == 12)?;
    Some(digits[0] >= 2 && verhoeff(&digits))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Numbers that the schemes' own publications give as examples.
    const VALID: [(NationalId, &str); 12] = [
        (NationalId::UsSsn, "219-09-9999"),
        (NationalId::UsSsn, "078 05 1120"),
        (NationalId::UkNino, "AB123456C"),
        (NationalId::UkNino, "ab 12 34 56 c"),
        (NationalId::DeTaxId, "86095742719"),
        (NationalId::DeTaxId, "65 929 970 489"),
        (NationalId::FrNir, "255081416802538"),
        (NationalId::FrNir, "2 55 08 14 168 025 38"),
        (NationalId::EsDni, "12345678Z"),
        (NationalId::EsDni, "X1234567-L"),
        (NationalId::ItFiscalCode, "RSSMRA85T10A562S"),
        (NationalId::InAadhaar, "2341 2341 2346"),
    ];

    #[test]
    fn published_examples_are_valid() {
        for (scheme, number) in VALID {
            assert_eq!(scheme.check(number), Some(true), "{scheme:?} {number}");
        }
    }

    #[test]
    fn what_was_never_issued_is_not_valid() {
        for (scheme, number) in [
            (NationalId::UsSsn, "000-12-3456"),
            (NationalId::UsSsn, "666-12-3456"),
            (NationalId::UsSsn, "900-12-3456"),
            (NationalId::UsSsn, "123-00-3456"),
            (NationalId::UsSsn, "123-45-0000"),
            (NationalId::UkNino, "GB123456A"),
            (NationalId::UkNino, "QQ123456C"),
            (NationalId::UkNino, "AB123456E"),
            (NationalId::DeTaxId, "86095742718"),
            (NationalId::DeTaxId, "01234567899"),
            (NationalId::FrNir, "255081416802539"),
            (NationalId::EsDni, "12345678A"),
            (NationalId::ItFiscalCode, "RSSMRA85T10A562T"),
            (NationalId::InAadhaar, "234123412347"),
            (NationalId::InAadhaar, "134123412346"),
        ] {
            assert_eq!(scheme.check(number), Some(false), "{scheme:?} {number}");
        }
    }

    #[test]
    fn other_things_have_not_even_the_form() {
        for text in [
            "",
            "219099999",
            "219-09-99999",
            "2190-9-9999",
            "21909-9-999",
            "2026-11-22",
            "é19-09-9999",
            "AB12345C",
            "d41d8cd98f00b204e9800998ecf8427e",
            "RSSMRA85Y10A562S",
            "-",
            "Z",
        ] {
            for scheme in NationalId::ALL {
                assert_eq!(scheme.check(text), None, "{scheme:?} {text}");
            }
        }
    }

    proptest! {
        #[test]
        fn a_single_changed_digit_is_never_valid(
            which in 4..VALID.len(),
            place: prop::sample::Index,
            change in 1_u8..10,
        ) {
            let (scheme, number) = VALID[which];
            let mut bytes = number.as_bytes().to_owned();
            let place = place.index(bytes.len());
            prop_assume!(bytes[place].is_ascii_digit());
            bytes[place] = b'0' + (bytes[place] - b'0' + change) % 10;
            let changed = String::from_utf8(bytes).unwrap();
            prop_assert_ne!(scheme.check(&changed), Some(true));
        }

        #[test]
        fn no_text_is_too_strange(text: String) {
            for scheme in NationalId::ALL {
                scheme.check(&text);
            }
        }
    }
}
