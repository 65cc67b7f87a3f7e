//! The token of method `siv`: its text, and the wire format behind the dot.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::siv::IV_LEN;

/// What every token begins with: veilstream, version 1, method `siv`.
const PREFIX: &str = "vs1s.";

/// First byte of the wire format, as in Google Tink's output prefix type `TINK`.
const VERSION: u8 = 1;

/// Length of a key id on the wire.
const KEY_ID_LEN: usize = 4;

/// What the wire format puts before the ciphertext: version, key id, synthetic IV.
pub(crate) const HEADER_LEN: usize = 1 + KEY_ID_LEN + IV_LEN;

/// A token taken apart, not yet authenticated.
pub(crate) struct Parts {
    pub(crate) key_id: u32,
    pub(crate) iv: [u8; IV_LEN],
    /// Wiped on drop, since it is decrypted in place.
    pub(crate) ciphertext: Zeroizing<Vec<u8>>,
}

/// The text is not spelled as a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAToken;

/// The wire format's bytes before the ciphertext.
pub(crate) fn header(key_id: u32, iv: [u8; IV_LEN]) -> [u8; HEADER_LEN] {
    let mut header = [VERSION; HEADER_LEN];
    header[1..=KEY_ID_LEN].copy_from_slice(&key_id.to_be_bytes());
    header[1 + KEY_ID_LEN..].copy_from_slice(&iv);
    header
}

/// Appends the token of a complete wire format to `out`.
pub(crate) fn append(wire: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(PREFIX.as_bytes());
    let start = out.len();
    out.resize(start + encoded_length(wire.len()), 0);
    URL_SAFE_NO_PAD
        .encode_slice(wire, &mut out[start..])
        .expect("the slice has just the length of the base64");
}

/// The length in bytes, all of them ASCII, of the token of a plaintext.
pub(crate) const fn length(plaintext_len: usize) -> usize {
    encoded_length(plaintext_len.saturating_add(HEADER_LEN)).saturating_add(PREFIX.len())
}

/// Takes a token apart. There is one spelling: no padding, no spare bits set, no white space.
pub(crate) fn parse(token: &str) -> Result<Parts, NotAToken> {
    let encoded = token.strip_prefix(PREFIX).ok_or(NotAToken)?;
    let wire = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotAToken)?;
    let (&version, rest) = wire.split_first().ok_or(NotAToken)?;
    let (&key_id, rest) = rest.split_first_chunk::<KEY_ID_LEN>().ok_or(NotAToken)?;
    let (&iv, ciphertext) = rest.split_first_chunk::<IV_LEN>().ok_or(NotAToken)?;
    if version != VERSION {
        return Err(NotAToken);
    }
    Ok(Parts {
        key_id: u32::from_be_bytes(key_id),
        iv,
        ciphertext: Zeroizing::new(ciphertext.to_vec()),
    })
}

/// Length of base64 without padding.
const fn encoded_length(bytes: usize) -> usize {
    let last_group = match bytes % 3 {
        0 => 0,
        1 => 2,
        _ => 3,
    };
    (bytes / 3).saturating_mul(4).saturating_add(last_group)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_of(wire: &[u8]) -> String {
        let mut token = Vec::new();
        append(wire, &mut token);
        String::from_utf8(token).unwrap()
    }

    #[test]
    fn parse_takes_apart_what_append_wrote() {
        for len in 0..40 {
            let ciphertext = vec![0xa5; len];
            let wire = [&header(0x0102_0304, [9; IV_LEN])[..], &ciphertext].concat();
            let token = token_of(&wire);
            assert_eq!(token.len(), length(len));
            let parts = parse(&token).unwrap();
            assert_eq!(parts.key_id, 0x0102_0304);
            assert_eq!(parts.iv, [9; IV_LEN]);
            assert_eq!(*parts.ciphertext, ciphertext);
        }
    }

    #[test]
    fn the_header_is_version_key_id_and_iv() {
        let header = header(0xdead_beef, [7; IV_LEN]);
        assert_eq!(header[..5], [1, 0xde, 0xad, 0xbe, 0xef]);
        assert_eq!(header[5..], [7; IV_LEN]);
    }

    #[test]
    fn the_length_of_a_huge_plaintext_saturates() {
        assert!(length(usize::MAX) > usize::MAX / 2);
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let token = token_of(&[&header(1, [0; IV_LEN])[..], b"x"].concat());
        assert!(parse(&token).is_ok());
        let mut wrong_version = header(1, [0; IV_LEN]);
        wrong_version[0] = 0;
        for text in [
            String::new(),
            "vs1s.".to_owned(),
            "vs1s.AQ".to_owned(),
            "vs1s".to_owned(),
            token_of(&header(1, [0; IV_LEN])[..HEADER_LEN - 1]),
            token_of(&wrong_version),
            token.replace("vs1s", "vs1h"),
            token.replace("vs1s", "VS1S"),
            format!(" {token}"),
            format!("{token}\n"),
            format!("{token}="),
            format!("{token}=="),
            format!("{token}+"),
            format!("{token}é"),
        ] {
            assert!(parse(&text).is_err(), "{text:?}");
        }
    }

    /// A last symbol with spare bits set would be a second spelling of the same token.
    #[test]
    fn spare_bits_are_refused() {
        let token = token_of(&[&header(1, [0; IV_LEN])[..], &[0]].concat());
        assert!(token.ends_with('A'));
        assert!(parse(&format!("{}B", &token[..token.len() - 1])).is_err());
    }
}
