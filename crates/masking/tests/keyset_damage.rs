//! A key set that is not as it was written is refused with what is wrong and what to do, and no message or `Debug`
//! shows what must stay secret.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use masking::{
    Alphabet, Argon2id, Canonical, DomainSpec, Form, Format, Kek, Keyset, KeysetError, KeysetId,
    KmsKey, Lock, LockedKeyset, Method, UnmaskError, Wrapping, Zeroizing,
};

const ROOT: [u8; 32] = [0xa5; 32];
const ID: KeysetId = KeysetId::new([5; 8]);
const ROOT_BASE64: &str = "paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=";
/// Whether an error is the one that the damage should give.
type Expected = fn(&KeysetError) -> bool;

const CREATED: &str = "2026-01-31T12:00:00Z";

#[test]
fn each_kind_of_damage_is_told_apart() {
    let cases: [(&str, &str, Expected); 24] = [
        (r#""format": 1"#, r#""format": 2"#, |e| {
            matches!(e, KeysetError::UnsupportedFormat { found: 2 })
        }),
        (r#""format": 1"#, r#""format": 1.0"#, is_shape),
        (r#""format": 1"#, r#""format": "1""#, is_shape),
        (r#""format": 1,"#, "", is_shape),
        (r#""format": 1,"#, r#""format": 1, "format": 1,"#, is_shape),
        (
            r#""generation": 1,"#,
            r#""generation": 1, "generation": 1,"#,
            is_shape,
        ),
        (
            r#""generation": 1,"#,
            r#""generation": 1, "secret-looking": 1,"#,
            is_shape,
        ),
        (r#""generation": 1"#, r#""generation": 0"#, |e| {
            matches!(e, KeysetError::ZeroGeneration)
        }),
        (r#""generation": 1"#, r#""generation": 2"#, |e| {
            matches!(e, KeysetError::MacMismatch)
        }),
        (r#""id": 1"#, r#""id": 0"#, |e| {
            matches!(e, KeysetError::ZeroKey)
        }),
        (r#""id": 1"#, r#""id": -1"#, is_shape),
        (r#""primary""#, r#""retired""#, |e| {
            matches!(e, KeysetError::UnknownState { key: 1 })
        }),
        (r#""primary""#, r#""decrypt_only""#, |e| {
            matches!(e, KeysetError::PrimaryCount { found: 0 })
        }),
        (CREATED, "yesterday", |e| {
            matches!(e, KeysetError::BadCreated { key: 1 })
        }),
        (ROOT_BASE64, "paWl", |e| {
            matches!(e, KeysetError::BadRoot { key: 1 })
        }),
        (ROOT_BASE64, "not base64!", |e| {
            matches!(e, KeysetError::BadRoot { key: 1 })
        }),
        (r#""name": "ip""#, r#""name": "IP""#, |e| {
            matches!(e, KeysetError::BadDomainName { position: 1, .. })
        }),
        (
            r#""name": "ip""#,
            r#""name": "device_id""#,
            |e| matches!(e, KeysetError::DuplicateDomain { domain } if domain.as_str() == "device_id"),
        ),
        ("0505050505050505", "0505", |e| {
            matches!(e, KeysetError::BadId)
        }),
        ("0505050505050505", "0505050505050506", |e| {
            matches!(e, KeysetError::MacMismatch)
        }),
        (r#""canonical": "ip""#, r#""canonical": "url""#, |e| {
            matches!(e, KeysetError::UnknownCanonical { .. })
        }),
        (
            r#""canonical_version": 1"#,
            r#""canonical_version": 2"#,
            |e| matches!(e, KeysetError::UnsupportedCanonicalVersion { found: 2, .. }),
        ),
        (r#""mac": ""#, r#""mac": "="#, |e| {
            matches!(e, KeysetError::BadMac)
        }),
        (r#""canonical": "ip""#, r#""canonical": "exact""#, |e| {
            matches!(e, KeysetError::MacMismatch)
        }),
    ];
    refused_as_expected(&cases);
}

