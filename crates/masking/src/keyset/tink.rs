//! Export: the keys of a domain as a key set of Google Tink.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;
use zeroize::Zeroizing;

use super::{Keyset, error::KeysetError};
use crate::{derive, method::Method, siv};

const TYPE_URL: &str = "type.googleapis.com/google.crypto.tink.AesSivKey";

/// What goes before the key in the serialised `AesSivKey`: field 2, `key_value`, of 64 bytes. Field 1, the version,
/// is 0 and so left out (Tink, `proto/aes_siv.proto`; Protocol Buffers, "Encoding").
const KEY_VALUE: [u8; 2] = [2 << 3 | 2, 64];

/// Tink's `Keyset` (`proto/tink.proto`) in the JSON form that its readers take.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TinkKeyset {
    primary_key_id: u32,
    key: Vec<TinkKey>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TinkKey {
    key_data: TinkKeyData,
    status: &'static str,
    key_id: u32,
    output_prefix_type: &'static str,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct TinkKeyData {
    type_url: &'static str,
    value: Zeroizing<String>,
    key_material_type: &'static str,
}

impl Keyset {
    /// All keys of a domain that are not destroyed, in clear, as a JSON key set of Google Tink (deterministic AEAD).
    /// It opens what is behind the dot of the domain's tokens, with empty associated data, and makes the same.
    ///
    /// The plaintexts are those of the domain's canonical form, padded where the domain pads.
    ///
    /// # Errors
    ///
    /// When the key set does not list the domain, or its method is not `siv`.
    pub fn tink_json(&self, domain: &str) -> Result<Zeroizing<String>, KeysetError> {
        let (domain, _) = self.find(domain)?;
        let name = &domain.spec.name;
        let Method::Siv { .. } = domain.spec.method else {
            return Err(KeysetError::NotForTink {
                domain: name.clone(),
                method: domain.spec.method.name(),
            });
        };
        let usable = self.keys.iter().filter_map(super::Key::root);
        let exported = TinkKeyset {
            primary_key_id: derive::siv_key(self.primary_root(), name).id,
            key: usable
                .map(|root| tink_key(&derive::siv_key(root, name)))
                .collect(),
        };
        let mut json = Zeroizing::new(Vec::with_capacity(512 * (1 + exported.key.len())));
        serde_json::to_writer_pretty(&mut *json, &exported)
            .expect("texts and integers are always JSON");
        let json = String::from_utf8(std::mem::take(&mut *json)).expect("serde_json writes UTF-8");
        Ok(Zeroizing::new(json))
    }
}

fn tink_key(key: &derive::SivKey) -> TinkKey {
    let mut value = Zeroizing::new([0; KEY_VALUE.len() + siv::KEY_LEN]);
    value[..KEY_VALUE.len()].copy_from_slice(&KEY_VALUE);
    value[KEY_VALUE.len()..].copy_from_slice(key.bytes.as_slice());
    TinkKey {
        key_data: TinkKeyData {
            type_url: TYPE_URL,
            value: Zeroizing::new(STANDARD.encode(value.as_slice())),
            key_material_type: "SYMMETRIC",
        },
        status: "ENABLED",
        key_id: key.id,
        output_prefix_type: "TINK",
    }
}
