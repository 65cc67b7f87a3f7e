//! A configuration for events that nobody has described, for `veilstream init`: columns, types and
//! masks as a sample suggests them.
//!
//! What is proposed is tried: each column has several ways to be loaded, the tightest first, and
//! the decoder and the maskers themselves say which one takes all of the sample.

mod name;
mod seen;
mod shape;
mod text;
mod ways;

use std::collections::HashSet;

use masking::{DomainSpec, Keyset, KeysetId, Zeroizing};

use crate::{
    config::{Column, ColumnSource, ColumnType, Conversion, DomainMask, Mask},
    decode::{Decoder, Envelope, Rejection, RejectionCode},
    inspect::{Choice, FieldReport},
    mask::Masking,
};
use seen::{Seen, Within};
use shape::{Node, member};
use ways::Way;

pub use text::{Surroundings, Written};

/// A proposal, to be written with [`Proposal::to_toml`].
pub struct Proposal {
    columns: Vec<Proposed>,
    /// Events in the sample, and messages that are none.
    events: u64,
    not_objects: u64,
    /// Events that could be loaded, and not be looked at.
    not_seen: u64,
    /// Fields that were always null or empty: what they are, nobody knows.
    always_null: Vec<String>,
    /// Whether there are fields that have no column, as their names may be data.
    has_hidden: bool,
}

/// One column.
struct Proposed {
    path: Vec<String>,
    name: String,
    /// What it can be, the first being what it is; never empty.
    ways: Vec<Way>,
    /// In how many events it is.
    seen: u64,
    required: bool,
    /// What it looks like, and why it is masked or not.
    looks: String,
    why: String,
}

/// Why there is no proposal.
#[derive(Debug, thiserror::Error)]
pub enum ProposeError {
    /// Nothing can be seen.
    #[error("no message of the sample is a JSON object: there is nothing to propose columns from")]
    NoEvents,
    /// There are objects, and none can be looked at.
    #[error(
        "no event of the sample can be looked into: each has a number beyond the range of a double, such as \
         1e400. Write the configuration by hand, as docs/configuration.md tells"
    )]
    NotSeen,
    /// There are objects, and nothing in them.
    #[error("no field of the sample has a value and a name to make a column of")]
    NoFields,
    /// The system gives no random bytes to try masks with.
    #[error("the system gives no random bytes: {0}")]
    Random(getrandom::Error),
    /// A fault of veilstream.
    #[error("what was proposed is no configuration, which is a fault of veilstream: {0}")]
    Unsound(String),
}

impl Proposal {
    /// What the bodies of messages suggest.
    ///
    /// # Errors
    ///
    /// When there is nothing to make a column of.
    pub fn new(bodies: &[Zeroizing<String>]) -> Result<Self, ProposeError> {
        let mut root = Node::default();
        for body in bodies {
            if let Ok(event @ serde_json::Value::Object(_)) = serde_json::from_str(body) {
                root.add(event);
            }
        }
        let not_objects = bodies.iter().filter(|body| !is_event(body)).count() as u64;
        let not_seen = (bodies.len() as u64).saturating_sub(root.seen + not_objects);
        if root.seen == 0 {
            return Err(match not_seen {
                0 => ProposeError::NoEvents,
                _ => ProposeError::NotSeen,
            });
        }
        let mut seen = Seen::of(bodies, HashSet::new());
        let mut odd = HashSet::new();
        seen.odd_names("", &root, &mut odd);
        if !odd.is_empty() {
            seen = Seen::of(bodies, odd);
        }
        let mut proposal = Self {
            columns: Vec::new(),
            events: root.seen,
            not_objects,
            not_seen,
            always_null: Vec::new(),
            has_hidden: false,
        };
        proposal.descend(&seen, &root, "", &mut Vec::new(), true);
        if proposal.columns.is_empty() {
            return Err(ProposeError::NoFields);
        }
        let mut taken = HashSet::new();
        for column in &mut proposal.columns {
            column.name = name::column(&column.path, &mut taken);
        }
        proposal.settle(bodies)?;
        Ok(proposal)
    }

