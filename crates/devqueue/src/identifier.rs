//! Cheap random identifiers.

use std::sync::atomic::{AtomicU64, Ordering};

/// Weyl sequence increment of `SplitMix64`.
const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// Gives out identifiers that are unique within one server and look random: `SplitMix64` over a
/// counter whose start comes from the operating system. They are no secrets.
#[derive(Debug)]
pub(crate) struct Identifiers {
    counter: AtomicU64,
    key: u64,
}

impl Identifiers {
    pub(crate) fn seeded() -> std::io::Result<Self> {
        let counter = getrandom::u64().map_err(std::io::Error::other)?;
        let key = getrandom::u64().map_err(std::io::Error::other)?;
        Ok(Identifiers {
            counter: AtomicU64::new(counter),
            key,
        })
    }

    /// The next 64 bits of the sequence.
    pub(crate) fn next(&self) -> u64 {
        mix(self.counter.fetch_add(GOLDEN, Ordering::Relaxed))
    }

    /// A version 4 UUID (RFC 9562, section 5.4) in its textual form.
    pub(crate) fn uuid(&self) -> Uuid {
        let high = self.next();
        let low = mix(high ^ self.key);
        let high = (high & !0xF000) | 0x4000;
        let low = (low & !(0b11 << 62)) | (0b10 << 62);
        Uuid::from_parts(high, low)
    }
}

/// `SplitMix64`'s finaliser.
pub(crate) fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    value ^ (value >> 31)
}

/// The 36 characters of a UUID, without an allocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Uuid([u8; 36]);

impl Uuid {
    fn from_parts(high: u64, low: u64) -> Self {
        let mut digits = [0_u8; 32];
        write_hex(high, &mut digits[..16]);
        write_hex(low, &mut digits[16..]);
        let mut text = [b'-'; 36];
        for (from, to) in [
            (0..8, 0),
            (8..12, 9),
            (12..16, 14),
            (16..20, 19),
            (20..32, 24),
        ] {
            text[to..to + from.len()].copy_from_slice(&digits[from]);
        }
        Uuid(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits and hyphens are UTF-8")
    }
}

/// Writes the low digits of a number as lower-case hexadecimal, as many as `out` has room for.
pub(crate) fn write_hex(mut value: u64, out: &mut [u8]) {
    for digit in out.iter_mut().rev() {
        *digit = b"0123456789abcdef"[(value & 0xF) as usize];
        value >>= 4;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_are_version_4_and_distinct() {
        let identifiers = Identifiers::seeded().unwrap();
        let mut seen = std::collections::HashSet::new();
        for _ in 0..10_000 {
            let uuid = identifiers.uuid();
            let text = uuid.as_str();
            assert_eq!(text.len(), 36);
            assert_eq!(text.as_bytes()[14], b'4', "{text}");
            assert!(b"89ab".contains(&text.as_bytes()[19]), "{text}");
            assert!(seen.insert(text.to_owned()));
        }
    }
}
