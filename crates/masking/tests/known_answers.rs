//! Answers computed by another implementation, from the documented construction alone.
//!
//! Python 3 with `cryptography` 48; the tokens were also compared with those of Google's `tink` 1.16
//! (deterministic AEAD, `AesSivKey`, output prefix `TINK`), and are the same:
//!
//! ```python
//! import base64, hmac, struct
//! from cryptography.hazmat.primitives.ciphers.aead import AESSIV
//! from cryptography.hazmat.primitives.hashes import SHA256
//! from cryptography.hazmat.primitives.kdf.hkdf import HKDF
//!
//! root, retired = bytes(range(32)), bytes(range(32, 64))
//!
//! def derive(info, length):
//!     return HKDF(SHA256(), length, None, info).derive(root)
//!
//! def token(domain, plaintext):
//!     ciphertext = AESSIV(derive(b"veilstream/v1/siv/" + domain, 64)).encrypt(plaintext, [b""])
//!     wire = b"\x01" + derive(b"veilstream/v1/kid/siv/" + domain, 4) + ciphertext
//!     return "vs1s." + base64.urlsafe_b64encode(wire).rstrip(b"=").decode()
//!
//! token(b"ip", bytes([199, 172, 111, 135]))
//! token(b"device_id", b"593-47-5928")
//!
//! base64.b64encode(AESSIV(derive(b"veilstream/v1/seal", 64)).encrypt(
//!     b'{"foo": "bar"}', [b"row-1", b"queue", bytes(range(16))]))
//!
//! def text(b): return struct.pack(">I", len(b)) + b
//! def integer(i): return struct.pack(">Q", i)
//!
//! message = text(b"veilstream/v1/keyset") + integer(1) + integer(2)
//! message += integer(2)
//! message += integer(1) + text(b"decrypt_only") + text(b"2026-01-31T12:00:00Z") + text(retired)
//! message += integer(2) + text(b"primary") + text(b"2026-02-01T12:00:00.5Z") + text(root)
//! message += integer(2)
//! message += text(b"ip") + text(b"siv") + text(b"ip") + integer(1)
//! message += text(b"device_id") + text(b"siv") + text(b"exact") + integer(1)
//! base64.b64encode(hmac.digest(derive(b"veilstream/v1/keyset-mac", 32), message, "sha256"))
//! ```

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use base64::{Engine, engine::general_purpose::STANDARD};
use masking::{Canonical, DomainSpec, Keyset, Method, UnmaskError, Zeroizing};

/// Domain, value, token.
const TOKENS: [(&str, &str, &str); 5] = [
    (
        "ip",
        "199.172.111.135",
        "vs1s.Ae53Ubq8PYPYNVs09eEC08dFu_NDjEzjoA",
    ),
    (
        "ip",
        "2001:db8::1",
        "vs1s.Ae53Ubo0CuxbhPKCOFdkDS93-LC7A9do6xbpPnGV8mDTgey7dg",
    ),
    (
        "device_id",
        "593-47-5928",
        "vs1s.AeKMk6xVwxCiyEQSh7ELBgSP97Hf-FD97Q2DqiO3Jd8",
    ),
    (
        "device_id",
        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx",
        "vs1s.AeKMk6zEsx09EasCd1soOJjGILfoWp3Wfu6N8_dn87g1jNaVhlnpNf4K7OQQJqnqcH5vWpmzSAE6nomU_7PTpipv4dDkMKN00ecybzxW\
         fNDsvgWJlMYEVfuaxPR1JLVelvteN0lhpcdivpsEOdw-0QtkaHRdHEvKLA",
    ),
    ("device_id", "", "vs1s.AeKMk6xqC04Q0coBAzMQa5AvCdwz"),
];

/// Written in the order and with the spacing of the Python example, not of this crate.
const ONE_KEY: &str = r#"{"format":1,"generation":1,"keys":[{"id":1,"state":"primary",
    "created":"2026-01-31T12:00:00Z","root":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}],
    "domains":[{"name":"ip","method":"siv","canonical":"ip","canonical_version":1},
               {"name":"device_id","method":"siv","canonical":"exact","canonical_version":1}],
    "mac":"4OIGZet21NajE2EOMKSH4tw9VjeA0hmrLSsxXsZ1vgw="}"#;

