//! Text from elsewhere, without what would steer the terminal of who reads it.

use std::io::{self, Write};

use serde::Serialize;
use zeroize::Zeroizing;

/// The longest spelling of a character that is escaped: `\u{202e}`.
const LONGEST: usize = 8;

/// Control characters, and those that turn the direction of writing around (Unicode's bidi controls).
pub(super) fn steers(character: char) -> bool {
    character.is_control() || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// A text for a person, such characters as `\u{1b}`.
pub(super) fn escaped(text: &str) -> Zeroizing<String> {
    escape(text, |character, out| {
        out.extend(character.escape_unicode());
    })
}

/// A line of JSON that says the same and has no such character. Those below U+0020 are escaped in every
/// JSON, and the others stand in its strings only.
pub(super) fn escaped_json(line: &str) -> Zeroizing<String> {
    escape(line, |character, out| {
        // All of them are below U+10000, so that four digits are enough.
        let digits = format!("{:04x}", u32::from(character));
        out.push_str("\\u");
        out.push_str(&digits);
    })
}

/// Something as such a line of JSON, written in one piece as well.
pub(super) fn escaped_json_of(value: &impl Serialize) -> io::Result<Zeroizing<String>> {
    let mut length = Length(0);
    serde_json::to_writer(&mut length, value)?;
    let mut json = Zeroizing::new(Vec::with_capacity(length.0));
    serde_json::to_writer(&mut *json, value)?;
    let json = std::str::from_utf8(&json).map_err(io::Error::other)?;
    Ok(escaped_json(json))
}

/// Counts what is written.
struct Length(usize);

impl Write for Length {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 += bytes.len();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// In one piece, so that no copy of personal data is left behind by a growing buffer.
fn escape(text: &str, spell: impl Fn(char, &mut String)) -> Zeroizing<String> {
    let longer = LONGEST * text.chars().filter(|character| steers(*character)).count();
    let mut out = Zeroizing::new(String::with_capacity(text.len() + longer));
    for character in text.chars() {
        if steers(character) {
            spell(character, &mut out);
        } else {
            out.push(character);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_steers_a_terminal_is_spelled_out_and_nothing_else() {
        let text = "Zoë \\ \u{1b}[31m\r\n\t\0\u{7f}\u{9b}a\u{202e}b\u{2066}c\u{200d}✓";
        let shown = "Zoë \\ \\u{1b}[31m\\u{d}\\u{a}\\u{9}\\u{0}\\u{7f}\\u{9b}a\\u{202e}b\\u{2066}c\u{200d}✓";
        assert_eq!(escaped(text).as_str(), shown);
    }

    #[test]
    fn json_says_the_same_afterwards() {
        let text = "Zoë \" \\ \u{1b}[31m\r\n\u{7f}\u{9b}\u{202a}\u{202e}\u{2069}✓";
        let line = escaped_json(&serde_json::to_string(text).unwrap()).to_string();
        assert!(!line.contains(steers), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }
}
