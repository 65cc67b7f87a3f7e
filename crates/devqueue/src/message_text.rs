//! Which characters a message may hold.

use crate::error::{ErrorCode, QueueError};

/// Refuses text outside `#x9 | #xA | #xD | #x20-#xD7FF | #xE000-#xFFFD | #x10000-#x10FFFF`
/// (API Reference, `SendMessage`). Surrogates cannot occur in a `str`.
pub(crate) fn check(text: &str) -> Result<(), QueueError> {
    if text.bytes().all(|byte| byte >= b' ' && byte != 0xEF) || text.chars().all(is_allowed) {
        return Ok(());
    }
    Err(QueueError::new(
        ErrorCode::InvalidMessageContents,
        "The message contains characters outside the allowed set: \
         #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF.",
    ))
}

fn is_allowed(character: char) -> bool {
    match character {
        '\t' | '\n' | '\r' => true,
        '\u{FFFE}' | '\u{FFFF}' => false,
        other => other >= ' ',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_characters_pass() {
        for good in [
            "a\tb\nc\rd",
            "\u{7F}",
            "\u{D7FF}\u{E000}\u{FFFD}",
            "\u{10000}\u{10FFFF}",
        ] {
            assert_eq!(check(good), Ok(()), "{good:?}");
        }
        for bad in ["\0", "a\u{1}", "\u{1F}", "\u{FFFE}", "x\u{FFFF}"] {
            assert!(check(bad).is_err(), "{bad:?}");
        }
    }
}
