//! The chain of hashes, followed from the first entry to the last.

use std::{fmt, str::FromStr};

use super::{Entry, Hash, hex::Hex};

/// A place in the trail: an entry and its hash. Kept elsewhere, it shows later that nothing up to
/// there was changed or cut off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Anchor {
    /// The entry; 0 is the beginning of every trail.
    pub seq: i64,
    /// Its hash; that of the beginning is all zeros.
    pub hash: Hash,
}

/// The text is not of the form `SEQ:HASH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an anchor is SEQ:HASH, as `veilstream audit verify` prints it")]
pub struct NotAnAnchor;

impl Anchor {
    /// Before the first entry.
    pub const BEGINNING: Self = Self {
        seq: 0,
        hash: Hex([0; 32]),
    };

    /// The last entry's; of no entries, the beginning.
    pub fn after(entry: Option<&Entry>) -> Self {
        entry.map_or(Self::BEGINNING, |entry| Self {
            seq: entry.seq,
            hash: entry.hash,
        })
    }
}

impl fmt::Display for Anchor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.seq, self.hash)
    }
}

impl FromStr for Anchor {
    type Err = NotAnAnchor;

    fn from_str(text: &str) -> Result<Self, NotAnAnchor> {
        let (seq, hash) = text.split_once(':').ok_or(NotAnAnchor)?;
        let seq = seq.parse().map_err(|_| NotAnAnchor)?;
        let hash = hash.parse().map_err(|_| NotAnAnchor)?;
        if seq < 0 || (seq == 0 && hash != Self::BEGINNING.hash) {
            return Err(NotAnAnchor);
        }
        Ok(Self { seq, hash })
    }
}

/// The first thing that is wrong with a trail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Break {
    /// A number was left out, or stands twice.
    #[error("entry {expected} is missing: entry {found} stands in its place")]
    Missing {
        /// The entry that should be there.
        expected: i64,
        /// The one that is.
        found: i64,
    },
    /// The entry is not as it was written.
    #[error("entry {seq} was changed: it does not give the hash that was written with it")]
    Changed {
        /// The entry.
        seq: i64,
    },
    /// The entry was written after another one than the one that stands before it.
    #[error("entry {seq} does not follow entry {}, which was changed or replaced", seq - 1)]
    Unlinked {
        /// The entry.
        seq: i64,
    },
    /// The entry holds what no trail of veilstream holds.
    #[error("entry {seq} was changed: it is not as veilstream writes one")]
    Malformed {
        /// The entry.
        seq: i64,
    },
    /// An entry has no number.
    #[error("an entry without a number was added")]
    Unnumbered,
    /// There are entries that are not in the chain.
    #[error("there are {found} entries up to entry {last}: some were added")]
    Added {
        /// The last entry of the chain.
        last: i64,
        /// How many there are up to it.
        found: i64,
    },
    /// The expected entry has another hash.
    #[error("entry {seq} is not the one that was expected: the trail was written anew since")]
    Rewritten {
        /// The entry.
        seq: i64,
    },
    /// The expected entry is not there any more.
    #[error(
        "the trail ends with entry {last}, before the expected entry {expected}: it was cut off"
    )]
    CutOff {
        /// The last entry.
        last: i64,
        /// The expected one.
        expected: i64,
    },
}

/// A trail that is being followed.
#[derive(Debug)]
pub struct Chain {
    end: Anchor,
    expected: Option<Anchor>,
}

impl Chain {
    /// At the beginning of a trail, of which an anchor may be known.
    pub fn new(expected: Option<Anchor>) -> Self {
        Self {
            end: Anchor::BEGINNING,
            expected,
        }
    }

    /// The last entry so far.
    pub fn end(&self) -> Anchor {
        self.end
    }

    /// Goes on to the next entry.
    ///
    /// # Errors
    ///
    /// When it is not the one that has to come next.
    pub fn follow(&mut self, entry: &Entry) -> Result<(), Break> {
        let seq = entry.seq;
        let expected = self.end.seq + 1;
        if seq != expected {
            return Err(Break::Missing {
                expected,
                found: seq,
            });
        }
        if entry.hash != entry.computed_hash() {
            return Err(Break::Changed { seq });
        }
        if entry.previous != self.end.hash {
            return Err(Break::Unlinked { seq });
        }
        self.end = Anchor::after(Some(entry));
        let rewritten = |expected: Anchor| expected.seq == seq && expected.hash != self.end.hash;
        if self.expected.is_some_and(rewritten) {
            return Err(Break::Rewritten { seq });
        }
        Ok(())
    }

    /// Ends at the last entry, which is a new anchor.
    ///
    /// # Errors
    ///
    /// When the expected entry did not come.
    pub fn finish(self) -> Result<Anchor, Break> {
        let last = self.end.seq;
        match self.expected {
            Some(Anchor { seq: expected, .. }) if last < expected => {
                Err(Break::CutOff { last, expected })
            }
            Some(_) | None => Ok(self.end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_anchor_is_read_as_it_is_printed() {
        let anchor = format!("17:{}", "9f".repeat(32));
        assert_eq!(anchor.parse::<Anchor>().unwrap().to_string(), anchor);
        let beginning = Anchor::BEGINNING.to_string();
        assert_eq!(beginning.parse(), Ok(Anchor::BEGINNING));
        for other in [
            "17",
            "17:9f",
            ":",
            &anchor.to_uppercase(),
            &anchor.replace("17", "-1"),
            &anchor.replace("17", "0"),
        ] {
            assert_eq!(other.parse::<Anchor>(), Err(NotAnAnchor), "{other}");
        }
    }
}
