//! Tokens that say what they are of: their text, and the wire format behind the dot.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use zeroize::Zeroizing;

use crate::{digest, siv::IV_LEN};

/// What every token of method `siv` begins with: veilstream, version 1.
const SIV_PREFIX: &str = "vs1s.";

/// What every token of method `hmac` begins with.
const HMAC_PREFIX: &str = "vs1h.";

/// What `bytea` columns are printed with by PostgreSQL, and so the text of a token in the form of bytes.
const HEX_PREFIX: &str = "\\x";

/// First byte of the wire format, as in Google Tink's output prefix type `TINK`.
const VERSION: u8 = 1;

/// Length of a key id on the wire.
const KEY_ID_LEN: usize = 4;

/// Length of what the wire format begins with: version and key id.
pub(crate) const MARK_LEN: usize = 1 + KEY_ID_LEN;

/// What the wire format of `siv` puts before the ciphertext: version, key id, synthetic IV.
pub(crate) const SIV_HEADER_LEN: usize = MARK_LEN + IV_LEN;

/// The length in bytes, all of them ASCII, of every token of method `hmac`.
pub(crate) const HMAC_LENGTH: usize =
    HMAC_PREFIX.len() + encoded_length(MARK_LEN + digest::TAG_LEN);

/// The methods whose tokens say what they are of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Marked {
    Siv,
    Hmac,
}

/// A token taken apart, not yet authenticated.
pub(crate) struct Parts {
    /// `None` for the form of bytes, which does not say it.
    pub(crate) method: Option<Marked>,
    pub(crate) key_id: u32,
    /// What follows the key id. Wiped on drop, since it is decrypted in place.
    pub(crate) rest: Zeroizing<Vec<u8>>,
}

/// The text is not spelled as a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotAToken;

impl Marked {
    const fn prefix(self) -> &'static str {
        match self {
            Self::Siv => SIV_PREFIX,
            Self::Hmac => HMAC_PREFIX,
        }
    }

    /// The fewest bytes that can follow the key id, and whether there can be more.
    const fn rest(self) -> (usize, bool) {
        match self {
            Self::Siv => (IV_LEN, true),
            Self::Hmac => (digest::TAG_LEN, false),
        }
    }
}

impl Parts {
    /// The text token of method `siv` with these parts.
    pub(crate) fn siv_text(&self) -> String {
        let mut text = Vec::new();
        let wire = [&mark(self.key_id)[..], &self.rest].concat();
        append(Marked::Siv, &wire, &mut text);
        String::from_utf8(text).expect("base64 is ASCII")
    }
}

/// What the wire format begins with.
pub(crate) fn mark(key_id: u32) -> [u8; MARK_LEN] {
    let mut mark = [VERSION; MARK_LEN];
    mark[1..].copy_from_slice(&key_id.to_be_bytes());
    mark
}

/// Appends the text token of a complete wire format to `out`.
pub(crate) fn append(method: Marked, wire: &[u8], out: &mut Vec<u8>) {
    out.extend_from_slice(method.prefix().as_bytes());
    let start = out.len();
    out.resize(start + encoded_length(wire.len()), 0);
    URL_SAFE_NO_PAD
        .encode_slice(wire, &mut out[start..])
        .expect("the slice has just the length of the base64");
}

/// The length in bytes, all of them ASCII, of the text token of method `siv` for a plaintext.
pub(crate) const fn siv_length(plaintext_len: usize) -> usize {
    encoded_length(plaintext_len.saturating_add(SIV_HEADER_LEN)).saturating_add(SIV_PREFIX.len())
}

/// Whether the text is spelled as a token, but for white space around it: as a text token, or as `bytea` prints one.
///
/// It says nothing about who made it. Tokens of methods `ip` and `format` cannot be told from values.
pub fn is_token(text: &str) -> bool {
    let text = text.trim();
    (text.starts_with("vs1") || text.starts_with("\\x01")) && parse(text).is_ok()
}

/// Takes a token apart: a text token, or the hexadecimal text of its bytes, as `\\x01ee…`.
///
/// There is one spelling of a text token: no padding, no spare bits set, no white space.
pub(crate) fn parse(token: &str) -> Result<Parts, NotAToken> {
    for method in [Marked::Siv, Marked::Hmac] {
        if let Some(encoded) = token.strip_prefix(method.prefix()) {
            let wire = URL_SAFE_NO_PAD.decode(encoded).map_err(|_| NotAToken)?;
            return take_apart(Some(method), &wire);
        }
    }
    let digits = token.strip_prefix(HEX_PREFIX).ok_or(NotAToken)?;
    take_apart(None, &from_hex(digits).ok_or(NotAToken)?)
}

