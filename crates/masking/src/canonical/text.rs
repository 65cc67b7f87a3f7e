//! The form `text`, and what the other forms of text have in common with it: white space, Unicode normalisation
//! form C (UAX #15), assigned characters.

use unicode_normalization::{
    IsNormalized, UnicodeNormalization, char::is_public_assigned, is_nfc_quick,
};
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
    character.is_ascii() || is_public_assigned(character) || is_private_use(character)
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

#[cfg(test)]
mod tests {
    use unicode_normalization::{UNICODE_VERSION, is_nfc};

    use super::*;
    use crate::canonical::{
        Canonical,
        tests::{makes, never_makes, refuses},
    };

    #[test]
    fn white_space_around_text_is_dropped() {
        makes(
            Canonical::Text,
            &[
                ("", ""),
                (" \t\r\n\u{3000}", ""),
                ("  Ann  Lee\n", "Ann  Lee"),
                ("\u{a0}\u{2003}x\u{2028}\u{85}", "x"),
                // No white space: zero width space, byte order mark.
                ("\u{200b}x\u{feff}", "\u{200b}x\u{feff}"),
                ("\0 \u{7f}", "\0 \u{7f}"),
                ("AbC Ｗ", "AbC Ｗ"),
            ],
        );
    }

    /// UAX #15: the figures of section 1 and table 1, Hangul, the exclusions from composition, corrigendum 5.
    #[test]
    fn form_c_is_that_of_uax_15() {
        makes(
            Canonical::Text,
            &[
                ("A\u{30a}", "\u{c5}"),
                ("\u{212b}", "\u{c5}"),
                ("\u{2126}", "\u{3a9}"),
                ("o\u{302}", "\u{f4}"),
                ("\u{1e0b}\u{323}", "\u{1e0d}\u{307}"),
                ("q\u{307}\u{323}", "q\u{323}\u{307}"),
                ("s\u{307}\u{323}", "\u{1e69}"),
                ("\u{1e9b}\u{323}", "\u{1e9b}\u{323}"),
                ("\u{fb01}", "\u{fb01}"),
                ("2\u{2075}", "2\u{2075}"),
                ("\u{1100}\u{1161}", "\u{ac00}"),
                ("\u{1100}\u{1161}\u{11a8}", "\u{ac01}"),
                ("\u{ac00}\u{11a8}", "\u{ac01}"),
                ("\u{958}", "\u{915}\u{93c}"),
                ("\u{2adc}", "\u{2add}\u{338}"),
                ("\u{344}", "\u{308}\u{301}"),
                ("\u{fb2c}", "\u{5e9}\u{5bc}\u{5c1}"),
                ("\u{1d160}", "\u{1d158}\u{1d165}\u{1d16e}"),
                ("\u{1100}\u{300}\u{1161}", "\u{1100}\u{300}\u{1161}"),
                ("\u{b47}\u{300}\u{b3e}", "\u{b47}\u{300}\u{b3e}"),
                (" \u{301}x", "\u{301}x"),
            ],
        );
    }

    #[test]
    fn unassigned_characters_are_refused_and_private_ones_are_not() {
        refuses(
            Canonical::Text,
            &["a\u{378}", "\u{fdd0}", "\u{ffff}", "\u{10ffff}"],
        );
        makes(
            Canonical::Text,
            &[
                ("\u{e000}\u{f8ff}", "\u{e000}\u{f8ff}"),
                ("\u{f0000}\u{10fffd}", "\u{f0000}\u{10fffd}"),
                ("Αννα 漢字 각 😀 é", "Αννα 漢字 각 😀 é"),
            ],
        );
    }

    /// When this fails, the normaliser has gone to another version of Unicode. Then say in the change log which
    /// characters are newly taken; what was taken before has the same plaintext, by the stability policy.
    #[test]
    fn characters_are_assigned_as_of_a_known_version() {
        assert_eq!(UNICODE_VERSION, (18, 0, 0));
    }

    #[test]
    fn white_space_is_that_of_unicode() {
        for character in all() {
            let expected = character.is_whitespace();
            assert_eq!(is_white_space(character), expected, "{character:?}");
        }
    }

    /// Form C of a text is no longer than its form D: composing never adds bytes. And form D is made character by
    /// character, each at most three times as long.
    #[test]
    fn form_c_is_at_most_three_times_as_long() {
        let mut most = 0;
        for character in all() {
            let length = character.len_utf8();
            let decomposed: usize = character.nfd().map(char::len_utf8).sum();
            assert!(decomposed <= GROWTH * length, "{character:?}");
            if is_nfc(character.encode_utf8(&mut [0; 4])) {
                assert!(length <= decomposed, "{character:?}");
            } else {
                let composed: usize = character.nfc().map(char::len_utf8).sum();
                most = most.max(composed.div_ceil(length));
            }
        }
        assert_eq!(most, GROWTH);
    }

    /// So that trimming before normalising is enough.
    #[test]
    fn normalising_makes_no_white_space_at_an_end() {
        for character in all().filter(|&character| !is_white_space(character)) {
            let composed: String = character.nfc().collect();
            assert_eq!(trim(&composed), composed, "{character:?}");
        }
    }

    #[test]
    fn plaintexts_that_the_form_never_makes_are_refused() {
        never_makes(
            Canonical::Text,
            &[
                b" a",
                b"a\n",
                b"a\xff",
                "e\u{301}".as_bytes(),
                "\u{212b}".as_bytes(),
                "\u{378}".as_bytes(),
            ],
        );
    }

    fn all() -> impl Iterator<Item = char> {
        '\0'..=char::MAX
    }
}
