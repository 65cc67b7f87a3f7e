//! Answers computed by another implementation, from the documented construction alone: `construction.py` beside this
//! file printed `known_answers.txt`, with Python 3.11 and `cryptography` 50. Tokens of method `siv` were also compared
//! with those of Google's `tink` 1.16 (deterministic AEAD, `AesSivKey`, output prefix `TINK`), and are the same.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use base64::{Engine, engine::general_purpose::STANDARD};
use masking::{
    Alphabet, Canonical, DomainSpec, Form, Format, IdentityPart, Kek, Keyset, KeysetId, KmsKey,
    Lock, LockedKeyset, Method, UnmaskError, Wrapping, Zeroizing,
};

const ANSWERS: &str = include_str!("known_answers.txt");

/// Written in an order and with a spacing that is not this crate's.
const ONE_KEY: &str = r#"{"mac":"MAC","format":1,"id":"0001020304050607","generation":1,"wrapping":"plaintext",
    "keys":[{"id":1,"state":"primary","created":"2026-01-31T12:00:00Z",
             "root":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}],
    "domains":[DOMAINS]}"#;

const TWO_KEYS: &str = r#"{"format":1,"id":"0001020304050607","generation":2,"wrapping":"plaintext","keys":[
    {"id":1,"state":"decrypt_only","created":"2026-01-31T12:00:00Z",
     "root":"ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="},
    {"id":2,"state":"primary","created":"2026-02-01T12:00:00.5Z",
     "root":"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="}],
    "domains":[
        {"name":"ip","method":{"siv":{"padded":false}},"canonical":"ip","canonical_version":1,"keys":[]},
        {"name":"device_id","method":{"siv":{"padded":false}},"canonical":"exact","canonical_version":1,"keys":[]}],
    "mac":"MAC"}"#;

const WRAPPED: &str = r#"{"format":1,"id":"0001020304050607","generation":3,
    "wrapping":{"aws_kms":{"key":"arn:aws:kms:eu-central-1:000000000000:key/1","ciphertext":"AQID"}},
    "keys":[{"id":1,"state":"primary","created":"2026-01-31T12:00:00Z","root":"ROOT1"},
            {"id":2,"state":"destroyed","created":"2026-01-31T12:00:00Z","root":null},
            {"id":3,"state":"pending","created":"2026-01-31T12:00:00Z","root":"ROOT3"}],
    "domains":[DOMAINS],"mac":"MAC"}"#;

const DOMAINS: &str = r#"
    {"name":"ip","method":{"siv":{"padded":false}},"canonical":"ip","canonical_version":1,"keys":[]},
    {"name":"device_id","method":{"siv":{"padded":false}},"canonical":"exact","canonical_version":1,"keys":[]},
    {"name":"email","method":{"siv":{"padded":true}},"canonical":"email","canonical_version":1,"keys":[]},
    {"name":"login","method":"hmac","canonical":"exact","canonical_version":1,"keys":[1]},
    {"name":"peer","method":"ip","canonical":"ip","canonical_version":1,"keys":[1]},
    {"name":"ssn","method":{"format":{"alphabet":"digits","shortest":6}},
     "canonical":"exact","canonical_version":1,"keys":[1]},
    {"name":"visitor","method":{"format":{"alphabet":"hex","shortest":5}},
     "canonical":"uuid","canonical_version":1,"keys":[1]}"#;

#[test]
fn tokens_are_those_of_the_documented_construction() {
    for keyset in [create(root()), one_key(), wrapped()] {
        let mut seen = 0;
        for answer in answers("token") {
            let [domain, value, token] = answer[..] else {
                panic!("three fields: {answer:?}");
            };
            assert_eq!(mask(&keyset, domain, value), token, "{domain} {value}");
            let unmasked = keyset.unmasker().unmask_in(domain, None, token);
            if domain == "login" {
                assert!(matches!(unmasked, Err(UnmaskError::OneWay { .. })));
            } else {
                let unmasked = unmasked.unwrap();
                assert_eq!(
                    (unmasked.domain.as_str(), unmasked.value.as_str()),
                    (domain, value)
                );
            }
            seen += 1;
        }
        assert_eq!(seen, 17);
    }
}