#[test]
fn each_kind_of_damage_to_a_domain_is_told_apart() {
    let cases: [(&str, &str, Expected); 9] = [
        (r#""method": "hmac""#, r#""method": "none""#, is_shape),
        (r#""method": "hmac""#, r#""method": "ip""#, |e| {
            matches!(e, KeysetError::MethodDoesNotFit { .. })
        }),
        (r#""alphabet": "digits""#, r#""alphabet": "runes""#, |e| {
            matches!(e, KeysetError::UnknownAlphabet { .. })
        }),
        (r#""shortest": 6"#, r#""shortest": 5"#, |e| {
            matches!(e, KeysetError::BadFormat { .. })
        }),
        (r#""shortest": 6"#, r#""shortest": 7"#, |e| {
            matches!(e, KeysetError::MacMismatch)
        }),
        (r#""padded": false"#, r#""padded": true"#, |e| {
            matches!(e, KeysetError::MacMismatch)
        }),
        ("\n        1\n", "\n        2\n", |e| {
            matches!(e, KeysetError::BadDomainKey { .. })
        }),
        ("\n        1\n", "\n        1, 1\n", |e| {
            matches!(e, KeysetError::BadDomainKey { .. })
        }),
        (r#""keys": []"#, r#""keys": [1]"#, |e| {
            matches!(e, KeysetError::BadDomainKey { .. })
        }),
    ];
    refused_as_expected(&cases);
}

#[test]
fn what_is_no_key_set_is_refused() {
    let json = keyset().to_json();
    assert_eq!(read_error(b""), KeysetError::CutOff);
    assert_eq!(
        read_error(&json.as_bytes()[..json.len() - 1]),
        KeysetError::CutOff
    );
    assert!(matches!(
        read_error(b"VEILSTREAM_KEY=abc"),
        KeysetError::NotJson { line: 1, .. }
    ));
    assert!(matches!(
        read_error(&[0xff, 0xfe]),
        KeysetError::NotJson { .. }
    ));
    assert!(matches!(
        read_error(format!("{}x", *json).as_bytes()),
        KeysetError::NotJson { .. }
    ));
    assert!(matches!(read_error(b"null"), KeysetError::Shape { .. }));
    assert!(matches!(read_error(b"[]"), KeysetError::Shape { .. }));
    assert!(matches!(
        read_error("[".repeat(100_000).as_bytes()),
        KeysetError::Shape { .. }
    ));
}

#[test]
fn a_key_or_root_that_is_there_twice_is_refused() {
    let json = keyset().to_json();
    let (start, end) = (
        json.find("{\n      \"id\"").unwrap(),
        json.find("\n  ],").unwrap(),
    );
    let key = &json[start..end];
    let twice = |second: &str| json.replacen(key, &format!("{key}, {second}"), 1);

    assert_eq!(
        read_error(twice(key).as_bytes()),
        KeysetError::PrimaryCount { found: 2 }
    );
    let retired = key.replace("primary", "decrypt_only");
    assert_eq!(
        read_error(twice(&retired).as_bytes()),
        KeysetError::DuplicateKey { key: 1 }
    );
    let renumbered = retired.replace("\"id\": 1", "\"id\": 2");
    let error = read_error(twice(&renumbered).as_bytes());
    assert!(
        matches!(error, KeysetError::KeyIdCollision { .. }),
        "{error:?}"
    );
}

#[test]
fn swapped_domains_are_refused() {
    let json = keyset().to_json();
    let swapped = json
        .replace("\"ip\"", "\"x\"")
        .replace("\"device_id\"", "\"ip\"")
        .replace("\"x\"", "\"device_id\"");
    assert!(Keyset::from_json(swapped.as_bytes()).is_err());
}

#[test]
fn spacing_and_escapes_do_not_matter() {
    let json = keyset().to_json();
    let squeezed: String = json.split_whitespace().collect();
    let escaped = squeezed.replace("device_id", r"device\u005fid");
    for spelling in [squeezed, escaped] {
        assert_eq!(
            *Keyset::from_json(spelling.as_bytes()).unwrap().to_json(),
            *json
        );
    }
}

