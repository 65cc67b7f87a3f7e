//! One root key of a key set.

use std::fmt;

use super::error::KeysetError;
use crate::derive::Root;

/// A root key with what the key set says about it.
pub(super) struct Key {
    /// At least 1.
    pub(super) id: u32,
    pub(super) state: KeyState,
    /// RFC 3339 in UTC.
    pub(super) created: String,
    /// `None` just where the state is `Destroyed`.
    root: Option<Root>,
}

/// What a key may be used for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyState {
    /// Opens tokens, but makes none yet: so that every reader has a key before the first token under it is made.
    Pending,
    /// Makes tokens and opens them. Just one key is primary.
    Primary,
    /// Opens tokens that it made when it was primary; makes them only for domains that stayed on it.
    DecryptOnly,
    /// Wiped. What it masked can never be read again.
    Destroyed,
}

/// A key as others may see it: without its root.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KeyInfo<'a> {
    /// Its number in the set, from 1.
    pub id: u32,
    /// What it may be used for.
    pub state: KeyState,
    /// When it was made, as RFC 3339 in UTC.
    pub created: &'a str,
}

impl Key {
    /// `root` is there just where the key is not destroyed.
    pub(super) fn new(
        id: u32,
        state: KeyState,
        created: String,
        root: Option<Root>,
    ) -> Result<Self, KeysetError> {
        if id == 0 {
            return Err(KeysetError::ZeroKey);
        }
        if root.is_some() == (state == KeyState::Destroyed) {
            return Err(KeysetError::BadRoot { key: id });
        }
        if !is_utc_time(&created) {
            return Err(KeysetError::BadCreated { key: id });
        }
        Ok(Self {
            id,
            state,
            created,
            root,
        })
    }

    /// The root of a key that is not destroyed.
    pub(super) fn root(&self) -> Option<&Root> {
        self.root.as_ref()
    }

    /// Wipes the root.
    pub(super) fn destroy(&mut self) {
        self.root = None;
        self.state = KeyState::Destroyed;
    }

    pub(super) fn info(&self) -> KeyInfo<'_> {
        KeyInfo {
            id: self.id,
            state: self.state,
            created: &self.created,
        }
    }
}

impl KeyState {
    /// The name in key sets.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Primary => "primary",
            Self::DecryptOnly => "decrypt_only",
            Self::Destroyed => "destroyed",
        }
    }

    pub(super) fn from_name(name: &str) -> Option<Self> {
        [
            Self::Pending,
            Self::Primary,
            Self::DecryptOnly,
            Self::Destroyed,
        ]
        .into_iter()
        .find(|state| state.as_str() == name)
    }
}

impl fmt::Display for KeyState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Key")
            .field("id", &self.id)
            .field("state", &self.state)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// Whether `text` has the shape of an RFC 3339 time in UTC: `2026-01-31T12:00:00Z`, with up to nine digits of
/// a fraction. For the reader's eye only, so that the calendar is not looked at.
fn is_utc_time(text: &str) -> bool {
    const SHAPE: &[u8] = b"0000-00-00T00:00:00";
    let Some((seconds, rest)) = text.as_bytes().split_at_checked(SHAPE.len()) else {
        return false;
    };
    let fits = |(byte, shape): (&u8, &u8)| match shape {
        b'0' => byte.is_ascii_digit(),
        _ => byte == shape,
    };
    let fraction = match rest {
        [b'.', digits @ .., b'Z'] => {
            (1..=9).contains(&digits.len()) && digits.iter().all(u8::is_ascii_digit)
        }
        _ => rest == b"Z",
    };
    fraction && seconds.iter().zip(SHAPE).all(fits)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_in_utc_are_taken() {
        for text in [
            "2026-01-31T12:00:00Z",
            "2026-01-31T12:00:00.1Z",
            "2026-01-31T12:00:00.123456789Z",
        ] {
            assert!(is_utc_time(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_times() {
        for text in [
            "",
            "Z",
            "2026-01-31",
            "2026-01-31 12:00:00Z",
            "2026-01-31T12:00:00",
            "2026-01-31T12:00:00z",
            "2026-01-31T12:00:00+00:00",
            "2026-01-31T12:00:00.Z",
            "2026-01-31T12:00:00.1234567890Z",
            "2026-01-31T12:00:00ZZ",
            "2026-01-31T12:00:0éZ",
            "x026-01-31T12:00:00Z",
        ] {
            assert!(!is_utc_time(text), "{text}");
        }
    }

    #[test]
    fn states_are_told_by_their_names() {
        for state in [
            KeyState::Pending,
            KeyState::Primary,
            KeyState::DecryptOnly,
            KeyState::Destroyed,
        ] {
            assert_eq!(KeyState::from_name(state.as_str()), Some(state));
        }
        assert_eq!(KeyState::from_name("Primary"), None);
    }
}
