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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::canonical::{
        Canonical,
        tests::{canonical_text, makes, never_makes, refuses},
    };

    const TEXT: &str = "424cdd21-063a-43a7-b91b-7ca1a833afae";

    #[test]
    fn every_spelling_of_a_uuid_is_one() {
        for value in [
            TEXT,
            "424CDD21-063A-43A7-B91B-7CA1A833AFAE",
            "424cdd21063a43a7b91b7ca1a833afae",
            "424CDD21063a43A7b91b7ca1a833AFAE",
            "{424cdd21-063a-43a7-b91b-7ca1a833afae}",
            "urn:uuid:424cdd21-063a-43a7-b91b-7ca1a833afae",
            "URN:UUID:424CDD21-063A-43A7-B91B-7CA1A833AFAE",
        ] {
            makes(Canonical::Uuid, &[(value, TEXT)]);
        }
    }

    #[test]
    fn the_nil_uuid_and_unknown_versions_are_values() {
        for value in [
            "00000000-0000-0000-0000-000000000000",
            "ffffffff-ffff-ffff-ffff-ffffffffffff",
        ] {
            makes(Canonical::Uuid, &[(value, value)]);
        }
    }

    #[test]
    fn a_uuid_is_encrypted_as_its_16_bytes() {
        let mut plaintext = Vec::new();
        append("00112233-4455-6677-8899-aabbccddeeff", &mut plaintext).unwrap();
        let bytes: [u8; 16] = std::array::from_fn(|i| u8::try_from(i).unwrap() * 0x11);
        assert_eq!(plaintext, bytes);
    }

    #[test]
    fn what_is_no_uuid_is_refused() {
        refuses(
            Canonical::Uuid,
            &[
                "",
                " 424cdd21-063a-43a7-b91b-7ca1a833afae",
                "424cdd21-063a-43a7-b91b-7ca1a833afae\n",
                "424cdd21-063a-43a7-b91b-7ca1a833afa",
                "424cdd21-063a-43a7-b91b-7ca1a833afaef",
                "424cdd21-063a-43a7-b91b-7ca1a833afag",
                "424cdd2-1063a-43a7-b91b-7ca1a833afae",
                "424cdd21_063a_43a7_b91b_7ca1a833afae",
                "{424cdd21-063a-43a7-b91b-7ca1a833afae",
                "(424cdd21-063a-43a7-b91b-7ca1a833afae)",
                "{424cdd21063a43a7b91b7ca1a833afae}",
                "urn:guid:424cdd21-063a-43a7-b91b-7ca1a833afae",
            ],
        );
        never_makes(Canonical::Uuid, &[&[], &[0; 15], &[0; 17], TEXT.as_bytes()]);
    }

    proptest! {
        #[test]
        fn every_uuid_has_one_text(bytes: [u8; 16]) {
            let uuid = Uuid::from_bytes(bytes);
            let text = uuid.hyphenated().to_string();
            for value in [
                text.to_uppercase(),
                uuid.simple().to_string(),
                uuid.braced().to_string(),
                uuid.urn().to_string(),
            ] {
                prop_assert_eq!(canonical_text(Canonical::Uuid, &value), Ok(text.clone()));
            }
        }
    }
}
