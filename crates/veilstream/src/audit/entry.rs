//! One entry of the trail, and its hash.

use std::{fmt, net::IpAddr, str::FromStr};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
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
    /// The fingerprint of a token. Other spellings of it have the same: `\x…` of a bytea column is
    /// the token that begins with `vs1s.`, and an address is taken in its shortest form.
    pub fn of(token: &str) -> Self {
        let digest = Sha256::digest(spelling(token).as_bytes());
        let (first, _) = digest
            .split_first_chunk::<16>()
            .expect("a digest has 32 bytes");
        Self(*first)
    }
}

fn spelling(token: &str) -> String {
    if let Some(wire) = token.strip_prefix("\\x").and_then(wire) {
        return format!("vs1s.{}", URL_SAFE_NO_PAD.encode(wire));
    }
    match token.parse::<IpAddr>() {
        Ok(address) => address.to_string(),
        Err(_) => token.to_owned(),
    }
}

/// The bytes of hexadecimal digits, great or small.
fn wire(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs
        .map(|pair| {
            let pair = std::str::from_utf8(pair)
                .ok()
                .filter(|pair| pair.len() == 2)?;
            u8::from_str_radix(pair, 16).ok()
        })
        .collect()
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
    /// What was done: `unmask`.
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
