//! The elements of an XML document, from the first to the last.

use std::borrow::Cow;

use quick_xml::{
    Reader,
    escape::resolve_xml_entity,
    events::{BytesRef, BytesStart, Event},
};

/// SQS's answers are six deep at the most. The parser keeps the names of all that are open.
const MOST_DEPTH: usize = 128;

/// An answer that is not one of SQS's Query protocol: what is wrong and where, without its content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {byte}")]
pub struct NotSqs {
    what: &'static str,
    byte: u64,
}

/// A document that is read once.
///
/// No entity is declared in it, since it has no document type, so nothing in it is larger than it
/// was on its way.
pub(super) struct Elements<'t> {
    reader: Reader<&'t [u8]>,
    /// How many elements are open.
    depth: usize,
    /// Whether characters were put into the text for bytes that are none.
    altered: bool,
}

impl<'t> Elements<'t> {
    /// Those of a text. If it is `altered`, no text with U+FFFD in it is taken for one.
    pub(super) fn of(text: &'t str, altered: bool) -> Self {
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        Self {
            reader,
            depth: 0,
            altered,
        }
    }

    /// Enters the next element of the one that is entered, past any text; `None`, and out of it, at
    /// its end.
    pub(super) fn child(&mut self) -> Result<Option<BytesStart<'t>>, NotSqs> {
        loop {
            match self.next()? {
                Event::Start(start) => return Ok(Some(start)),
                Event::End(_) | Event::Eof => return Ok(None),
                Event::Text(_)
                | Event::CData(_)
                | Event::GeneralRef(_)
                | Event::Empty(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => {}
            }
        }
    }

    /// Leaves the element that is entered.
    pub(super) fn skip(&mut self) -> Result<(), NotSqs> {
        self.text().map(|_| ())
    }

    /// The text of the element that is entered, which is left; `None` if it holds anything else.
    ///
    /// Ends of lines stay as they are: what XML wants made of them (section 2.11) would change a
    /// body, and a server that escapes none of them means what it writes.
    pub(super) fn text(&mut self) -> Result<Option<Cow<'t, str>>, NotSqs> {
        let outside = self.depth.saturating_sub(1);
        let mut text = Cow::Borrowed("");
        let mut whole = true;
        loop {
            match self.next()? {
                Event::Text(piece) => append(&mut text, piece.into_inner()),
                Event::CData(piece) => append(&mut text, piece.into_inner()),
                Event::GeneralRef(reference) => match character(&reference) {
                    Some(character) => text.to_mut().push(character),
                    None => whole = false,
                },
                Event::Start(_) | Event::Empty(_) => whole = false,
                Event::End(_) if self.depth == outside => break,
                Event::Eof => break,
                Event::End(_)
                | Event::Comment(_)
                | Event::Decl(_)
                | Event::PI(_)
                | Event::DocType(_) => {}
            }
        }
        whole &= !self.altered || !text.contains(char::REPLACEMENT_CHARACTER);
        Ok(whole.then_some(text))
    }

    /// That something is not as it is in SQS's answers.
    pub(super) fn wrong(&self, what: &'static str) -> NotSqs {
        NotSqs {
            what,
            byte: self.reader.buffer_position(),
        }
    }

    fn next(&mut self) -> Result<Event<'t>, NotSqs> {
        // The text of the parser's error can quote the content.
        let event = self.reader.read_event().map_err(|_| NotSqs {
            what: "no XML",
            byte: self.reader.error_position(),
        })?;
        match event {
            Event::Start(_) if self.depth == MOST_DEPTH => {
                return Err(self.wrong("too many elements in each other"));
            }
            Event::Start(_) => self.depth += 1,
            Event::End(_) => self.depth = self.depth.saturating_sub(1),
            Event::DocType(_) => return Err(self.wrong("a document type")),
            Event::Eof if self.depth > 0 => return Err(self.wrong("an early end")),
            Event::Eof
            | Event::Empty(_)
            | Event::Text(_)
            | Event::CData(_)
            | Event::GeneralRef(_)
            | Event::Comment(_)
            | Event::Decl(_)
            | Event::PI(_) => {}
        }
        Ok(event)
    }
}

/// The first piece of a text is taken as it stands.
fn append<'t>(text: &mut Cow<'t, str>, piece: Cow<'t, str>) {
    if text.is_empty() {
        *text = piece;
    } else {
        text.to_mut().push_str(&piece);
    }
}

/// The character that a reference stands for: its number says it, or it is one of the five that XML
/// knows by name.
fn character(reference: &BytesRef<'_>) -> Option<char> {
    match reference.resolve_char_ref() {
        Ok(Some(character)) => Some(character),
        Ok(None) => resolve_xml_entity(reference)?.chars().next(),
        Err(_) => None,
    }
}