#[test]
fn bytes_addresses_and_uuids_are_what_the_text_stands_for() {
    let keyset = one_key();
    let form = |domain, form, value: &str| {
        let mut out = b"before".to_vec();
        let mut masker = keyset.masker(domain, form).unwrap();
        masker.mask(value, &mut out).unwrap();
        out.split_off(6)
    };
    let login = mask(&keyset, "login", "someone");
    let ip = mask(&keyset, "ip", "10.1.2.3");
    let visitor = mask(&keyset, "visitor", "424CDD21063A43A7B91B7CA1A833AFAE");
    assert_eq!(form("login", Form::Bytes, "someone"), wire(&login));
    assert_eq!(form("login", Form::Uuid, "someone"), wire(&login)[5..]);
    assert_eq!(form("ip", Form::Bytes, "10.1.2.3"), wire(&ip));
    let peer = mask(&keyset, "peer", "10.1.2.3");
    let octets = peer.parse::<std::net::Ipv6Addr>().unwrap().octets();
    assert_eq!(form("peer", Form::Address, "10.1.2.3"), octets);
    let uuid = form(
        "visitor",
        Form::Uuid,
        "424cdd21-063a-43a7-b91b-7ca1a833afae",
    );
    assert_eq!(hex(&uuid), visitor.replace('-', ""));

    // As PostgreSQL prints a bytea column.
    let printed = hex(&wire(&ip));
    let unmasked = keyset.unmasker().unmask(&format!("\\x{printed}")).unwrap();
    assert_eq!(*unmasked.value, "10.1.2.3");
}

#[test]
fn the_key_set_is_that_of_the_documented_construction() {
    assert_eq!(*create(root()).to_json(), *one_key().to_json());
    assert_eq!(STANDARD.encode(one_key().mac()), answer("mac", "one_key"));
}

#[test]
fn check_values_are_those_of_the_documented_construction() {
    let value = one_key().check_values().next().unwrap();
    assert_eq!(value.0, 1);
    assert_eq!(hex(&value.1.unwrap()), answer("check", "root"));
}

#[test]
fn identities_are_those_of_the_documented_construction() {
    let keyset = with_ledger_key();
    let body = keyset.identifier("public", "user_logins", &[]).unwrap();
    let identity = body.identity([IdentityPart::Body(r#"{"event_id": "é"}"#)]);
    assert_eq!(hex(&identity), answer("identity", "body"));
    let fields = ["/event_id", "/a~1b/c", "/d"].map(str::to_owned);
    let fields = keyset.identifier("public", "user_logins", &fields).unwrap();
    let identity = fields.identity([
        IdentityPart::Text("é"),
        IdentityPart::Number("1.0"),
        IdentityPart::Boolean("true"),
    ]);
    assert_eq!(hex(&identity), answer("identity", "fields"));
}

#[test]
fn a_ledger_key_is_kept_as_the_documented_construction_says() {
    let keyset = with_ledger_key();
    assert_eq!(STANDARD.encode(keyset.mac()), answer("mac", "ledger"));
    let read = Keyset::from_json(keyset.to_json().as_bytes()).unwrap();
    assert_eq!(*read.to_json(), *keyset.to_json());
    let checked = read.check_values().last().unwrap();
    assert_eq!(checked.0, 0);
    assert_eq!(hex(&checked.1.unwrap()), answer("check", "ledger"));

    let kms = KmsKey::new("arn".to_owned(), vec![1]).unwrap();
    let lock = Lock {
        wrapping: Wrapping::Kms(kms),
        kek: Kek::new(Zeroizing::new([7; 32])),
    };
    let id = KeysetId::new([0, 1, 2, 3, 4, 5, 6, 7]);
    let wrapped = Keyset::create(id, root(), "2026-01-31T12:00:00Z", vec![], Some(lock)).unwrap();
    let json = wrapped.with_ledger_key(ledger()).to_json();
    assert!(json.contains(answer("wrapped", "0")));
}

#[test]
fn a_wrapped_key_set_is_that_of_the_documented_construction() {
    let keyset = wrapped();
    let json = keyset.to_json();
    for key in ["1", "3"] {
        assert!(json.contains(answer("wrapped", key)));
    }
    assert_eq!(STANDARD.encode(keyset.mac()), answer("mac", "wrapped"));
}

#[test]
fn a_retired_key_opens_its_tokens_and_makes_none() {
    let before = create(retired());
    let after = two_keys();
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
    let mut after = two_keys().sealer();
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
    let mut sealer = one_key().sealer();
    let text = sealer
        .seal(&nonce, &[b"row-1", b"queue"], br#"{"foo": "bar"}"#)
        .unwrap();
    assert_eq!(
        [STANDARD.encode(text).as_str()],
        answers("sealed").next().unwrap()[..]
    );
    assert_eq!(sealer.key_id(), 0x77fe_3c2e);
}

/// The fields of the answers of a kind.
fn answers(kind: &str) -> impl Iterator<Item = Vec<&'static str>> {
    ANSWERS.lines().filter_map(move |line| {
        let mut fields = line.split('\t');
        (fields.next() == Some(kind)).then(|| fields.collect())
    })
}

fn answer(kind: &str, name: &str) -> &'static str {
    let mut found = answers(kind).filter(|fields| fields[0] == name);
    found.next().unwrap()[1]
}

fn root() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(std::array::from_fn(|i| u8::try_from(i).unwrap()))
}

fn retired() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(root().map(|byte| byte + 32))
}

