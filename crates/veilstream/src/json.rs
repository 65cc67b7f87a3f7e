//! A scanner of JSON texts (RFC 8259): it checks every character and copies none.
//!
//! All of a message goes through it twice, as part of the answer that brings it and as a body of its
//! own; docs/performance.md has what that takes. Its users hold it against `serde_json` in property
//! tests, and fuzz it.

use std::borrow::Cow;

/// How many objects and arrays may lie within each other; a text that nests deeper is refused
/// (RFC 8259, section 9, lets a parser set a limit).
pub const MAX_DEPTH: u8 = 128;

/// It is no JSON text: not from this byte on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("no JSON from byte {0} on")]
pub struct NotJson(usize);

/// What a value begins as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Null,
    Bool,
    Number,
    String,
    Array,
    Object,
}

/// A string as it is spelled, without its quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text<'t> {
    spelling: &'t str,
    has_escapes: bool,
}

/// Reads one value after the other, as its user asks.
pub(crate) struct Scanner<'t> {
    text: &'t str,
    at: usize,
    /// Whether what is skipped may have halves of surrogate pairs, as RFC 8259 (section 8.2) allows.
    is_lenient: bool,
}

impl<'t> Scanner<'t> {
    /// All strings spell characters, or the text is refused.
    pub(crate) fn new(text: &'t str) -> Self {
        Self {
            text,
            at: 0,
            is_lenient: false,
        }
    }

    /// What is skipped need not spell characters: it is a part that others do not depend on.
    pub(crate) fn lenient(text: &'t str) -> Self {
        Self {
            is_lenient: true,
            ..Self::new(text)
        }
    }

    /// How far it has read, in bytes.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// What comes next; the scanner stands at its first character then.
    pub(crate) fn kind(&mut self) -> Result<Kind, NotJson> {
        match self.next_character() {
            Some(b'"') => Ok(Kind::String),
            Some(b'{') => Ok(Kind::Object),
            Some(b'[') => Ok(Kind::Array),
            Some(b'-' | b'0'..=b'9') => Ok(Kind::Number),
            Some(b'n') => Ok(Kind::Null),
            Some(b't' | b'f') => Ok(Kind::Bool),
            _ => Err(self.error()),
        }
    }

