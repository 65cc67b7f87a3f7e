//! The form `email`.

use zeroize::Zeroizing;

use super::{
    NotCanonical,
    text::{append_nfc, is_white_space, trim, wipe_from},
};

/// The longest address in bytes: a path has 256 (RFC 5321 section 4.5.3.1.3), and angle brackets take two of them
/// (RFC 3696 erratum 1690).
pub(super) const LONGEST: usize = 254;

pub(super) fn append(value: &str, plaintext: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let before = plaintext.len();
    append_nfc(trim(value), LONGEST, plaintext)?;
    let lowered = lower(&mut plaintext[before..]);
    // Form C may ask for more: there is U+1E96 for `h` and U+0331, and none for `H`.
    if lowered && !plaintext[before..].is_ascii() {
        let again = Zeroizing::new(plaintext[before..].to_vec());
        wipe_from(plaintext, before);
        let again = std::str::from_utf8(&again).expect("ASCII letters became ASCII letters");
        append_nfc(again, LONGEST, plaintext)?;
    }
    let address = std::str::from_utf8(&plaintext[before..]).expect("form C is text");
    if is_address(address) {
        Ok(())
    } else {
        Err(NotCanonical)
    }
}

/// Puts the ASCII letters in lower case. Whether there was one to put so.
fn lower(text: &mut [u8]) -> bool {
    let any = text.iter().any(u8::is_ascii_uppercase);
    text.make_ascii_lowercase();
    any
}

fn is_address(text: &str) -> bool {
    match text.split_once('@') {
        Some((local, domain)) => is_part(local) && is_part(domain),
        None => false,
    }
}

fn is_part(part: &str) -> bool {
    !part.is_empty() && !part.chars().any(is_refused)
}

/// White space, control characters and the special characters of RFC 5322 section 3.2.3, but for the dot.
fn is_refused(character: char) -> bool {
    is_white_space(character) || character.is_control() || r#"()<>[]:;@\,""#.contains(character)
}