/// Found by trying names in order with the root 0, 1, 2, …, 31: both have the key id d9fa4e55.
#[test]
fn domains_whose_key_ids_collide_are_refused() {
    let root = Zeroizing::new(std::array::from_fn(|i| u8::try_from(i).unwrap()));
    let domains = vec![exact("d35309"), exact("d81675")];
    let error = Keyset::create(ID, root.clone(), CREATED, domains, None).unwrap_err();
    assert!(
        matches!(error, KeysetError::KeyIdCollision { .. }),
        "{error:?}"
    );
    assert!(
        error
            .to_string()
            .contains("domain `d35309` under key 1 and domain `d81675` under key 1")
    );
    assert!(Keyset::create(ID, root, CREATED, vec![exact("d35309")], None).is_ok());
}

#[test]
fn a_wrapped_key_set_opens_with_its_own_key_only() {
    let kms = KmsKey::new(
        "arn:aws:kms:eu-central-1:000000000000:key/1".to_owned(),
        vec![1, 2],
    );
    for wrapping in [
        Wrapping::Passphrase(Argon2id::new([8; 16])),
        Wrapping::Kms(kms.unwrap()),
    ] {
        let kek = Kek::new(Zeroizing::new([9; 32]));
        let lock = Lock {
            wrapping: wrapping.clone(),
            kek: kek.clone(),
        };
        let root = Zeroizing::new(ROOT);
        let keyset = Keyset::create(ID, root, CREATED, vec![exact("a")], Some(lock)).unwrap();
        let json = keyset.to_json();
        shows_no_secret(&json);
        let read = || LockedKeyset::from_json(json.as_bytes()).unwrap();
        assert_eq!(read().wrapping(), Some(&wrapping));
        assert_eq!(*read().unlock(Some(kek)).unwrap().to_json(), *json);
        assert_eq!(read().unlock(None).unwrap_err(), KeysetError::Locked);
        let other = Kek::new(Zeroizing::new([10; 32]));
        assert_eq!(
            read().unlock(Some(other)).unwrap_err(),
            KeysetError::WrongKek { key: 1 }
        );
        assert_eq!(read_error(json.as_bytes()), KeysetError::Locked);
        shows_no_secret(&format!("{:?} {keyset:?}", read()));
    }
    let plain = LockedKeyset::from_json(keyset().to_json().as_bytes()).unwrap();
    let kek = Kek::new(Zeroizing::new([9; 32]));
    assert_eq!(plain.unlock(Some(kek)).unwrap_err(), KeysetError::NotLocked);
}

/// The roots of two wrapped keys cannot be exchanged, nor can one be taken from another key set.
#[test]
fn swapped_roots_are_refused() {
    let kek = Kek::new(Zeroizing::new([9; 32]));
    let create = |id| {
        let wrapping = Wrapping::Passphrase(Argon2id::new([8; 16]));
        let lock = Lock {
            wrapping,
            kek: kek.clone(),
        };
        let domains = vec![exact("a")];
        let mut keyset =
            Keyset::create(id, Zeroizing::new(ROOT), CREATED, domains, Some(lock)).unwrap();
        keyset.add_key(Zeroizing::new([1; 32]), CREATED).unwrap();
        keyset.to_json()
    };
    let roots = |json: &str| -> Vec<String> {
        let lines = json.lines().filter(|line| line.contains("\"root\""));
        lines.map(|line| line.trim().to_owned()).collect()
    };
    let json = create(ID);
    let [first, second] = &roots(&json)[..] else {
        panic!("two keys");
    };
    let swapped = json
        .replace(first, "X")
        .replace(second, first)
        .replace('X', second);
    let foreign = json.replace(first, &roots(&create(KeysetId::new([6; 8])))[0]);
    for edited in [swapped, foreign] {
        assert_ne!(edited, *json);
        let locked = LockedKeyset::from_json(edited.as_bytes()).unwrap();
        assert_eq!(
            locked.unlock(Some(kek.clone())).unwrap_err(),
            KeysetError::WrongKek { key: 1 }
        );
    }
}

