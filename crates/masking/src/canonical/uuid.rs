//! The form `uuid`: a UUID as its 16 bytes.

use ::uuid::{Uuid, fmt::Hyphenated};
use zeroize::Zeroizing;

use super::NotCanonical;

pub(super) fn append(value: &str, plaintext: &mut Vec<u8>) -> Result<(), NotCanonical> {
    let uuid = Uuid::try_parse(value).map_err(|_| NotCanonical)?;
    plaintext.extend_from_slice(uuid.as_bytes());
    Ok(())
}

pub(super) fn text(plaintext: &[u8]) -> Result<Zeroizing<String>, NotCanonical> {
    let uuid = Uuid::from_slice(plaintext).map_err(|_| NotCanonical)?;
    let mut text = Zeroizing::new([0; Hyphenated::LENGTH]);
    let text = uuid.hyphenated().encode_lower(text.as_mut_slice());
    Ok(Zeroizing::new(text.to_owned()))
}
