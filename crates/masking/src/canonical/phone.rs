//! The form `phone`: the digits of a telephone number.

use super::NotCanonical;

/// ITU-T E.164 recommends that an international number has at most 15 digits, without a prefix such as `00`.
pub(super) const LONGEST: usize = 15;

/// The shortest numbers in wide use are those of emergency services (`112`, `911`). What is shorter is another field.
const SHORTEST: usize = 3;

pub(super) fn append(value: &str, plaintext: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let mut digits = 0;
    let mut plus = false;
    for byte in value.bytes() {
        match byte {
            b'0'..=b'9' if digits < LONGEST => {
                plaintext.push(byte);
                digits += 1;
            }
            b'+' if digits == 0 && !plus => plus = true,
            b' ' | b'-' | b'.' | b'/' | b'(' | b')' => {}
            _ => return Err(NotCanonical),
        }
    }
    if digits < SHORTEST {
        return Err(NotCanonical);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use crate::canonical::{
        Canonical,
        tests::{makes, never_makes, refuses},
    };

    #[test]
    fn separators_and_a_leading_plus_are_dropped() {
        makes(
            Canonical::Phone,
            &[
                ("112", "112"),
                ("+49 30 123456", "4930123456"),
                ("(+49) 30/12-34.56", "4930123456"),
                (" 030 123456 ", "030123456"),
                ("(555) 555-0123", "5555550123"),
                ("+1.555.555.0123", "15555550123"),
                ("123456789012345", "123456789012345"),
                ("1-2-3-4-5-6-7-8-9-0-1-2-3-4-5-", "123456789012345"),
            ],
        );
    }

    #[test]
    fn national_and_international_spellings_stay_apart() {
        makes(
            Canonical::Phone,
            &[
                ("+49 30 123456", "4930123456"),
                ("0049 30 123456", "004930123456"),
                ("030 123456", "030123456"),
                ("+49 (0)30 123456", "49030123456"),
            ],
        );
    }

    #[test]
    fn what_is_no_telephone_number_is_refused() {
        refuses(
            Canonical::Phone,
            &[
                "",
                "+",
                "()",
                "12",
                "+1 2",
                "1234567890123456",
                "++49301234",
                "+49+301234",
                "49+301234",
                "1234 ext. 5",
                "1234x5",
                "1234,5",
                "1234;ext=5",
                "tel:1234567",
                "*100#",
                "CALLME123",
                "123\t4567",
                "123\u{a0}4567",
                "١٢٣٤٥٦",
                "１２３４５６",
            ],
        );
    }

    #[test]
    fn plaintexts_that_the_form_never_makes_are_refused() {
        never_makes(
            Canonical::Phone,
            &[
                b"",
                b"12",
                b"+4930",
                b"12 34",
                b"1234567890123456",
                b"123\xff",
            ],
        );
    }
}