#[test]
fn mistakes_of_the_caller_are_refused() {
    let root = Zeroizing::new(ROOT);
    let twice = Keyset::create(
        ID,
        root.clone(),
        CREATED,
        vec![exact("a"), exact("a")],
        None,
    )
    .unwrap_err();
    assert!(matches!(twice, KeysetError::DuplicateDomain { .. }));
    let no_time = Keyset::create(ID, root, "now", vec![exact("a")], None).unwrap_err();
    assert!(matches!(no_time, KeysetError::BadCreated { key: 1 }));
}

#[test]
fn an_unknown_domain_is_named_beside_those_that_there_are() {
    let error = keyset().masker("email", Form::Text).unwrap_err();
    let message = error.to_string();
    assert!(
        message.contains("`email`") && message.contains("ip, device_id"),
        "{message}"
    );
    assert_eq!(keyset().domain("email"), None);
    assert_eq!(keyset().domain("ip").unwrap().canonical, Canonical::Ip);
}

#[test]
fn neither_debug_nor_an_error_shows_a_key_or_a_value() {
    let keyset = keyset();
    let mut masker = keyset.masker("device_id", Form::Text).unwrap();
    let mut token = Vec::new();
    masker.mask("593-47-5928", &mut token).unwrap();
    let mut token = String::from_utf8(token).unwrap();
    let mut opener = keyset.unmasker();
    let unmasked = opener.unmask(&token).unwrap();
    let refused = keyset
        .masker("ip", Form::Text)
        .unwrap()
        .mask("593-47-5928", &mut Vec::new())
        .unwrap_err();
    token.replace_range(token.len() - 6..token.len() - 5, "-");
    let tampered = opener.unmask(&token).unwrap_err();
    assert!(
        matches!(&tampered, UnmaskError::Tampered { domain } if domain.as_str() == "device_id")
    );
    for shown in [
        format!("{keyset:?}"),
        format!("{masker:?}"),
        format!("{opener:?}"),
        format!("{:?}", keyset.sealer()),
        format!("{unmasked:?}"),
        format!("{refused} {refused:?}"),
        format!("{tampered} {tampered:?}"),
    ] {
        assert!(!shown.contains("593"), "{shown}");
        shows_no_secret(&shown);
    }
}

fn refused_as_expected(cases: &[(&str, &str, Expected)]) {
    let json = keyset().to_json();
    for (from, to, expected) in cases {
        assert!(json.contains(from), "{from}");
        let error = Keyset::from_json(json.replacen(from, to, 1).as_bytes()).unwrap_err();
        assert!(expected(&error), "{from} -> {to}: {error:?}");
        shows_no_secret(&format!("{error} {error:?}"));
    }
}

fn is_shape(error: &KeysetError) -> bool {
    matches!(error, KeysetError::Shape { .. })
}

/// Neither in base64 nor as the numbers that a derived `Debug` would print, nor anything unknown of the file.
fn shows_no_secret(shown: &str) {
    for secret in [
        "paWl",
        "165, 165",
        "a5a5",
        "A5A5",
        "secret-looking",
        "retired",
        "yesterday",
    ] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn read_error(bytes: &[u8]) -> KeysetError {
    Keyset::from_json(bytes).unwrap_err()
}

fn keyset() -> Keyset {
    let ip = DomainSpec {
        name: "ip".parse().unwrap(),
        method: Method::Siv { padded: false },
        canonical: Canonical::Ip,
    };
    let ssn = Method::Format(Format::new(Alphabet::Digits, None).unwrap());
    let domains = vec![
        ip,
        exact("device_id"),
        DomainSpec {
            method: Method::Hmac,
            ..exact("login")
        },
        DomainSpec {
            method: ssn,
            ..exact("ssn")
        },
    ];
    create(domains).unwrap()
}

fn create(domains: Vec<DomainSpec>) -> Result<Keyset, KeysetError> {
    Keyset::create(ID, Zeroizing::new(ROOT), CREATED, domains, None)
}

fn exact(name: &str) -> DomainSpec {
    DomainSpec {
        name: name.parse().unwrap(),
        method: Method::Siv { padded: false },
        canonical: Canonical::Exact,
    }
}
