//! One entry of the trail, and its hash.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::hex::Hex;

/// What the hash of every entry begins with.
const LABEL: &str = "veilstream/v1/audit";

/// The hash of an entry. That before the first entry is all zeros.
pub type Hash = Hex<32>;

/// Stands for a token: the first 16 bytes of the SHA-256 of its text.
///
/// Who has a token finds the entries that are about it; who has only the trail learns nothing of
/// a token of method `siv`. 128 bits are enough for no two tokens ever to share one by accident, nor
/// for anybody to find a second token for one, and keep an entry of 1,000 tokens at 16 kB.
pub type Fingerprint = Hex<16>;

impl Fingerprint {
    /// The fingerprint of a token in the one spelling that [`masking::Unmasked`] gives it.
    pub fn of(token: &str) -> Self {
        let digest = Sha256::digest(token.as_bytes());
        let (first, _) = digest
            .split_first_chunk::<16>()
            .expect("a digest has 32 bytes");
        Self(*first)
    }
}

/// A point in time: microseconds since 1970-01-01 UTC, as PostgreSQL keeps them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct Moment(i64);

/// The text is no time as the trail writes it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("this is no time as in 2026-01-31T12:00:00.000000Z")]
pub struct NotAMoment;

impl Moment {
    /// By the clock of this machine.
    pub fn now() -> Self {
        Self(Timestamp::now().as_microsecond())
    }

    /// From microseconds since 1970-01-01 UTC, if the year is one of the calendar's.
    pub fn from_micros(micros: i64) -> Option<Self> {
        Timestamp::from_microsecond(micros)
            .ok()
            .map(|_| Self(micros))
    }

    fn timestamp(self) -> Timestamp {
        Timestamp::from_microsecond(self.0).expect("it was looked at when it was made")
    }
}

impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.6}", self.timestamp())
    }
}

impl FromStr for Moment {
    type Err = NotAMoment;

    /// Only the spelling that [`Moment`] has itself: what a hash does not see cannot be changed.
    fn from_str(text: &str) -> Result<Self, NotAMoment> {
        let timestamp: Timestamp = text.parse().map_err(|_| NotAMoment)?;
        let moment = Self(timestamp.as_microsecond());
        if moment.to_string() == text {
            Ok(moment)
        } else {
            Err(NotAMoment)
        }
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.to_string()
    }
}

impl TryFrom<String> for Moment {
    type Error = NotAMoment;

    fn try_from(text: String) -> Result<Self, NotAMoment> {
        text.parse()
    }
}

/// What was unmasked of one domain in one call. It holds no value and no token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    /// Its place, from 1 and without gaps.
    pub seq: i64,
    /// When it was written, by the clock of the database or, in a file, of the machine.
    pub at: Moment,
    /// What was done: `unmask`, or `show` or `replay` of originals of the quarantine.
    pub action: String,
    /// Who logged in at the database; empty in a file.
    pub database_role: String,
    /// The user of the machine that veilstream ran on, as that machine says.
    pub os_user: String,
    /// That machine's name, as it says itself.
    pub host: String,
    /// Why, in the words of who did it.
    pub reason: String,
    /// The domain of the tokens.
    pub domain: String,
    /// How many tokens, equal ones counted once.
    pub tokens: i32,
    /// Their fingerprints, ascending.
    pub fingerprints: Vec<Fingerprint>,
    /// The hash of the entry before.
    pub previous: Hash,
    /// The hash of this entry.
    pub hash: Hash,
}

impl Entry {
    /// The hash that the entry should have: SHA-256 over a label and everything but the hash itself,
    /// in the order of the fields. A text is its length in bytes (4, big-endian) and itself in UTF-8,
    /// `seq` and the time (microseconds since 1970-01-01 UTC) are 8 bytes, `tokens` 4, big-endian;
    /// the fingerprints are their length in bytes (4) and themselves. So no two entries have the
    /// same input. The database's function `veilstream.audit_hash` computes the same.
    pub fn computed_hash(&self) -> Hash {
        let mut input = Sha256::new();
        text(&mut input, LABEL);
        input.update(self.seq.to_be_bytes());
        input.update(self.at.0.to_be_bytes());
        for part in [
            &self.action,
            &self.database_role,
            &self.os_user,
            &self.host,
            &self.reason,
            &self.domain,
        ] {
            text(&mut input, part);
        }
        input.update(self.tokens.to_be_bytes());
        length(&mut input, 16 * self.fingerprints.len());
        for fingerprint in &self.fingerprints {
            input.update(fingerprint.0);
        }
        input.update(self.previous.0);
        Hex(input.finalize().into())
    }
}

fn text(input: &mut Sha256, text: &str) {
    length(input, text.len());
    input.update(text);
}

/// What is too long for four bytes is no entry of ours, and its hash must fit nothing.
fn length(input: &mut Sha256, length: usize) {
    input.update(u32::try_from(length).unwrap_or(u32::MAX).to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Computed from docs/audit.md with Python's hashlib and struct.
    #[test]
    fn the_hash_is_the_documented_one() {
        let entry = Entry {
            seq: 7,
            at: "2026-01-31T12:00:00.123456Z".parse().unwrap(),
            action: "unmask".to_owned(),
            database_role: "clerk".to_owned(),
            os_user: "anna".to_owned(),
            host: "hóst".to_owned(),
            reason: "ticket 4711".to_owned(),
            domain: "ip".to_owned(),
            tokens: 2,
            fingerprints: vec![Hex([0xab; 16]), Hex([0xcd; 16])],
            previous: Hex([0x11; 32]),
            hash: Hex([0; 32]),
        };
        let expected = "b4a2fa16240c6a87d726e328953e11f46ed436d2cf347409af243fcb2e75d764";
        assert_eq!(entry.computed_hash().to_string(), expected);
    }

    #[test]
    fn a_fingerprint_is_what_sha256sum_begins_with() {
        // `printf %s vs1s.AQ | sha256sum | head -c 32`
        let fingerprint = Fingerprint::of("vs1s.AQ").to_string();
        assert_eq!(fingerprint, "bb29102d00f7da1e8aee98251481ff82");
    }

    #[test]
    fn a_time_has_one_spelling() {
        let spelled = "2026-01-31T12:00:00.000000Z";
        let moment: Moment = spelled.parse().unwrap();
        assert_eq!(moment.to_string(), spelled);
        for other in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.0000000Z",
            "2026-01-31T12:00:00.000000001Z",
            "2026-01-31 12:00:00.000000Z",
            "2026-01-31T13:00:00.000000+01:00",
            "",
        ] {
            assert!(other.parse::<Moment>().is_err(), "{other}");
        }
        assert_eq!(Moment::from_micros(i64::MAX), None);
    }

    #[test]
    fn hexadecimal_digits_have_one_spelling() {
        let text = "00".repeat(15) + "af";
        assert_eq!(text.parse::<Fingerprint>().unwrap().to_string(), text);
        for other in [
            &text[1..],
            &text.to_uppercase(),
            &text.replace('a', "g"),
            "",
        ] {
            assert!(other.parse::<Fingerprint>().is_err(), "{other}");
        }
    }
}
