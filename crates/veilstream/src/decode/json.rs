//! One pass over a body: the whole text is validated (RFC 8259), the configured fields are picked
//! out on the way.
//!
//! Nothing is copied: a field is a slice of the body until a column asks for its text. Of equal
//! keys in one object the last one counts, with everything below it.

use std::borrow::Cow;

use jiter::{Jiter, JiterErrorType, JsonErrorType, Peek};

use super::numeric::Spelling;
use super::paths::{Node, Paths};
use super::rejection::RejectionCode;

/// How many objects and arrays may lie within each other; a body that nests deeper is `not_json`
/// (RFC 8259, section 9, lets a parser set a limit).
pub const MAX_DEPTH: u8 = 128;

/// A value of the body, not null.
#[derive(Clone, Copy)]
pub(super) struct Json<'b> {
    kind: Kind,
    /// The value's JSON text, from its first character to its last.
    raw: &'b str,
}

/// What a JSON value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// `true` or `false`.
    Bool,
    /// A number of any size.
    Number,
    /// A string.
    String,
    /// An object or an array.
    Container,
}

impl<'b> Json<'b> {
    /// What it is.
    pub(super) fn kind(self) -> Kind {
        self.kind
    }

    /// Its JSON text.
    pub(super) fn raw(self) -> &'b str {
        self.raw
    }

    /// A string's characters; of anything else its JSON text. Borrowed unless there is an escape.
    pub(super) fn text(self) -> Cow<'b, str> {
        if self.kind != Kind::String {
            return Cow::Borrowed(self.raw);
        }
        let inner = &self.raw[1..self.raw.len() - 1];
        if !inner.as_bytes().contains(&b'\\') {
            return Cow::Borrowed(inner);
        }
        let mut jiter = Jiter::new(self.raw.as_bytes());
        let text = jiter
            .next_str()
            .expect("the pass over the body has validated this string");
        Cow::Owned(text.to_owned())
    }
}

/// The fields of a body by slot; `None` where a field is absent or null.
///
/// # Errors
///
/// `NotJson` and `NotAnObject`.
pub(super) fn pick<'b>(
    body: &'b str,
    paths: &Paths,
) -> Result<Vec<Option<Json<'b>>>, RejectionCode> {
    let mut reader = Reader {
        body,
        jiter: Jiter::new(body.as_bytes()),
        base: 0,
        fields: vec![None; paths.len()],
    };
    let is_object = reader
        .document(paths.root())
        .map_err(|NotJson| RejectionCode::NotJson)?;
    if is_object {
        Ok(reader.fields)
    } else {
        Err(RejectionCode::NotAnObject)
    }
}

/// The body is no JSON text.
struct NotJson;

impl From<jiter::JiterError> for NotJson {
    fn from(_: jiter::JiterError) -> Self {
        Self
    }
}

struct Reader<'b> {
    body: &'b str,
    jiter: Jiter<'b>,
    /// Where in the body `jiter` began.
    base: usize,
    fields: Vec<Option<Json<'b>>>,
}

impl Reader<'_> {
    /// The whole text; whether it is an object.
    fn document(&mut self, root: &Node) -> Result<bool, NotJson> {
        let peek = self.jiter.peek()?;
        let is_object = peek == Peek::Object;
        self.value(peek, is_object.then_some(root), 0)?;
        self.jiter.finish()?;
        Ok(is_object)
    }

    /// The value that begins here; `depth` containers lie around it. It is kept if `node` says so.
    fn value(&mut self, peek: Peek, node: Option<&Node>, depth: u8) -> Result<(), NotJson> {
        let start = self.position();
        let kind = match peek {
            Peek::String => {
                self.jiter.known_bytes()?;
                Some(Kind::String)
            }
            Peek::Null => {
                self.jiter.known_null()?;
                None
            }
            Peek::True | Peek::False => {
                self.jiter.known_bool(peek)?;
                Some(Kind::Bool)
            }
            Peek::Object => {
                match node {
                    Some(node) => self.object(node, deeper(depth)?)?,
                    None => self.ignored_object(deeper(depth)?)?,
                }
                Some(Kind::Container)
            }
            Peek::Array => {
                self.array(deeper(depth)?)?;
                Some(Kind::Container)
            }
            _ => {
                self.number(peek, start)?;
                Some(Kind::Number)
            }
        };
        if let Some(slot) = node.and_then(Node::slot) {
            let raw = &self.body[start..self.position()];
            self.fields[slot] = kind.map(|kind| Json { kind, raw });
        }
        Ok(())
    }

    fn object(&mut self, node: &Node, depth: u8) -> Result<(), NotJson> {
        let mut child = self.jiter.known_object()?.map(|key| node.child(key));
        while let Some(found) = child {
            if let Some(found) = found {
                // An earlier value under the same key is gone with all that was in it.
                self.fields[found.slots()].fill(None);
            }
            let peek = self.jiter.peek()?;
            self.value(peek, found, depth)?;
            child = self.jiter.next_key()?.map(|key| node.child(key));
        }
        Ok(())
    }

    fn ignored_object(&mut self, depth: u8) -> Result<(), NotJson> {
        let mut more = self.jiter.next_object_bytes()?.is_some();
        while more {
            let peek = self.jiter.peek()?;
            self.value(peek, None, depth)?;
            more = self.jiter.next_key_bytes()?.is_some();
        }
        Ok(())
    }

    fn array(&mut self, depth: u8) -> Result<(), NotJson> {
        let mut element = self.jiter.known_array()?;
        while let Some(peek) = element {
            self.value(peek, None, depth)?;
            element = self.jiter.array_step()?;
        }
        Ok(())
    }

    /// A number. The crate refuses more than 4,300 digits before the point, which JSON and
    /// PostgreSQL's numeric allow: such a one is measured here, and the crate goes on behind it.
    fn number(&mut self, peek: Peek, start: usize) -> Result<(), NotJson> {
        let Err(error) = self.jiter.known_number_bytes(peek).map(|_| ()) else {
            return Ok(());
        };
        if error.error_type != JiterErrorType::JsonError(JsonErrorType::NumberOutOfRange) {
            return Err(NotJson);
        }
        let rest = &self.body[start..];
        let is_part = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
        let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
        let (number, behind) = rest.split_at(length);
        Spelling::of(number).ok_or(NotJson)?;
        self.base = start + length;
        self.jiter = Jiter::new(behind.as_bytes());
        Ok(())
    }

    fn position(&self) -> usize {
        self.base + self.jiter.current_index()
    }
}

fn deeper(depth: u8) -> Result<u8, NotJson> {
    if depth < MAX_DEPTH {
        Ok(depth + 1)
    } else {
        Err(NotJson)
    }
}

#[cfg(test)]
mod tests;
