//! The trail of what was unmasked, shown of the quarantine, or replayed: who, when, why, of which domain, how many,
//! and fingerprints of the tokens. Each entry carries the hash of the one before, so that one which is changed, removed or
//! moved is found.
//!
//! The trail is in table `veilstream.audit` ([`database`]) or, for a key holder without the
//! database, in a file ([`mod@file`]); both hold the same [`Entry`]. What it does and does not catch is
//! in docs/audit.md.

mod chain;
pub mod database;
mod entry;
pub mod file;
mod hex;

use std::collections::{BTreeMap, BTreeSet};

pub use chain::{Anchor, Break, Chain, NotAnAnchor};
pub use entry::{Entry, Fingerprint, Hash, Moment};
use masking::Unmasked;

/// How many tokens one call may open where no database says so: the default of its
/// `veilstream.unmask_limit`.
pub const OFFLINE_LIMIT: usize = 1_000;

/// The longest reason, in characters; the database has the same bound.
pub const LONGEST_REASON: usize = 2_000;

/// The domain of originals of the quarantine; no domain of a key set can have this name.
pub const QUARANTINE: &str = "(quarantine)";

/// What a call is about to print, as the trail tells it.
#[derive(Debug)]
pub struct Opening {
    action: &'static str,
    reason: String,
    os_user: String,
    host: String,
    domains: BTreeMap<String, BTreeSet<Fingerprint>>,
}

impl Opening {
    /// Of tokens, for a reason. User and host are what the system says of this process: whoever controls this
    /// machine can have it say something else.
    pub fn new(reason: String) -> Self {
        let uid = nix::unistd::getuid();
        let user = nix::unistd::User::from_uid(uid).ok().flatten();
        let host = nix::unistd::gethostname().unwrap_or_default();
        Self {
            action: "unmask",
            reason,
            os_user: user.map_or_else(|| format!("uid {uid}"), |user| user.name),
            host: host.to_string_lossy().into_owned(),
            domains: BTreeMap::new(),
        }
    }

    /// Of the original of a quarantine's entry, by its id as it is listed; it counts as one token.
    pub fn of_original(reason: String, id: &str) -> Self {
        let fingerprints = BTreeSet::from([Fingerprint::of(id)]);
        Self {
            action: "show",
            domains: BTreeMap::from([(QUARANTINE.to_owned(), fingerprints)]),
            ..Self::new(reason)
        }
    }

    /// Of a replay, before it opens originals: the program says why, and the target table (with its schema)
    /// stands for all of them. It counts as one token.
    pub fn of_replay(pipeline: &str, table: &str) -> Self {
        let fingerprints = BTreeSet::from([Fingerprint::of(table)]);
        Self {
            action: "replay",
            domains: BTreeMap::from([(QUARANTINE.to_owned(), fingerprints)]),
            ..Self::new(format!("replay of pipeline {pipeline} into {table}"))
        }
    }

    /// Adds a token that was opened; equal tokens of a domain count once, however they are spelled.
    pub fn add(&mut self, unmasked: &Unmasked) {
        let domain = unmasked.domain.as_str().to_owned();
        let fingerprints = self.domains.entry(domain).or_default();
        fingerprints.insert(Fingerprint::of(&unmasked.token));
    }

    /// How many tokens it opens.
    pub fn tokens(&self) -> usize {
        self.domains.values().map(BTreeSet::len).sum()
    }
}