const TWO_KEYS: &str = r#"{"format":1,"generation":2,"keys":[
    {"id":1,"state":"decrypt_only","created":"2026-01-31T12:00:00Z",
     "root":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="},
    {"id":2,"state":"primary","created":"2026-02-01T12:00:00.5Z",
     "root":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}],
    "domains":[{"name":"ip","method":"siv","canonical":"ip","canonical_version":1},
               {"name":"device_id","method":"siv","canonical":"exact","canonical_version":1}],
    "mac":"vXH3QH0AgVVEH4lTKuE4CyJK2nXs9slKKXmXlAJyLBE="}"#;

#[test]
fn tokens_are_those_of_the_documented_construction() {
    for keyset in [create(root()), read(ONE_KEY), read(TWO_KEYS)] {
        for (domain, value, token) in TOKENS {
            assert_eq!(mask(&keyset, domain, value), token, "{domain} {value}");
            let unmasked = keyset.unmasker().unmask(token).unwrap();
            assert_eq!(
                (unmasked.domain.as_str(), unmasked.value.as_str()),
                (domain, value)
            );
        }
    }
}

#[test]
fn the_key_set_is_that_of_the_documented_construction() {
    assert_eq!(*create(root()).to_json(), *read(ONE_KEY).to_json());
}

#[test]
fn a_retired_key_opens_its_tokens_and_makes_none() {
    let before = create(retired());
    let after = read(TWO_KEYS);
    let old = mask(&before, "ip", "10.1.2.3");
    let new = mask(&after, "ip", "10.1.2.3");
    assert_ne!(old, new);
    for token in [&old, &new] {
        assert_eq!(*after.unmasker().unmask(token).unwrap().value, "10.1.2.3");
    }
    assert!(matches!(
        before.unmasker().unmask(&new),
        Err(UnmaskError::UnknownKey {
            key_id: 0xee77_51ba
        })
    ));
}

#[test]
fn a_retired_key_opens_what_it_sealed() {
    let mut before = create(retired()).sealer();
    let mut after = read(TWO_KEYS).sealer();
    let sealed = before.seal(&[1; 16], &[b"row"], b"message").unwrap();
    assert_ne!(before.key_id(), after.key_id());
    assert_eq!(
        *after
            .open(before.key_id(), &[1; 16], &[b"row"], &sealed)
            .unwrap(),
        b"message"
    );
}

#[test]
fn sealed_texts_are_those_of_the_documented_construction() {
    let nonce = std::array::from_fn(|i| u8::try_from(i).unwrap());
    let mut sealer = read(ONE_KEY).sealer();
    let text = sealer
        .seal(&nonce, &[b"row-1", b"queue"], br#"{"foo": "bar"}"#)
        .unwrap();
    assert_eq!(
        STANDARD.encode(text),
        "8MTAJj7qIus0IqEuEN8dNR1CiLbyq9sPXNY6ELNS"
    );
    assert_eq!(sealer.key_id(), 0x77fe_3c2e);
}

fn root() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

fn retired() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(root().map(|byte| byte + 32))
}

fn create(root: Zeroizing<[u8; 32]>) -> Keyset {
    let domains = [("ip", Canonical::Ip), ("device_id", Canonical::Exact)]
        .map(|(name, canonical)| DomainSpec {
            name: name.parse().unwrap(),
            method: Method::Siv,
            canonical,
        })
        .to_vec();
    Keyset::create(root, "2026-01-31T12:00:00Z", domains).unwrap()
}

fn read(json: &str) -> Keyset {
    Keyset::from_json(json.as_bytes()).unwrap()
}

fn mask(keyset: &Keyset, domain: &str, value: &str) -> String {
    let mut token = Vec::new();
    keyset
        .masker(domain)
        .unwrap()
        .mask(value, &mut token)
        .unwrap();
    String::from_utf8(token).unwrap()
}
