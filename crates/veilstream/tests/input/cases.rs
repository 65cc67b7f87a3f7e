//! The corpus: bodies, and beside each what has to become of it. Nothing here is computed by what is
//! under test; where PostgreSQL prints a value, it is written down as PostgreSQL prints it.

mod bytes;
mod structure;
mod texts;
mod values;

use std::collections::BTreeMap;

use crate::forger::Forgery;

/// Stands in every body; never in a log.
pub(crate) const CANARY: &str = "Canary-7f3a";

/// One body.
pub(crate) struct Case {
    pub(crate) name: String,
    pub(crate) body: Body,
    pub(crate) outcome: Outcome,
}

/// How it comes into an answer of the queue.
pub(crate) enum Body {
    /// It is sent.
    Sent(String),
    /// No queue would take it, or its digest is wrong; with its bytes.
    Forged(Forgery, Vec<u8>),
}

/// What has to become of it.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// It is a row of these columns; all others are NULL.
    Loaded(BTreeMap<&'static str, String>),
    /// It is in quarantine for this reason, with this column.
    Quarantined(&'static str, Option<&'static str>),
    /// It is in the queue.
    Left,
}

impl Case {
    pub(crate) fn bytes(&self) -> &[u8] {
        match &self.body {
            Body::Sent(text) => text.as_bytes(),
            Body::Forged(_, bytes) => bytes,
        }
    }
}

/// All of them.
pub(crate) fn all() -> Vec<Case> {
    let mut all = bytes::cases();
    all.extend(structure::cases());
    all.extend(texts::cases());
    all.extend(values::cases());
    all
}

fn sent(name: impl Into<String>, body: impl Into<String>, outcome: Outcome) -> Case {
    Case {
        name: name.into(),
        body: Body::Sent(body.into()),
        outcome,
    }
}

/// With its own digest.
fn forged(name: impl Into<String>, body: &[u8], outcome: Outcome) -> Case {
    Case {
        name: name.into(),
        body: Body::Forged(Forgery::of(body), body.to_vec()),
        outcome,
    }
}

/// A row with the usual id and this.
fn loaded(fields: &[(&'static str, &str)]) -> Outcome {
    let id = [("id", CANARY)];
    let fields = id.iter().chain(fields);
    Outcome::Loaded(
        fields
            .map(|(name, text)| (*name, (*text).to_owned()))
            .collect(),
    )
}

fn not_json() -> Outcome {
    Outcome::Quarantined("not_json", None)
}

/// A body with the usual id and more members, which are JSON.
fn with(members: &str) -> String {
    format!(r#"{{"id":"{CANARY}",{members}}}"#)
}
