//! The form `phone`: the digits of a telephone number.

use super::NotCanonical;

/// ITU-T E.164 section 6.2.1: an international number has at most 15 digits.
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
