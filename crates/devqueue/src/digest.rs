//! Digests as lower-case hexadecimal text.

use md5::Md5;
use sha2::{Digest, Sha256};

use crate::identifier::write_hex;

/// The MD5 that SQS reports for bodies and attributes, 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Md5Text([u8; 32]);

impl Md5Text {
    pub(crate) fn of(content: &[u8]) -> Self {
        let mut text = [0; 32];
        write_digest(&Md5::digest(content), &mut text);
        Md5Text(text)
    }

    pub(crate) fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).expect("hexadecimal digits are UTF-8")
    }
}

/// SHA-256 of a body: the deduplication id of content-based deduplication (Developer Guide,
/// "Using the message deduplication ID in Amazon SQS").
pub(crate) fn sha256_text(content: &[u8]) -> String {
    let mut text = [0; 64];
    write_digest(&Sha256::digest(content), &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

fn write_digest(digest: &[u8], text: &mut [u8]) {
    for (byte, digits) in digest.iter().zip(text.chunks_exact_mut(2)) {
        write_hex(u64::from(*byte), digits);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digests_have_their_published_values() {
        // RFC 1321, appendix A.5, and FIPS 180-4's example "abc".
        assert_eq!(
            Md5Text::of(b"abc").as_str(),
            "900150983cd24fb0d6963f7d28e17f72"
        );
        assert!(sha256_text(b"abc").starts_with("ba7816bf8f01cfea414140de5dae2223"));
    }
}
