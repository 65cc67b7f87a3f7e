//! The form `text`, and what the other forms of text have in common with it: white space, Unicode normalisation
//! form C (UAX #15), assigned characters.

use unicode_normalization::{IsNormalized, UnicodeNormalization, char, is_nfc_quick};
use zeroize::Zeroize;

use super::NotCanonical;

/// How many times longer form C can be than what it is made from, in bytes of UTF-8: U+1D160 is the worst
/// (Unicode, "Normalization FAQ", and UTR #36, tables of maximum expansion factors). A test tries every character.
pub(super) const GROWTH: usize = 3;

pub(super) const fn bound(value: &str) -> usize {
    // The length of no text is near enough to overflow.
    value.len().saturating_mul(GROWTH)
}

pub(super) fn append(value: &str, plaintext: &mut Vec<u8>) -> Result<(), NotCanonical> {
    append_nfc(trim(value), usize::MAX, plaintext)
}

/// Appends `text` in form C, unless that needs more than `longest` bytes or has an unassigned character. On an
/// error less than that may have been appended.
///
/// Text that is in form C already, as nearly all is, is copied once. Otherwise the normaliser works on the stack, with
/// the last few characters in memory that it does not wipe; from four combining marks in a row that is the heap.
pub(super) fn append_nfc(
    text: &str,
    longest: usize,
    plaintext: &mut Vec<u8>,
) -> Result<(), NotCanonical> {
    if !text.chars().all(is_stable) {
        return Err(NotCanonical);
    }
    let before = plaintext.len();
    match is_nfc_quick(text.chars()) {
        IsNormalized::Yes if text.len() <= longest => plaintext.extend_from_slice(text.as_bytes()),
        IsNormalized::Yes => return Err(NotCanonical),
        IsNormalized::No | IsNormalized::Maybe => {
            let mut utf8 = [0; 4];
            for character in text.nfc() {
                let bytes = character.encode_utf8(&mut utf8).as_bytes();
                if plaintext.len() - before + bytes.len() > longest {
                    return Err(NotCanonical);
                }
                plaintext.extend_from_slice(bytes);
            }
            utf8.zeroize();
        }
    }
    Ok(())
}

/// `text` without the white space around it.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches(is_white_space)
}

/// The property `White_Space` (Unicode, `PropList.txt`). Unicode may extend it, and then trimming would silently give
/// other plaintexts: so this is the list of version 1 of the forms, whatever the standard library's is.
pub(super) const fn is_white_space(character: char) -> bool {
    matches!(
        character,
        '\t'..='\r'
            | ' '
            | '\u{85}'
            | '\u{a0}'
            | '\u{1680}'
            | '\u{2000}'..='\u{200a}'
            | '\u{2028}'
            | '\u{2029}'
            | '\u{202f}'
            | '\u{205f}'
            | '\u{3000}'
    )
}

/// Whether no later version of Unicode changes how the character is normalised: those that are assigned, by the
/// stability policy, and private ones, which never decompose.
fn is_stable(character: char) -> bool {
    character.is_ascii() || char::is_public_assigned(character) || is_private_use(character)
}

/// The general category `Co`, which is fixed by the stability policy.
const fn is_private_use(character: char) -> bool {
    matches!(
        character,
        '\u{e000}'..='\u{f8ff}' | '\u{f0000}'..='\u{ffffd}' | '\u{100000}'..='\u{10fffd}'
    )
}

/// Cuts the buffer back to `length` bytes, and leaves nothing of what was behind.
pub(super) fn wipe_from(buffer: &mut Vec<u8>, length: usize) {
    buffer[length..].zeroize();
    buffer.truncate(length);
}
