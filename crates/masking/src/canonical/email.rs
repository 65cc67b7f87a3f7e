//! The form `email`.

use zeroize::Zeroizing;

use super::{
    NotCanonical,
    text::{append_nfc, is_white_space, trim, wipe_from},
};

/// The longest address in bytes, in form C before and after it is put in lower case: a path has 256 (RFC 5321
/// section 4.5.3.1.3), and angle brackets take two of them (RFC 3696 erratum 1690).
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::canonical::{
        Canonical,
        tests::{canonical_text, makes, never_makes, refuses},
    };

    #[test]
    fn white_space_around_and_the_case_of_ascii_letters_do_not_matter() {
        makes(
            Canonical::Email,
            &[
                ("ann@example.org", "ann@example.org"),
                (" Ann.LEE@Example.ORG\r\n", "ann.lee@example.org"),
                ("\u{3000}ann@example.org\u{a0}", "ann@example.org"),
                ("ann+news@example.org", "ann+news@example.org"),
                (
                    "o'hara_{x}!#$%&*-/=?^`|~@localhost",
                    "o'hara_{x}!#$%&*-/=?^`|~@localhost",
                ),
            ],
        );
    }

    #[test]
    fn other_letters_are_normalised_and_keep_their_case() {
        makes(
            Canonical::Email,
            &[
                ("JOSE\u{301}@example.org", "jos\u{c9}@example.org"),
                ("jos\u{e9}@example.org", "jos\u{e9}@example.org"),
                ("用户@例子.广告", "用户@例子.广告"),
                ("Straße@BÜCHER.example", "straße@bÜcher.example"),
                // The sign for kelvin is the letter K.
                ("\u{212a}@example.org", "k@example.org"),
            ],
        );
    }

    /// `ẖ`, `ẗ`, `ẘ`, `ẙ` and `ǰ` are one character in lower case only: lower case asks for normalisation again.
    #[test]
    fn what_lower_case_lets_compose_is_composed() {
        makes(
            Canonical::Email,
            &[
                ("H\u{331}@example.org", "\u{1e96}@example.org"),
                ("h\u{331}@example.org", "\u{1e96}@example.org"),
                ("\u{1e96}@example.org", "\u{1e96}@example.org"),
                (
                    "T\u{308}W\u{30a}Y\u{30a}J\u{30c}@X",
                    "\u{1e97}\u{1e98}\u{1e99}\u{1f0}@x",
                ),
            ],
        );
    }

    #[test]
    fn what_is_no_address_is_refused() {
        refuses(
            Canonical::Email,
            &[
                "",
                "@",
                "ann",
                "ann@",
                "@example.org",
                "ann@example@org",
                "ann lee@example.org",
                "ann@exam\tple.org",
                "ann@example.org\0",
                "ann\u{2003}lee@example.org",
                "ann@exa\u{85}mple.org",
                "ann@exa\u{7f}mple.org",
                "\"ann lee\"@example.org",
                "\"ann\"@example.org",
                "a\\nn@example.org",
                "Ann <ann@example.org>",
                "<ann@example.org>",
                "ann(work)@example.org",
                "ann@[192.0.2.1]",
                "mailto:ann@example.org",
                "ann@example.org,",
                "ann@example.org;",
                // The Greek question mark is a semicolon in form C.
                "ann@example.org\u{37e}",
                // No character of any version of Unicode so far.
                "ann\u{378}@example.org",
            ],
        );
    }

    #[test]
    fn an_address_has_254_bytes_at_most() {
        let of = |length: usize| format!("{}@example.org", "a".repeat(length - 12));
        let longest = of(254);
        let spaced = format!("  {longest}  ");
        makes(
            Canonical::Email,
            &[(&longest, &longest), (&spaced, &longest)],
        );
        refuses(Canonical::Email, &[&of(255), &of(10_000)]);
        let composed = |length: usize| format!("e\u{301}{}@example.org", "a".repeat(length - 14));
        assert!(canonical_text(Canonical::Email, &composed(254)).is_ok());
        refuses(Canonical::Email, &[&composed(255)]);
        // Bytes in form C count: U+0344 has two and becomes four.
        let grown = |length: usize| format!("{}@example.org", "\u{344}".repeat(length / 4));
        refuses(Canonical::Email, &[&grown(244)]);
        assert!(canonical_text(Canonical::Email, &grown(240)).is_ok());
    }

    #[test]
    fn plaintexts_that_the_form_never_makes_are_refused() {
        never_makes(
            Canonical::Email,
            &[
                b"",
                b"ann",
                b"Ann@example.org",
                b" ann@example.org",
                b"ann@example.org ",
                "jose\u{301}@example.org".as_bytes(),
                b"ann\xff@example.org",
            ],
        );
    }

    proptest! {
        #[test]
        fn canonically_equivalent_addresses_agree(
            local in "[A-Za-z\u{c9}\u{e9}\u{301}\u{331}\u{323}\u{212a}\u{1e30}\u{1e96}]{1,12}",
        ) {
            use unicode_normalization::UnicodeNormalization;
            let address = format!("{local}@example.org");
            let made = canonical_text(Canonical::Email, &address);
            prop_assert!(made.is_ok());
            let decomposed: String = address.nfd().collect();
            prop_assert_eq!(&canonical_text(Canonical::Email, &decomposed), &made);
            let composed: String = address.nfc().collect();
            prop_assert_eq!(&canonical_text(Canonical::Email, &composed), &made);
        }
    }
}