    /// The first key of the object that begins here, if it has one; its value comes next.
    pub(crate) fn first_key(&mut self) -> Result<Option<Text<'t>>, NotJson> {
        self.at += 1;
        if self.next_character() == Some(b'}') {
            self.at += 1;
            return Ok(None);
        }
        self.key().map(Some)
    }

    /// The next key behind a value of an object.
    pub(crate) fn next_key(&mut self) -> Result<Option<Text<'t>>, NotJson> {
        if self.goes_on(b'}')? {
            self.key().map(Some)
        } else {
            Ok(None)
        }
    }

    /// Whether the array that begins here has an element, which comes next.
    pub(crate) fn first_element(&mut self) -> bool {
        self.at += 1;
        let is_empty = self.next_character() == Some(b']');
        self.at += usize::from(is_empty);
        !is_empty
    }

    /// Whether another element comes behind one of an array.
    pub(crate) fn next_element(&mut self) -> Result<bool, NotJson> {
        self.goes_on(b']')
    }

    /// The string that begins here.
    pub(crate) fn string(&mut self) -> Result<Text<'t>, NotJson> {
        let start = self.at + 1;
        self.at = start;
        let mut has_escapes = false;
        loop {
            self.at += plain(&self.text.as_bytes()[self.at..]);
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') => {
                    has_escapes = true;
                    self.escape()?;
                }
                Some(_) | None => return Err(self.error()),
            }
        }
        let spelling = &self.text[start..self.at];
        self.at += 1;
        Ok(Text {
            spelling,
            has_escapes,
        })
    }

    /// Passes over a null, a boolean or a number.
    pub(crate) fn simple(&mut self, kind: Kind) -> Result<(), NotJson> {
        if kind == Kind::Number {
            return self.number();
        }
        let rest = &self.text.as_bytes()[self.at..];
        let literals: [&[u8]; 3] = [b"null", b"true", b"false"];
        let literal = literals.iter().find(|literal| rest.starts_with(literal));
        self.at += literal.ok_or(self.error())?.len();
        Ok(())
    }

    /// Passes over a whole value; `depth` containers lie around it.
    pub(crate) fn skip(&mut self, kind: Kind, depth: u8) -> Result<(), NotJson> {
        match kind {
            Kind::Object => {
                let depth = self.deeper(depth)?;
                let mut key = self.first_key()?;
                while let Some(text) = key {
                    self.check(text)?;
                    let kind = self.kind()?;
                    self.skip(kind, depth)?;
                    key = self.next_key()?;
                }
                Ok(())
            }
            Kind::Array => {
                let depth = self.deeper(depth)?;
                let mut more = self.first_element();
                while more {
                    let kind = self.kind()?;
                    self.skip(kind, depth)?;
                    more = self.next_element()?;
                }
                Ok(())
            }
            Kind::String => {
                let text = self.string()?;
                self.check(text)
            }
            Kind::Null | Kind::Bool | Kind::Number => self.simple(kind),
        }
    }

    /// One more container around what comes.
    pub(crate) fn deeper(&self, depth: u8) -> Result<u8, NotJson> {
        if depth < MAX_DEPTH {
            Ok(depth + 1)
        } else {
            Err(self.error())
        }
    }

    /// The characters of a string that was just read.
    pub(crate) fn characters(&self, text: Text<'t>) -> Result<Cow<'t, str>, NotJson> {
        text.characters().ok_or(self.error())
    }

    fn check(&self, text: Text<'t>) -> Result<(), NotJson> {
        if self.is_lenient || !text.has_escapes {
            return Ok(());
        }
        self.characters(text).map(drop)
    }

    /// Nothing comes any more but white space.
    pub(crate) fn end(&mut self) -> Result<(), NotJson> {
        match self.next_character() {
            None => Ok(()),
            Some(_) => Err(self.error()),
        }
    }

    fn key(&mut self) -> Result<Text<'t>, NotJson> {
        if self.next_character() != Some(b'"') {
            return Err(self.error());
        }
        let key = self.string()?;
        if self.next_character() != Some(b':') {
            return Err(self.error());
        }
        self.at += 1;
        Ok(key)
    }

    /// Whether a comma comes, and not the end of the container.
    fn goes_on(&mut self, end: u8) -> Result<bool, NotJson> {
        match self.next_character() {
            Some(byte) if byte == b',' || byte == end => {
                self.at += 1;
                Ok(byte == b',')
            }
            _ => Err(self.error()),
        }
    }

    /// `\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, or `\u` with four hexadecimal digits.
    fn escape(&mut self) -> Result<(), NotJson> {
        self.at += 1;
        match self.byte() {
            Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 1,
            Some(b'u') => {
                let digits = self.text.as_bytes().get(self.at + 1..self.at + 5);
                if !digits.is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit)) {
                    return Err(self.error());
                }
                self.at += 5;
            }
            _ => return Err(self.error()),
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), NotJson> {
        self.at += usize::from(self.byte() == Some(b'-'));
        let leads_with_zero = self.byte() == Some(b'0');
        if self.digits()? > 1 && leads_with_zero {
            return Err(self.error());
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            self.at += usize::from(matches!(self.byte(), Some(b'+' | b'-')));
            self.digits()?;
        }
        Ok(())
    }

    /// How many digits come; one at least.
    fn digits(&mut self) -> Result<usize, NotJson> {
        let rest = self.text.as_bytes()[self.at..].iter();
        let digits = rest.take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits;
        if digits == 0 {
            return Err(self.error());
        }
        Ok(digits)
    }

    /// The first character that is no white space.
    fn next_character(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn error(&self) -> NotJson {
        NotJson(self.at)
    }
}

const ONES: u64 = u64::from_le_bytes([1; 8]);
const HIGHEST: u64 = ONES << 7;

/// How many bytes come before a quote, a backslash or a control character; eight at a time.
fn plain(bytes: &[u8]) -> usize {
    let (words, rest) = bytes.as_chunks::<8>();
    for (place, word) in words.iter().enumerate() {
        let word = u64::from_le_bytes(*word);
        let is_control = word.wrapping_sub(ONES * u64::from(b' ')) & !word;
        let marks = (equal(word, b'"') | equal(word, b'\\') | is_control) & HIGHEST;
        if marks != 0 {
            return place * 8 + first(marks);
        }
    }
    let is_plain = |byte: &&u8| **byte >= b' ' && **byte != b'"' && **byte != b'\\';
    words.len() * 8 + rest.iter().take_while(is_plain).count()
}

