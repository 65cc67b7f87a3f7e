//! One pass over a body: the whole text is validated (RFC 8259), the configured fields are picked
//! out on the way.
//!
//! Nothing is copied: a field is a slice of the body until a column asks for its text. Of equal
//! keys in one object the last one counts, with everything below it.

use std::borrow::Cow;

use super::paths::{Node, Paths};
use super::rejection::RejectionCode;
use crate::json::{self, NotJson, Scanner};

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

impl Kind {
    /// What a value is; `None` for null.
    fn of(kind: json::Kind) -> Option<Self> {
        match kind {
            json::Kind::Null => None,
            json::Kind::Bool => Some(Self::Bool),
            json::Kind::Number => Some(Self::Number),
            json::Kind::String => Some(Self::String),
            json::Kind::Array | json::Kind::Object => Some(Self::Container),
        }
    }
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
        let text = Scanner::new(self.raw).string().ok();
        text.and_then(json::Text::characters)
            .expect("the pass over the body has validated this string")
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
        scanner: Scanner::new(body),
        fields: vec![None; paths.len()],
    };
    let is_object = reader
        .document(paths.root())
        .map_err(|_| RejectionCode::NotJson)?;
    if is_object {
        Ok(reader.fields)
    } else {
        Err(RejectionCode::NotAnObject)
    }
}

struct Reader<'b> {
    body: &'b str,
    scanner: Scanner<'b>,
    fields: Vec<Option<Json<'b>>>,
}

impl Reader<'_> {
    /// The whole text; whether it is an object.
    fn document(&mut self, root: &Node) -> Result<bool, NotJson> {
        let is_object = self.scanner.kind()? == json::Kind::Object;
        self.value(is_object.then_some(root), 0)?;
        self.scanner.end()?;
        Ok(is_object)
    }

    /// The value that comes next; `depth` containers lie around it. It is kept if `node` says so.
    fn value(&mut self, node: Option<&Node>, depth: u8) -> Result<(), NotJson> {
        let kind = self.scanner.kind()?;
        let start = self.scanner.position();
        match node {
            Some(node) if kind == json::Kind::Object => self.object(node, depth)?,
            Some(_) | None => self.scanner.skip(kind, depth)?,
        }
        if let Some(slot) = node.and_then(Node::slot) {
            let raw = &self.body[start..self.scanner.position()];
            self.fields[slot] = Kind::of(kind).map(|kind| Json { kind, raw });
        }
        Ok(())
    }

    fn object(&mut self, node: &Node, depth: u8) -> Result<(), NotJson> {
        let depth = self.scanner.deeper(depth)?;
        let mut key = self.scanner.first_key()?;
        while let Some(text) = key {
            let found = node.child(&self.scanner.characters(text)?);
            if let Some(found) = found {
                // An earlier value under the same key is gone with all that was in it.
                self.fields[found.slots()].fill(None);
            }
            self.value(found, depth)?;
            key = self.scanner.next_key()?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