fn take_apart(method: Option<Marked>, wire: &[u8]) -> Result<Parts, NotAToken> {
    let (&version, rest) = wire.split_first().ok_or(NotAToken)?;
    let (&key_id, rest) = rest.split_first_chunk::<KEY_ID_LEN>().ok_or(NotAToken)?;
    let (least, more) = method.unwrap_or(Marked::Siv).rest();
    let fits = if more {
        rest.len() >= least
    } else {
        rest.len() == least
    };
    if version != VERSION || !fits {
        return Err(NotAToken);
    }
    Ok(Parts {
        method,
        key_id: u32::from_be_bytes(key_id),
        rest: Zeroizing::new(rest.to_vec()),
    })
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let value = |digit: u8| char::from(digit).to_digit(16);
    let pairs = digits.as_bytes().chunks(2).map(|pair| match *pair {
        [high, low] => u8::try_from(value(high)? << 4 | value(low)?).ok(),
        _ => None,
    });
    pairs.collect()
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
    use crate::hex::hex;

    const SIV_WIRE: [u8; SIV_HEADER_LEN + 1] = [1; SIV_HEADER_LEN + 1];

    fn token_of(method: Marked, wire: &[u8]) -> String {
        let mut token = Vec::new();
        append(method, wire, &mut token);
        String::from_utf8(token).unwrap()
    }

    #[test]
    fn parse_takes_apart_what_append_wrote() {
        for len in 0..40 {
            let rest = vec![0xa5; IV_LEN + len];
            let token = token_of(Marked::Siv, &[&mark(0x0102_0304)[..], &rest].concat());
            assert_eq!(token.len(), siv_length(len));
            let parts = parse(&token).unwrap();
            assert_eq!(parts.method, Some(Marked::Siv));
            assert_eq!(parts.key_id, 0x0102_0304);
            assert_eq!(*parts.rest, rest);
            assert!(is_token(&token));
        }
        let token = token_of(
            Marked::Hmac,
            &[&mark(7)[..], &[9; digest::TAG_LEN]].concat(),
        );
        assert_eq!(token.len(), HMAC_LENGTH);
        let parts = parse(&token).unwrap();
        assert_eq!((parts.method, parts.key_id), (Some(Marked::Hmac), 7));
    }

    #[test]
    fn bytes_are_parsed_as_postgresql_prints_them() {
        let wire = [&mark(0xdead_beef)[..], &[7; IV_LEN], b"x"].concat();
        let hex = hex(&wire);
        let parts = parse(&format!("\\x{hex}")).unwrap();
        assert_eq!((parts.method, parts.key_id), (None, 0xdead_beef));
        assert_eq!(*parts.rest, wire[MARK_LEN..]);
        for text in [
            "\\x",
            "\\x0",
            "\\x01zz",
            &format!("\\x{}", &hex[..MARK_LEN * 2]),
            &format!("\\x{hex}0"),
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_mark_is_version_and_key_id() {
        assert_eq!(mark(0xdead_beef), [1, 0xde, 0xad, 0xbe, 0xef]);
    }

    #[test]
    fn the_length_of_a_huge_plaintext_saturates() {
        assert!(siv_length(usize::MAX) > usize::MAX / 2);
    }

    #[test]
    fn a_token_is_told_with_white_space_around_it() {
        let token = token_of(Marked::Siv, &SIV_WIRE);
        assert!(is_token(&format!(" {token}\n")));
        let hex: String = SIV_WIRE.iter().map(|_| "01").collect();
        assert!(is_token(&format!(" \\x{hex}\n")));
        for text in ["vs1s.", "", "vs1", "\\x01", "\\x010203", &hex] {
            assert!(!is_token(text), "{text}");
        }
    }

    #[test]
    fn other_texts_are_no_tokens() {
        let token = token_of(Marked::Siv, &SIV_WIRE);
        let hmac = token_of(
            Marked::Hmac,
            &[&mark(7)[..], &[9; digest::TAG_LEN + 1]].concat(),
        );
        assert!(parse(&token).is_ok());
        let mut wrong_version = SIV_WIRE;
        wrong_version[0] = 0;
        for text in [
            String::new(),
            "vs1s.".to_owned(),
            "vs1s.AQ".to_owned(),
            "vs1s".to_owned(),
            token_of(Marked::Siv, &SIV_WIRE[..SIV_HEADER_LEN - 1]),
            token_of(Marked::Siv, &wrong_version),
            hmac,
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
        let token = token_of(Marked::Siv, &[&mark(1)[..], &[0; IV_LEN], &[0]].concat());
        assert!(token.ends_with('A'));
        assert!(parse(&format!("{}B", &token[..token.len() - 1])).is_err());
    }
}