/// The highest bit of the first byte that is this one, and of none before it: borrows can mark a byte
/// behind it wrongly, never one before it.
fn equal(word: u64, byte: u8) -> u64 {
    let zero = word ^ (ONES * u64::from(byte));
    zero.wrapping_sub(ONES) & !zero
}

/// The place of the first byte that is marked.
fn first(marks: u64) -> usize {
    marks.trailing_zeros() as usize / 8
}

impl<'t> Text<'t> {
    /// Its characters; `None` where an escape spells half of a surrogate pair, which is none.
    pub(crate) fn characters(self) -> Option<Cow<'t, str>> {
        if !self.has_escapes {
            return Some(Cow::Borrowed(self.spelling));
        }
        let mut characters = Vec::with_capacity(self.spelling.len());
        let mut rest = push_until_escape(&mut characters, self.spelling.as_bytes());
        while let [_, escape, behind @ ..] = rest {
            rest = behind;
            match escape {
                b'b' => characters.push(8),
                b'f' => characters.push(12),
                b'n' => characters.push(b'\n'),
                b'r' => characters.push(b'\r'),
                b't' => characters.push(b'\t'),
                b'u' => {
                    let character = unicode(&mut rest)?;
                    characters.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                itself => characters.push(*itself),
            }
            rest = push_until_escape(&mut characters, rest);
        }
        String::from_utf8(characters).ok().map(Cow::Owned)
    }
}

/// Takes what comes before the next backslash, eight bytes at a time; what remains.
fn push_until_escape<'r>(characters: &mut Vec<u8>, mut rest: &'r [u8]) -> &'r [u8] {
    while let Some((word, behind)) = rest.split_first_chunk::<8>() {
        let marks = equal(u64::from_le_bytes(*word), b'\\') & HIGHEST;
        characters.extend_from_slice(word);
        if marks != 0 {
            let before = first(marks);
            characters.truncate(characters.len() - word.len() + before);
            return &rest[before..];
        }
        rest = behind;
    }
    let before = rest.iter().take_while(|byte| **byte != b'\\').count();
    let (before, behind) = rest.split_at(before);
    characters.extend_from_slice(before);
    behind
}

/// The character that one or two escapes spell, of which the first one's digits come next.
fn unicode(rest: &mut &[u8]) -> Option<char> {
    let unit = code_unit(rest)?;
    if let Some(character) = char::from_u32(unit.into()) {
        return Some(character);
    }
    *rest = rest.strip_prefix(b"\\u")?;
    let mut pair = char::decode_utf16([unit, code_unit(rest)?]);
    pair.next()?.ok()
}

/// The UTF-16 code unit of four hexadecimal digits.
fn code_unit(rest: &mut &[u8]) -> Option<u16> {
    let (digits, behind) = rest.split_first_chunk::<4>()?;
    *rest = behind;
    u16::from_str_radix(str::from_utf8(digits).ok()?, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_special_byte_is_found_wherever_it_stands() {
        for length in 0..40 {
            for place in 0..length {
                for special in [b'"', b'\\', 0, 1, 0x1f] {
                    for filler in [
                        b'a', b' ', b'!', b'#', b'[', b']', 0x7f, 0x80, 0xa2, 0xdc, 0xff,
                    ] {
                        let mut bytes = vec![filler; length];
                        bytes[place] = special;
                        assert_eq!(plain(&bytes), place, "{bytes:x?}");
                        bytes[place] = filler;
                        assert_eq!(plain(&bytes), length, "{bytes:x?}");
                    }
                }
            }
        }
    }

    #[test]
    fn half_a_surrogate_pair_spells_no_character() {
        let characters = |text: &'static str| {
            let mut scanner = Scanner::new(text);
            scanner.string().unwrap().characters()
        };
        assert_eq!(characters(r#""\ud83d\ude00\\""#).as_deref(), Some("😀\\"));
        assert_eq!(
            characters(r#""\\u0061\u0062\\\\""#).as_deref(),
            Some(r"\u0061b\\")
        );
        for text in [
            r#""\ud83d""#,
            r#""\ud83d ""#,
            r#""\ude00""#,
            r#""\ud83dx\ude00""#,
            r#""\ud83d\\ude00""#,
            r#""\ud83d\n""#,
            r#""\ud83d\ud83d""#,
            r#""\ud83d\u0061""#,
        ] {
            assert_eq!(characters(text), None, "{text}");
        }
    }
}
