//! The messages in SQS's answer to a receive, in its JSON protocol, borrowed from the answer.

use std::borrow::Cow;

use super::{super::protocol::Message, NotSqs};
use crate::json::{Kind, NotJson, Scanner, Text};

/// How deep a message lies: in a list, in an object.
const DEPTH: u8 = 2;

/// The messages in the body of a receive; `None` for what stands among them but is no message,
/// so that it does not hold up the others.
///
/// # Errors
///
/// When it is not an answer of SQS.
pub fn messages(body: &[u8]) -> Result<Vec<Option<Message<'_>>>, NotSqs> {
    if let Ok(text) = str::from_utf8(body) {
        return Answer::new(text, false).messages();
    }
    // What is no text anywhere must not pass for text that merely resembles it.
    let text = String::from_utf8_lossy(body);
    let messages = Answer::new(&text, true).messages()?.into_iter();
    Ok(messages
        .map(|message| message.map(Message::into_owned))
        .collect())
}

struct Answer<'t> {
    text: &'t str,
    scanner: Scanner<'t>,
    /// Whether some of the text replaces what was no text.
    is_altered: bool,
}

/// What is read of a message.
#[derive(Default)]
struct Fields<'t> {
    message_id: Option<Cow<'t, str>>,
    receipt_handle: Option<Cow<'t, str>>,
    md5_of_body: Option<Cow<'t, str>>,
    body: Option<Cow<'t, str>>,
    sent_timestamp: Option<Cow<'t, str>>,
    /// Whether one of them is there twice, or is no text.
    is_wrong: bool,
}

impl<'t> Answer<'t> {
    fn new(text: &'t str, is_altered: bool) -> Self {
        Self {
            text,
            scanner: Scanner::lenient(text),
            is_altered,
        }
    }

    fn messages(mut self) -> Result<Vec<Option<Message<'t>>>, NotSqs> {
        let mut messages = Vec::new();
        if self.scanner.kind()? != Kind::Object {
            return Err(NotSqs::NoList);
        }
        let mut key = self.scanner.first_key()?;
        while let Some(name) = key {
            let kind = self.scanner.kind()?;
            let is_list = is(name, "Messages");
            if is_list {
                // The last one counts, as for most parsers.
                messages.clear();
            }
            if !is_list || kind == Kind::Null {
                self.scanner.skip(kind, 1)?;
            } else if kind == Kind::Array {
                let mut more = self.scanner.first_element();
                while more {
                    messages.push(self.message()?);
                    more = self.scanner.next_element()?;
                }
            } else {
                return Err(NotSqs::NoList);
            }
            key = self.scanner.next_key()?;
        }
        self.scanner.end()?;
        Ok(messages)
    }

    fn message(&mut self) -> Result<Option<Message<'t>>, NotJson> {
        let kind = self.scanner.kind()?;
        if kind != Kind::Object {
            self.scanner.skip(kind, DEPTH)?;
            return Ok(None);
        }
        let start = self.scanner.position();
        let mut fields = Fields::default();
        let mut key = self.scanner.first_key()?;
        while let Some(name) = key {
            self.field(name, &mut fields)?;
            key = self.scanner.next_key()?;
        }
        let spelling = &self.text[start..self.scanner.position()];
        if self.is_altered && spelling.contains(char::REPLACEMENT_CHARACTER) {
            return Ok(None);
        }
        Ok(fields.into_message())
    }

    fn field(&mut self, name: Text<'t>, fields: &mut Fields<'t>) -> Result<(), NotJson> {
        let Fields { is_wrong, .. } = fields;
        let field = match name.characters().as_deref() {
            Some("MessageId") => &mut fields.message_id,
            Some("ReceiptHandle") => &mut fields.receipt_handle,
            Some("MD5OfBody") => &mut fields.md5_of_body,
            Some("Body") => &mut fields.body,
            Some("Attributes") => return self.attributes(fields),
            Some(_) | None => {
                let kind = self.scanner.kind()?;
                return self.scanner.skip(kind, DEPTH + 1);
            }
        };
        *is_wrong |= !self.read(field)?;
        Ok(())
    }

    fn attributes(&mut self, fields: &mut Fields<'t>) -> Result<(), NotJson> {
        let kind = self.scanner.kind()?;
        if kind != Kind::Object {
            fields.is_wrong |= kind != Kind::Null;
            return self.scanner.skip(kind, DEPTH + 1);
        }
        let mut key = self.scanner.first_key()?;
        while let Some(name) = key {
            if is(name, "SentTimestamp") {
                fields.is_wrong |= !self.read(&mut fields.sent_timestamp)?;
            } else {
                let kind = self.scanner.kind()?;
                self.scanner.skip(kind, DEPTH + 2)?;
            }
            key = self.scanner.next_key()?;
        }
        Ok(())
    }

    /// Reads a text into a field, or null; `false` if it is something else, or the field is there twice.
    fn read(&mut self, field: &mut Option<Cow<'t, str>>) -> Result<bool, NotJson> {
        let kind = self.scanner.kind()?;
        if kind != Kind::String {
            self.scanner.skip(kind, DEPTH + 1)?;
            return Ok(kind == Kind::Null);
        }
        let characters = self.scanner.string()?.characters();
        let is_right = characters.is_some() && field.is_none();
        *field = characters;
        Ok(is_right)
    }
}

/// Whether a key is this one.
fn is(key: Text<'_>, name: &str) -> bool {
    key.characters().as_deref() == Some(name)
}

impl<'t> Fields<'t> {
    fn into_message(self) -> Option<Message<'t>> {
        if self.is_wrong {
            return None;
        }
        Some(Message {
            message_id: self.message_id?,
            receipt_handle: self.receipt_handle?,
            md5_of_body: self.md5_of_body,
            body: self.body?,
            sent_timestamp: self.sent_timestamp,
        })
    }
}

#[cfg(test)]
mod tests;
