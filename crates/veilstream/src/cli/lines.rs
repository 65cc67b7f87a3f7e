//! Lines of text for a terminal of 80 columns, which `inspect` and `plan` draw.

use super::escaping::steers;

/// Columns of a terminal that nobody has widened.
pub(super) const WIDTH: usize = 80;

/// Escape sequences (ECMA-48, section 8.3.117).
#[derive(Clone, Copy)]
pub(super) enum Colour {
    Bold = 1,
    Dim = 2,
    Red = 31,
    Green = 32,
    Yellow = 33,
}

impl Colour {
    /// The text in this colour, where colours are shown.
    pub(super) fn paint(self, text: &str, colours: bool) -> String {
        if colours {
            format!("\x1b[{}m{text}\x1b[0m", self as u8)
        } else {
            text.to_owned()
        }
    }
}

/// How many of something.
pub(super) fn counted(count: u64, what: &str) -> String {
    if count == 1 {
        format!("1 {what}")
    } else {
        format!("{count} {what}s")
    }
}

/// A name without what a terminal would act on.
pub(super) fn escaped(name: &str) -> String {
    name.chars()
        .map(|c| if steers(c) { '\u{fffd}' } else { c })
        .collect()
}

/// A text with its middle left out where it is too long.
pub(super) fn shortened(text: &str, room: usize) -> String {
    let characters: Vec<char> = text.chars().collect();
    if characters.len() <= room {
        return text.to_owned();
    }
    let kept = room.saturating_sub(1);
    let (front, back) = (kept - kept / 2, kept / 2);
    let mut short: String = characters[..front].iter().collect();
    short.push('…');
    short.extend(&characters[characters.len() - back..]);
    short
}

/// Lines of at most so many characters, broken between words.
pub(super) fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let line = lines.last_mut().expect("there is always a line");
        if line.is_empty() {
            line.push_str(word);
        } else if width(line) + 1 + width(word) <= room {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// How many characters a text has.
pub(super) fn width(text: &str) -> usize {
    text.chars().count()
}
