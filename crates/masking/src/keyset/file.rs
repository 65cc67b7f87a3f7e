//! The JSON of a key set: raw structs, and their way to and from the validated ones.

use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::{
    Domain, Keyset, KeysetId,
    error::KeysetError,
    identity,
    key::{Key, KeyState},
    mac::{self, MAC_LEN},
    wrapping::{Argon2id, Kek, KmsKey, Lock, Wrapping},
};
use crate::{
    derive::Root,
    domain::{DomainName, DomainSpec},
    format::Format,
    method::Method,
};

/// The version of the file's structure.
pub(super) const FORMAT: u64 = 1;

/// A key set as it was read: its shape is right, and nothing of it is authenticated yet.
pub struct LockedKeyset {
    id: KeysetId,
    generation: u64,
    wrapping: Option<Wrapping>,
    keys: Vec<KeyEntry>,
    domains: Vec<Domain>,
    ledger: Option<Zeroizing<String>>,
    mac: [u8; MAC_LEN],
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
    id: String,
    generation: u64,
    wrapping: WrappingEntry,
    keys: Vec<KeyEntry>,
    domains: Vec<DomainEntry>,
    /// Not in sets that were made before there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ledger_key: Option<Zeroizing<String>>,
    mac: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum WrappingEntry {
    Plaintext,
    Passphrase {
        kdf: String,
        memory_kib: u32,
        passes: u32,
        lanes: u32,
        salt: String,
    },
    AwsKms {
        key: String,
        ciphertext: String,
    },
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: u32,
    state: String,
    created: String,
    /// `null` for a destroyed key.
    root: Option<Zeroizing<String>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct DomainEntry {
    name: String,
    method: MethodEntry,
    canonical: String,
    canonical_version: u32,
    /// Empty where it masks with the primary key, whichever that is.
    keys: Vec<u32>,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
enum MethodEntry {
    Siv { padded: bool },
    Hmac,
    Ip,
    Format { alphabet: String, shortest: u16 },
}

impl LockedKeyset {
    /// Reads a key set up to what its keys are needed for.
    ///
    /// # Errors
    ///
    /// When it is cut off, of another version, or a part of it is not valid by itself.
    pub fn from_json(bytes: &[u8]) -> Result<Self, KeysetError> {
        let AnyFormat { format } = parse(bytes)?;
        if format != FORMAT {
            return Err(KeysetError::UnsupportedFormat { found: format });
        }
        let file: File = parse(bytes)?;
        if file.generation == 0 {
            return Err(KeysetError::ZeroGeneration);
        }
        let domains = file.domains.into_iter().enumerate();
        Ok(Self {
            id: keyset_id(&file.id).ok_or(KeysetError::BadId)?,
            generation: file.generation,
            wrapping: file.wrapping.validate()?,
            keys: file.keys,
            domains: domains
                .map(|(i, domain)| domain.validate(i + 1))
                .collect::<Result<_, _>>()?,
            ledger: file.ledger_key,
            mac: *decode(&file.mac).ok_or(KeysetError::BadMac)?,
        })
    }

    /// What the key set is known by, as far as it says.
    pub fn id(&self) -> KeysetId {
        self.id
    }

    /// Where the key that wraps the root keys comes from; `None` when they lie in clear.
    pub fn wrapping(&self) -> Option<&Wrapping> {
        self.wrapping.as_ref()
    }

    /// Unwraps the root keys and checks the MAC. `kek` is needed just where there is a wrapping.
    ///
    /// # Errors
    ///
    /// When the key is missing or not the one, or the key set is not just as it was written.
    pub fn unlock(self, kek: Option<Kek>) -> Result<Keyset, KeysetError> {
        let lock = match (self.wrapping, kek) {
            (None, None) => None,
            (Some(wrapping), Some(kek)) => Some(Lock { wrapping, kek }),
            (Some(_), None) => return Err(KeysetError::Locked),
            (None, Some(_)) => return Err(KeysetError::NotLocked),
        };
        let kek = lock.as_ref().map(|lock| &lock.kek);
        let keys = self.keys.into_iter();
        let keys = keys
            .map(|key| key.unlock(self.id, kek))
            .collect::<Result<_, _>>()?;
        let ledger = self.ledger.map(|secret| {
            unlock_secret(&secret, self.id, identity::PLACE, kek).ok_or(KeysetError::BadLedgerKey)
        });
        let keyset = Keyset {
            ledger: ledger.transpose()?,
            id: self.id,
            generation: self.generation,
            lock,
            keys,
            primary: 0,
            domains: self.domains,
        }
        .checked()?;
        if mac::verify(&keyset, &self.mac) {
            Ok(keyset)
        } else {
            Err(KeysetError::MacMismatch)
        }
    }
}

/// Writes a key set as a file.
pub(super) fn write(keyset: &Keyset) -> Zeroizing<String> {
    let kek = keyset.lock.as_ref().map(|lock| &lock.kek);
    let file = File {
        format: FORMAT,
        id: keyset.id.to_string(),
        generation: keyset.generation,
        wrapping: keyset.wrapping().into(),
        keys: keyset
            .keys
            .iter()
            .map(|key| KeyEntry::new(key, keyset.id, kek))
            .collect(),
        domains: keyset.domains.iter().map(DomainEntry::from).collect(),
        ledger_key: keyset
            .ledger
            .as_ref()
            .map(|secret| written_secret(secret, keyset.id, identity::PLACE, kek)),
        mac: STANDARD.encode(mac::compute(keyset)),
    };
    let bound = file.json_bound();
    let mut json = Zeroizing::new(Vec::with_capacity(bound));
    serde_json::to_writer_pretty(&mut *json, &file).expect("texts and integers are always JSON");
    debug_assert!(json.len() <= bound, "key material was moved while writing");
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

fn decode<const N: usize>(base64: &str) -> Option<Zeroizing<[u8; N]>> {
    let bytes = Zeroizing::new(STANDARD.decode(base64).ok()?);
    <[u8; N]>::try_from(bytes.as_slice())
        .ok()
        .map(Zeroizing::new)
}

/// A root or the ledger key as it lies in the file, wrapped for its place if there is a lock.
fn written_secret(
    secret: &Root,
    set: KeysetId,
    place: u32,
    kek: Option<&Kek>,
) -> Zeroizing<String> {
    Zeroizing::new(match kek {
        Some(kek) => STANDARD.encode(kek.wrap(set, place, secret)),
        None => STANDARD.encode(secret),
    })
}

/// The same, read.
fn unlock_secret(written: &str, set: KeysetId, place: u32, kek: Option<&Kek>) -> Option<Root> {
    match kek {
        None => decode(written),
        Some(kek) => kek.unwrap(set, place, &*decode(written)?),
    }
}

/// Just the spelling that `KeysetId` is displayed in.
fn keyset_id(text: &str) -> Option<KeysetId> {
    let id = KeysetId::new(u64::from_str_radix(text, 16).ok()?.to_be_bytes());
    (id.to_string() == text).then_some(id)
}

impl File {
    /// At least the length of the JSON, so that writing it never moves key material to a new place and leaves
    /// the old one unwiped. The texts of each entry are short, and none needs an escape.
    fn json_bound(&self) -> usize {
        const ENTRY: usize = 512;
        let wrapping = match &self.wrapping {
            WrappingEntry::Plaintext | WrappingEntry::Passphrase { .. } => 0,
            WrappingEntry::AwsKms { key, ciphertext } => key.len() + ciphertext.len(),
        };
        wrapping + (3 + self.keys.len() + self.domains.len()) * ENTRY
    }
}

impl WrappingEntry {
    fn validate(self) -> Result<Option<Wrapping>, KeysetError> {
        match self {
            Self::Plaintext => Ok(None),
            Self::Passphrase {
                kdf,
                memory_kib,
                passes,
                lanes,
                salt,
            } => {
                let salt = decode(&salt).filter(|_| kdf == "argon2id");
                let salt = salt.ok_or(KeysetError::BadWrapping)?;
                let argon2id = Argon2id::stated(*salt, memory_kib, passes, lanes)?;
                Ok(Some(Wrapping::Passphrase(argon2id)))
            }
            Self::AwsKms { key, ciphertext } => {
                let ciphertext = STANDARD.decode(ciphertext);
                let ciphertext = ciphertext.map_err(|_| KeysetError::BadWrapping)?;
                Ok(Some(Wrapping::Kms(KmsKey::new(key, ciphertext)?)))
            }
        }
    }
}

impl From<Option<&Wrapping>> for WrappingEntry {
    fn from(wrapping: Option<&Wrapping>) -> Self {
        match wrapping {
            None => Self::Plaintext,
            Some(Wrapping::Passphrase(argon2id)) => Self::Passphrase {
                kdf: "argon2id".to_owned(),
                memory_kib: argon2id.memory_kib,
                passes: argon2id.passes,
                lanes: argon2id.lanes,
                salt: STANDARD.encode(argon2id.salt),
            },
            Some(Wrapping::Kms(kms)) => Self::AwsKms {
                key: kms.key().to_owned(),
                ciphertext: STANDARD.encode(kms.ciphertext()),
            },
        }
    }
}

impl KeyEntry {
    fn new(key: &Key, set: KeysetId, kek: Option<&Kek>) -> Self {
        let root = key.root();
        Self {
            id: key.id,
            state: key.state.as_str().to_owned(),
            created: key.created.clone(),
            root: root.map(|root| written_secret(root, set, key.id, kek)),
        }
    }

    fn unlock(self, set: KeysetId, kek: Option<&Kek>) -> Result<Key, KeysetError> {
        let key = self.id;
        let state = KeyState::from_name(&self.state).ok_or(KeysetError::UnknownState { key })?;
        let bad_root = || KeysetError::BadRoot { key };
        let root = match (self.root, kek) {
            (None, _) => None,
            (Some(root), None) => Some(decode(&root).ok_or_else(bad_root)?),
            (Some(root), Some(kek)) => {
                let wrapped = decode(&root).ok_or_else(bad_root)?;
                let root = kek.unwrap(set, key, &wrapped);
                Some(root.ok_or(KeysetError::WrongKek { key })?)
            }
        };
        Key::new(key, state, self.created, root)
    }
}

impl DomainEntry {
    /// `position` counts from 1, for messages about a domain that has no valid name.
    fn validate(self, position: usize) -> Result<Domain, KeysetError> {
        let name = self
            .name
            .parse()
            .map_err(|source| KeysetError::BadDomainName { position, source })?;
        let method = self.method.validate(&name)?;
        let canonical = match self.canonical.parse() {
            Ok(canonical) => canonical,
            Err(source) => {
                return Err(KeysetError::UnknownCanonical {
                    domain: name,
                    source,
                });
            }
        };
        let spec = DomainSpec {
            name,
            method,
            canonical,
        };
        if self.canonical_version == spec.canonical.version() {
            Ok(Domain {
                spec,
                keys: self.keys,
            })
        } else {
            Err(KeysetError::UnsupportedCanonicalVersion {
                domain: spec.name,
                canonical: spec.canonical,
                found: self.canonical_version,
            })
        }
    }
}

impl From<&Domain> for DomainEntry {
    fn from(Domain { spec, keys }: &Domain) -> Self {
        Self {
            name: spec.name.to_string(),
            method: spec.method.into(),
            canonical: spec.canonical.to_string(),
            canonical_version: spec.canonical.version(),
            keys: keys.clone(),
        }
    }
}

impl MethodEntry {
    fn validate(self, domain: &DomainName) -> Result<Method, KeysetError> {
        match self {
            Self::Siv { padded } => Ok(Method::Siv { padded }),
            Self::Hmac => Ok(Method::Hmac),
            Self::Ip => Ok(Method::Ip),
            Self::Format { alphabet, shortest } => {
                let alphabet = alphabet.parse().map_err(|_| KeysetError::UnknownAlphabet {
                    domain: domain.clone(),
                })?;
                let format = Format::new(alphabet, Some(shortest));
                let format = format.map_err(|source| KeysetError::BadFormat {
                    domain: domain.clone(),
                    source,
                })?;
                Ok(Method::Format(format))
            }
        }
    }
}

impl From<Method> for MethodEntry {
    fn from(method: Method) -> Self {
        match method {
            Method::Siv { padded } => Self::Siv { padded },
            Method::Hmac => Self::Hmac,
            Method::Ip => Self::Ip,
            Method::Format(format) => Self::Format {
                alphabet: format.alphabet().to_string(),
                shortest: format.shortest(),
            },
        }
    }
}

impl fmt::Debug for LockedKeyset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LockedKeyset")
            .field("id", &self.id)
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}
