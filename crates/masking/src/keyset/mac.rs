//! The MAC over a key set: HMAC-SHA-256 (RFC 2104) under a key derived from the primary root. RFC 4231 is tested in
//! `digest.rs`, this input in `tests/known_answers.rs`.
//!
//! The input is the one that the documentation of the crate defines under "Key set": every text has its length before
//! it and every list its count, so that no two key sets have the same input.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::{Domain, Keyset, Wrapping, file};
use crate::{derive, method::Method};

/// Length of the MAC in bytes.
pub(super) const MAC_LEN: usize = 32;

const LABEL: &[u8] = b"veilstream/v1/keyset";
const LEDGER: &[u8] = b"ledger";

/// The MAC of a key set.
pub(super) fn compute(keyset: &Keyset) -> [u8; MAC_LEN] {
    over(keyset).0.finalize().into_bytes().into()
}

/// Whether `mac` is that of the key set, in constant time.
pub(super) fn verify(keyset: &Keyset, mac: &[u8; MAC_LEN]) -> bool {
    over(keyset).0.verify_slice(mac).is_ok()
}

fn over(keyset: &Keyset) -> Input {
    let mut input = Input::new(derive::keyset_mac_key(keyset.primary_root()).as_slice());
    input.text(LABEL);
    input.integer(file::FORMAT);
    input.text(keyset.id.as_bytes());
    input.integer(keyset.generation);
    input.wrapping(keyset.lock.as_ref().map(|lock| &lock.wrapping));
    input.count(keyset.keys.len());
    for key in &keyset.keys {
        input.integer(key.id.into());
        input.text(key.state.as_str().as_bytes());
        input.text(key.created.as_bytes());
        input.text(key.root().map_or(&[], |root| root.as_slice()));
    }
    input.count(keyset.domains.len());
    for domain in &keyset.domains {
        input.domain(domain);
    }
    if let Some(ledger) = &keyset.ledger {
        input.text(LEDGER);
        input.text(ledger.as_slice());
    }
    input
}

/// The input of an HMAC, part by part.
#[derive(Clone)]
pub(super) struct Input(pub(super) Hmac<Sha256>);

impl Input {
    pub(super) fn new(key: &[u8]) -> Self {
        Self(Hmac::new_from_slice(key).expect("HMAC takes keys of any length"))
    }

    pub(super) fn text(&mut self, text: &[u8]) {
        let length = u32::try_from(text.len()).expect("no part of a key set is 4 GiB long");
        self.0.update(&length.to_be_bytes());
        self.0.update(text);
    }

    fn integer(&mut self, integer: u64) {
        self.0.update(&integer.to_be_bytes());
    }

    pub(super) fn count(&mut self, count: usize) {
        self.integer(u64::try_from(count).expect("a usize is no wider than 64 bits"));
    }

    fn wrapping(&mut self, wrapping: Option<&Wrapping>) {
        match wrapping {
            None => self.text(b"plaintext"),
            Some(Wrapping::Passphrase(argon2id)) => {
                self.text(b"passphrase");
                self.text(&argon2id.salt);
                self.integer(argon2id.memory_kib.into());
                self.integer(argon2id.passes.into());
                self.integer(argon2id.lanes.into());
            }
            Some(Wrapping::Kms(kms)) => {
                self.text(b"aws_kms");
                self.text(kms.key().as_bytes());
                self.text(kms.ciphertext());
            }
        }
    }

    fn domain(&mut self, Domain { spec, keys }: &Domain) {
        self.text(spec.name.as_str().as_bytes());
        self.text(spec.method.name().as_bytes());
        self.text(spec.canonical.as_str().as_bytes());
        self.integer(spec.canonical.version().into());
        match spec.method {
            Method::Siv { padded } => self.integer(padded.into()),
            Method::Hmac | Method::Ip => {}
            Method::Format(format) => {
                self.text(format.alphabet().as_str().as_bytes());
                self.integer(format.shortest().into());
            }
        }
        self.count(keys.len());
        for key in keys {
            self.integer((*key).into());
        }
    }
}