    /// Proposes columns for the members of an object; `always` says whether all events have it.
    fn descend(
        &mut self,
        seen: &Seen,
        object: &Node,
        path: &str,
        tokens: &mut Vec<String>,
        always: bool,
    ) {
        for (key, node) in &object.members {
            let path = member(path, key);
            if !seen.shows(&path, Some(key.as_str())) {
                self.has_hidden |= node.nulls < node.seen;
                continue;
            }
            let always = always && node.seen == object.objects && node.nulls == 0;
            tokens.push(key.clone());
            if node.is_object() {
                let before = self.columns.len();
                self.descend(seen, node, &path, tokens, always);
                if self.columns.len() == before && !seen.shows_members(&path, node) {
                    let column = Proposed::object(seen, &path, tokens, node, always);
                    self.columns.push(column);
                }
            } else if node.has_container() {
                let column = Proposed::object(seen, &path, tokens, node, always);
                self.columns.push(column);
            } else if node.nulls == node.seen || seen.fields.get(&path).is_some_and(is_empty) {
                self.always_null.push(path);
            } else if let Some(field) = seen.fields.get(&path) {
                self.columns
                    .push(Proposed::single(field, tokens, node, always));
            }
            tokens.pop();
        }
    }

    /// Loosens columns until all of the sample is loaded, but for what no column would take.
    fn settle(&mut self, bodies: &[Zeroizing<String>]) -> Result<(), ProposeError> {
        let keyset = self.keyset()?;
        loop {
            let mut loosened = false;
            let mut rows = self.rows(&keyset)?;
            for body in bodies {
                while let Err(rejection) = rows.try_body(body) {
                    if !self.loosen(&rejection) {
                        break;
                    }
                    loosened = true;
                    rows = self.rows(&keyset)?;
                }
            }
            if !loosened {
                return Ok(());
            }
        }
    }

    /// Makes the column at fault something that takes more; `false` where nothing does.
    fn loosen(&mut self, rejection: &Rejection) -> bool {
        let at_fault = |column: &&mut Proposed| Some(&*column.name) == rejection.column.as_deref();
        let column = self.columns.iter_mut().find(at_fault);
        let hopeless = matches!(
            rejection.code,
            RejectionCode::NulInText | RejectionCode::MissingField | RejectionCode::AlreadyMasked
        );
        match column {
            Some(column) if column.ways.len() > 1 && !hopeless => {
                column.ways.remove(0);
                if let Way::Drop(_) = column.way() {
                    column.why =
                        format!("no other way takes all of the sample ({})", rejection.code);
                }
                true
            }
            Some(_) | None => false,
        }
    }

    /// A key set for the trial, with every domain that may be needed.
    fn keyset(&self) -> Result<Keyset, ProposeError> {
        let (mut id, mut root) = ([0; 8], Zeroizing::new([0; 32]));
        getrandom::fill(&mut id).map_err(ProposeError::Random)?;
        getrandom::fill(root.as_mut_slice()).map_err(ProposeError::Random)?;
        let mut domains: Vec<DomainSpec> = Vec::new();
        for way in self.columns.iter().flat_map(|column| &column.ways) {
            if let Way::Token(domain) = way
                && !domains.contains(domain)
            {
                domains.push(domain.clone());
            }
        }
        Keyset::create(
            KeysetId::new(id),
            root,
            "2000-01-01T00:00:00Z",
            domains,
            None,
        )
        .map_err(|error| ProposeError::Unsound(error.to_string()))
    }

    fn rows(&self, keyset: &Keyset) -> Result<Trial, ProposeError> {
        let columns: Vec<_> = self.columns.iter().map(Proposed::column).collect();
        let masking = Masking::new(&columns, keyset);
        Ok(Trial {
            decoder: Decoder::new(&columns),
            masking: masking.map_err(|error| ProposeError::Unsound(error.to_string()))?,
        })
    }

    /// The domains that the key set has to have.
    fn domains(&self) -> Vec<&DomainSpec> {
        let mut domains: Vec<&DomainSpec> = Vec::new();
        for column in &self.columns {
            if let Way::Token(domain) = column.way()
                && !domains.contains(&domain)
            {
                domains.push(domain);
            }
        }
        domains.sort_by(|one, other| one.name.cmp(&other.name));
        domains
    }
}

/// What makes rows, to see whether it does.
struct Trial {
    decoder: Decoder,
    masking: Masking,
}

impl Trial {
    fn try_body(&mut self, body: &str) -> Result<(), Rejection> {
        let envelope = Envelope {
            message_id: "",
            sent_at_millis: 0,
        };
        let decoded = self.decoder.decode(body, &envelope)?;
        self.masking.apply(decoded).map(drop)
    }
}