fn create(root: Zeroizing<[u8; 32]>) -> Keyset {
    let format = |alphabet| Method::Format(Format::new(alphabet, None).unwrap());
    let siv = Method::Siv { padded: false };
    let domains = [
        ("ip", siv, Canonical::Ip),
        ("device_id", siv, Canonical::Exact),
        ("email", Method::Siv { padded: true }, Canonical::Email),
        ("login", Method::Hmac, Canonical::Exact),
        ("peer", Method::Ip, Canonical::Ip),
        ("ssn", format(Alphabet::Digits), Canonical::Exact),
        ("visitor", format(Alphabet::Hex), Canonical::Uuid),
    ]
    .map(|(name, method, canonical)| DomainSpec {
        name: name.parse().unwrap(),
        method,
        canonical,
    });
    let id = KeysetId::new([0, 1, 2, 3, 4, 5, 6, 7]);
    Keyset::create(id, root, "2026-01-31T12:00:00Z", domains.to_vec(), None).unwrap()
}

fn with_ledger_key() -> Keyset {
    create(root()).with_ledger_key(ledger())
}

fn ledger() -> Zeroizing<[u8; 32]> {
    Zeroizing::new(std::array::from_fn(|i| u8::try_from(64 + i).unwrap()))
}

fn one_key() -> Keyset {
    let json = ONE_KEY.replace("DOMAINS", DOMAINS);
    let json = json.replace("MAC", answer("mac", "one_key"));
    Keyset::from_json(json.as_bytes()).unwrap()
}

fn two_keys() -> Keyset {
    let json = TWO_KEYS.replace("MAC", answer("mac", "two_keys"));
    Keyset::from_json(json.as_bytes()).unwrap()
}

fn wrapped() -> Keyset {
    let json = WRAPPED
        .replace("DOMAINS", DOMAINS)
        .replace("MAC", answer("mac", "wrapped"))
        .replace("ROOT1", answer("wrapped", "1"))
        .replace("ROOT3", answer("wrapped", "3"));
    let locked = LockedKeyset::from_json(json.as_bytes()).unwrap();
    locked
        .unlock(Some(Kek::new(Zeroizing::new([7; 32]))))
        .unwrap()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| {
        digits + &format!("{byte:02x}")
    })
}

/// What is behind the dot.
fn wire(token: &str) -> Vec<u8> {
    let encoded = token.split_once('.').unwrap().1;
    base64::engine::general_purpose::URL_SAFE_NO_PAD
        .decode(encoded)
        .unwrap()
}

fn mask(keyset: &Keyset, domain: &str, value: &str) -> String {
    let mut token = Vec::new();
    keyset
        .masker(domain, Form::Text)
        .unwrap()
        .mask(value, &mut token)
        .unwrap();
    String::from_utf8(token).unwrap()
}
