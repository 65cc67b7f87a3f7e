//! The JSON of a key set: raw structs, and their way to and from the validated ones.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Keyset,
    error::KeysetError,
    key::{Key, KeyState},
    mac::{self, MAC_LEN},
};
use crate::{
    derive::{ROOT_LEN, Root},
    domain::DomainSpec,
};

/// The version of the file's structure.
pub(super) const FORMAT: u64 = 1;

/// Contents of a file whose parts are valid each by itself. Nothing is authenticated yet.
pub(super) struct Contents {
    pub(super) generation: u64,
    pub(super) keys: Vec<Key>,
    pub(super) domains: Vec<DomainSpec>,
    pub(super) mac: [u8; MAC_LEN],
}

/// All that is looked at before the format is known.
#[derive(Deserialize)]
struct AnyFormat {
    format: u64,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    format: u64,
    generation: u64,
    keys: Vec<KeyEntry>,
    domains: Vec<DomainEntry>,
    mac: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: u32,
    state: String,
    created: String,
    root: Zeroizing<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainEntry {
    name: String,
    method: String,
    canonical: String,
    canonical_version: u32,
}

/// Reads a file up to the MAC, which is left to the caller.
pub(super) fn read(bytes: &[u8]) -> Result<Contents, KeysetError> {
    let AnyFormat { format } = parse(bytes)?;
    if format != FORMAT {
        return Err(KeysetError::UnsupportedFormat { found: format });
    }
    let file: File = parse(bytes)?;
    if file.generation == 0 {
        return Err(KeysetError::ZeroGeneration);
    }
    Ok(Contents {
        generation: file.generation,
        keys: file
            .keys
            .into_iter()
            .map(KeyEntry::validate)
            .collect::<Result<_, _>>()?,
        domains: file
            .domains
            .into_iter()
            .enumerate()
            .map(|(i, domain)| domain.validate(i + 1))
            .collect::<Result<_, _>>()?,
        mac: *decode_32(&file.mac).ok_or(KeysetError::BadMac)?,
    })
}

/// Writes a key set as a file.
pub(super) fn write(keyset: &Keyset) -> Zeroizing<String> {
    let file = File {
        format: FORMAT,
        generation: keyset.generation,
        keys: keyset.keys.iter().map(KeyEntry::from).collect(),
        domains: keyset.domains.iter().map(DomainEntry::from).collect(),
        mac: STANDARD.encode(mac::compute(keyset)),
    };
    let mut json = Zeroizing::new(Vec::with_capacity(file.json_bound()));
    serde_json::to_writer_pretty(&mut *json, &file).expect("texts and integers are always JSON");
    debug_assert!(
        json.len() <= file.json_bound(),
        "key material was moved while writing"
    );
    let json = String::from_utf8(std::mem::take(&mut *json)).expect("serde_json writes UTF-8");
    Zeroizing::new(json)
}

/// Parses JSON. The cause of an error is left behind on purpose, as its text quotes the file.
fn parse<'a, T: Deserialize<'a>>(bytes: &'a [u8]) -> Result<T, KeysetError> {
    serde_json::from_slice(bytes).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        match error.classify() {
            serde_json::error::Category::Io | serde_json::error::Category::Syntax => {
                KeysetError::NotJson { line, column }
            }
            serde_json::error::Category::Eof => KeysetError::CutOff,
            serde_json::error::Category::Data => KeysetError::Shape { line, column },
        }
    })
}

fn decode_32(base64: &str) -> Option<Zeroizing<[u8; 32]>> {
    let bytes = Zeroizing::new(STANDARD.decode(base64).ok()?);
    <[u8; 32]>::try_from(bytes.as_slice())
        .ok()
        .map(Zeroizing::new)
}

impl File {
    /// At least the length of the JSON, so that writing it never moves key material to a new place and leaves
    /// the old one unwiped. The texts of each entry are short, and none needs an escape.
    fn json_bound(&self) -> usize {
        const ENTRY: usize = 512;
        (1 + self.keys.len() + self.domains.len()) * ENTRY
    }
}

impl KeyEntry {
    fn validate(self) -> Result<Key, KeysetError> {
        let key = self.id;
        if key == 0 {
            return Err(KeysetError::ZeroKey);
        }
        let state = KeyState::from_name(&self.state).ok_or(KeysetError::UnknownState { key })?;
        let root: Root = decode_32(&self.root).ok_or(KeysetError::BadRoot { key })?;
        Key::new(key, state, self.created, root)
    }
}

impl From<&Key> for KeyEntry {
    fn from(key: &Key) -> Self {
        let root: &[u8; ROOT_LEN] = &key.root;
        Self {
            id: key.id,
            state: key.state.as_str().to_owned(),
            created: key.created.clone(),
            root: Zeroizing::new(STANDARD.encode(root)),
        }
    }
}

impl DomainEntry {
    /// `position` counts from 1, for messages about a domain that has no valid name.
    fn validate(self, position: usize) -> Result<DomainSpec, KeysetError> {
        let name = self
            .name
            .parse()
            .map_err(|source| KeysetError::BadDomainName { position, source })?;
        let spec = match (self.method.parse(), self.canonical.parse()) {
            (Ok(method), Ok(canonical)) => DomainSpec {
                name,
                method,
                canonical,
            },
            (Err(source), _) => {
                return Err(KeysetError::UnknownMethod {
                    domain: name,
                    source,
                });
            }
            (_, Err(source)) => {
                return Err(KeysetError::UnknownCanonical {
                    domain: name,
                    source,
                });
            }
        };
        if self.canonical_version == spec.canonical.version() {
            Ok(spec)
        } else {
            Err(KeysetError::UnsupportedCanonicalVersion {
                domain: spec.name,
                canonical: spec.canonical,
                found: self.canonical_version,
            })
        }
    }
}

impl From<&DomainSpec> for DomainEntry {
    fn from(domain: &DomainSpec) -> Self {
        Self {
            name: domain.name.to_string(),
            method: domain.method.to_string(),
            canonical: domain.canonical.to_string(),
            canonical_version: domain.canonical.version(),
        }
    }
}