/// Whether a run would take a body for an event.
fn is_event(body: &str) -> bool {
    let envelope = Envelope {
        message_id: "",
        sent_at_millis: 0,
    };
    Decoder::new(&[]).decode(body, &envelope).is_ok()
}

/// Whether a field has nothing but empty texts.
fn is_empty(field: &FieldReport) -> bool {
    field.lengths.is_some_and(|lengths| lengths.max == 0)
}

impl Proposed {
    /// The column of an object or array, loaded whole.
    fn object(seen: &Seen, path: &str, tokens: &[String], node: &Node, always: bool) -> Self {
        let (way, why) = match seen.worst_within(path, node) {
            Within::Harmless => (Way::Clear(ColumnType::Jsonb, Conversion::Natural), ""),
            Within::Sentences => (
                Way::Clear(ColumnType::Jsonb, Conversion::Natural),
                "there are sentences in it, which can name anybody: look whether they do",
            ),
            Within::Personal => (
                Way::Drop(ColumnType::Jsonb),
                "there is personal data in it, so it is not loaded; load single fields of it, or remove the mask if \
                 that is wrong",
            ),
            Within::Unknown => (
                Way::Drop(ColumnType::Jsonb),
                "its keys may be data, or not all of it was looked at, so it is not loaded; remove the mask if nothing \
                 in it is personal",
            ),
        };
        let looks = if node.arrays > 0 { "array" } else { "object" };
        Self {
            path: tokens.to_vec(),
            name: String::new(),
            required: always && !matches!(way, Way::Drop(_)),
            ways: vec![way],
            seen: node.seen - node.nulls,
            looks: looks.to_owned(),
            why: why.to_owned(),
        }
    }

    /// The column of a field with single values. One whose values can be counted is masked all the same: what is
    /// dropped is gone, and a sample is a sample.
    fn single(field: &FieldReport, tokens: &[String], node: &Node, always: bool) -> Self {
        let method = field.uncounted.method;
        let sentences = (
            ways::masked(field),
            "sentences can name anybody; drop it if nobody reads it",
        );
        let (ways, why) = match method {
            Choice::Clear if ways::are_sentences(field, node) => sentences,
            Choice::Clear => (ways::clear(field, tokens, node), ""),
            Choice::Drop => (vec![Way::Drop(ColumnType::Text)], field.uncounted.why),
            Choice::Siv | Choice::Ip => (ways::masked(field), field.uncounted.why),
            Choice::Hmac => (
                ways::masked(field),
                "equal ones still match; method hmac if nobody is to get them back",
            ),
            Choice::Redact => sentences,
        };
        let mut looks = field.looks_like.words.to_owned();
        if let Some(hint) = field.name_says.filter(|hint| hint.words() != looks) {
            looks = format!("{looks}; its name says {}", hint.words());
        }
        let mut why = why.to_owned();
        if method != Choice::Drop && field.advice.method == Choice::Drop {
            why += "; a few values are most of it and can be counted under any mask, so drop it if nobody needs it";
        }
        Self {
            path: tokens.to_vec(),
            name: String::new(),
            required: always && method != Choice::Drop,
            ways,
            seen: node.seen - node.nulls,
            looks,
            why,
        }
    }

    /// What it is to be.
    fn way(&self) -> &Way {
        self.ways.first().expect("a column has a way to be loaded")
    }

    fn column(&self) -> Column {
        let (column_type, conversion, mask) = match self.way() {
            Way::Clear(column_type, conversion) => (*column_type, *conversion, None),
            Way::Drop(column_type) => (*column_type, Conversion::Natural, Some(Mask::Drop)),
            Way::Token(domain) => {
                let mask = DomainMask {
                    canonical: Some(domain.canonical),
                    ..DomainMask::new(domain.name.clone())
                };
                (
                    ColumnType::Text,
                    Conversion::Natural,
                    Some(Mask::Domain(mask)),
                )
            }
        };
        Column {
            name: self.name.clone(),
            source: ColumnSource::Field(self.path.clone()),
            column_type,
            conversion,
            required: self.required && mask != Some(Mask::Drop),
            mask,
        }
    }
}

#[cfg(test)]
mod tests;
