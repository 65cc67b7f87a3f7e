//! Text as PostgreSQL's `inet`.

use std::net::IpAddr;

use crate::encode::Value;

/// `address` or `address/bits`, host bits allowed, in the strict spellings of the standard library:
/// four parts without leading zeros, IPv6 as in RFC 4291 without a zone.
pub(super) fn parse(text: &str) -> Option<Value<'static>> {
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, Some(bits)),
        None => (text, None),
    };
    let address: IpAddr = address.parse().ok()?;
    let most = if address.is_ipv4() { 32 } else { 128 };
    let bits = match bits {
        Some(bits) => parse_bits(bits).filter(|bits| *bits <= most)?,
        None => most,
    };
    Some(Value::Inet { address, bits })
}

fn parse_bits(text: &str) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit());
    let leading_zero = text.len() > 1 && text.starts_with('0');
    if plain && !leading_zero {
        text.parse().ok()
    } else {
        None
    }
}
