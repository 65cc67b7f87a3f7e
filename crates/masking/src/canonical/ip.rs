//! The form `ip`: an address as its 4 or 16 bytes.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use zeroize::Zeroizing;

use super::NotCanonical;

pub(super) fn append(value: &str, plaintext: &mut Vec<u8>) -> Result<(), NotCanonical> {
    match value
        .parse::<IpAddr>()
        .map_err(|_| NotCanonical)?
        .to_canonical()
    {
        IpAddr::V4(address) => plaintext.extend_from_slice(&address.octets()),
        IpAddr::V6(address) => plaintext.extend_from_slice(&address.octets()),
    }
    Ok(())
}

pub(super) fn text(plaintext: &[u8]) -> Result<Zeroizing<String>, NotCanonical> {
    if let Ok(octets) = <[u8; 4]>::try_from(plaintext) {
        return Ok(Zeroizing::new(Ipv4Addr::from(octets).to_string()));
    }
    let octets = <[u8; 16]>::try_from(plaintext).map_err(|_| NotCanonical)?;
    let address = Ipv6Addr::from(octets);
    match address.to_ipv4_mapped() {
        Some(_) => Err(NotCanonical),
        None => Ok(Zeroizing::new(address.to_string())),
    }
}
