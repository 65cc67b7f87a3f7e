//! A key set through its life: which key makes tokens, which opens them, and what a domain's tokens are like.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use masking::{
    Alphabet, Canonical, DomainSpec, Form, Format, Kek, KeyState, Keyset, KeysetError, KeysetId,
    KmsKey, Lock, Method, UnmaskError, Wrapping, Zeroizing,
};

const ROOT: [u8; 32] = [0xa5; 32];
const ROOT_BASE64: &str = "paWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaWlpaU=";
const ID: KeysetId = KeysetId::new([5; 8]);
const CREATED: &str = "2026-01-31T12:00:00Z";

#[test]
fn a_key_is_pending_then_primary_then_retired_then_destroyed() {
    let mut keyset = keyset();
    let states = |keyset: &Keyset| keyset.keys().map(|key| key.state).collect::<Vec<_>>();
    let token = |keyset: &Keyset, domain| {
        let mut token = Vec::new();
        let mut masker = keyset.masker(domain, Form::Text).unwrap();
        masker.mask("123-45-6789", &mut token).unwrap();
        String::from_utf8(token).unwrap()
    };
    let old = ["device_id", "login", "ssn"].map(|domain| token(&keyset, domain));

    assert_eq!(keyset.add_key(Zeroizing::new([1; 32]), CREATED), Ok(2));
    assert_eq!(states(&keyset), [KeyState::Primary, KeyState::Pending]);
    assert_eq!(keyset.maskers("device_id", Form::Text).unwrap().len(), 1);
    assert_eq!(
        keyset.promote_domain(2, "ssn"),
        Err(KeysetError::IsPending { key: 2 })
    );
    assert_eq!(keyset.destroy(1), Err(KeysetError::IsPrimary { key: 1 }));

    keyset.promote(2).unwrap();
    assert_eq!(states(&keyset), [KeyState::DecryptOnly, KeyState::Primary]);
    assert_ne!(token(&keyset, "device_id"), old[0]);
    assert_eq!([token(&keyset, "login"), token(&keyset, "ssn")], old[1..]);
    let ids: Vec<_> = keyset
        .maskers("device_id", Form::Text)
        .unwrap()
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(ids, [2, 1]);
    assert_eq!(
        *keyset.unmasker().unmask(&old[0]).unwrap().value,
        "123-45-6789"
    );

    let in_use = KeysetError::InUse {
        key: 1,
        domains: "login, ssn".to_owned(),
    };
    assert_eq!(keyset.destroy(1), Err(in_use));
    let follows = KeysetError::FollowsPrimary {
        domain: "ip".parse().unwrap(),
    };
    assert_eq!(keyset.promote_domain(2, "ip"), Err(follows));
    keyset.promote_domain(2, "login").unwrap();
    keyset.promote_domain(2, "ssn").unwrap();
    assert_ne!([token(&keyset, "login"), token(&keyset, "ssn")], old[1..]);
    let mut unmasker = keyset.unmasker();
    assert_eq!(
        *unmasker.unmask_in("ssn", Some(1), &old[2]).unwrap().value,
        "123-45-6789"
    );
    // With another key it would open to another value, which nobody could tell from the right one.
    let which = unmasker.unmask_in("ssn", None, &old[2]).unwrap_err();
    assert_eq!(
        which,
        UnmaskError::WhichKey {
            domain: "ssn".parse().unwrap(),
            keys: "2, 1".to_owned()
        }
    );
    let ids: Vec<_> = keyset
        .maskers("ssn", Form::Text)
        .unwrap()
        .iter()
        .map(|(id, _)| *id)
        .collect();
    assert_eq!(ids, [2, 1]);

    assert_eq!(keyset.retire(1), Err(KeysetError::IsRetired { key: 1 }));
    let before: Vec<_> = keyset.check_values().collect();
    keyset.destroy(1).unwrap();
    assert_eq!(states(&keyset), [KeyState::Destroyed, KeyState::Primary]);
    let after: Vec<_> = keyset.check_values().collect();
    assert_eq!(after, [(1, None), before[1]]);
    assert_ne!(before[0].1, before[1].1);
    let token = token(&keyset, "ssn");
    let mut unmasker = keyset.unmasker();
    let unmasked = unmasker.unmask_in("ssn", Some(2), &token).unwrap();
    assert_eq!(*unmasked.value, "123-45-6789");
    // Tokens of the destroyed key are still about.
    let which = unmasker.unmask_in("ssn", None, &old[2]).unwrap_err();
    assert!(which.to_string().contains("2, 1 (destroyed)"), "{which}");
    let lost = unmasker.unmask_in("ssn", Some(1), &old[2]).unwrap_err();
    assert!(matches!(lost, UnmaskError::Destroyed { key: 1, .. }));
    let one_way = unmasker.unmask_in("login", None, "anything").unwrap_err();
    assert!(matches!(one_way, UnmaskError::OneWay { .. }));
    let json = keyset.to_json();
    assert!(!json.contains(ROOT_BASE64));
    let mut keyset = Keyset::from_json(json.as_bytes()).unwrap();
    assert!(matches!(
        keyset.unmasker().unmask(&old[0]),
        Err(UnmaskError::UnknownKey { .. })
    ));
    assert_eq!(keyset.promote(1), Err(KeysetError::IsDestroyed { key: 1 }));
    assert_eq!(keyset.promote(3), Err(KeysetError::UnknownKey { key: 3 }));
    assert_eq!(keyset.generation(), 6);

    assert_eq!(keyset.add_key(Zeroizing::new([2; 32]), CREATED), Ok(3));
    keyset.retire(3).unwrap();
    assert_eq!(states(&keyset)[2], KeyState::DecryptOnly);
}

/// So a key is distributed first and promoted then.
#[test]
fn a_pending_key_opens_what_a_worker_with_the_next_generation_makes() {
    let mut keyset = keyset();
    keyset.add_key(Zeroizing::new([1; 32]), CREATED).unwrap();
    let distributed = Keyset::from_json(keyset.to_json().as_bytes()).unwrap();
    keyset.promote(2).unwrap();
    let mut token = Vec::new();
    let mut masker = keyset.masker("ip", Form::Text).unwrap();
    masker.mask("10.0.0.1", &mut token).unwrap();
    let token = String::from_utf8(token).unwrap();
    assert_eq!(
        *distributed.unmasker().unmask(&token).unwrap().value,
        "10.0.0.1"
    );
}

#[test]
fn a_form_that_the_method_does_not_have_is_refused() {
    let keyset = keyset();
    for (domain, form) in [
        ("ip", Form::Address),
        ("ip", Form::Uuid),
        ("ssn", Form::Bytes),
        ("login", Form::Address),
    ] {
        let refused = keyset.masker(domain, form).unwrap_err();
        assert!(
            matches!(refused, KeysetError::NoSuchForm { .. }),
            "{domain} {form}"
        );
    }
}

#[test]
fn every_spelling_of_a_token_is_given_back_as_the_same_one() {
    let keyset = keyset();
    let mut unmasker = keyset.unmasker();
    for spelling in [
        "769-39-44243",
        "76939-44243",
        "7693944243",
        " 769 39 44243_",
        "+(76).93/94:4243",
    ] {
        let unmasked = unmasker.unmask_in("ssn", None, spelling).unwrap();
        assert_eq!(unmasked.token, "7693944243", "{spelling}");
    }
    let token = |form| {
        let mut token = Vec::new();
        let mut masker = keyset.masker("ip", form).unwrap();
        masker.mask("10.0.0.1", &mut token).unwrap();
        token
    };
    let text = String::from_utf8(token(Form::Text)).unwrap();
    let digits = token(Form::Bytes);
    let digits = digits.iter().map(|byte| format!("{byte:02x}"));
    let digits = digits.collect::<Vec<_>>().concat();
    for spelling in [
        text.clone(),
        format!("\\x{digits}"),
        format!("\\x{}", digits.to_uppercase()),
    ] {
        let unmasked = unmasker.unmask(&spelling).unwrap();
        assert_eq!(unmasked.token, text, "{spelling}");
    }
}

#[test]
fn tokens_that_do_not_say_what_they_are_of_need_their_domain() {
    let keyset = keyset();
    let mut unmasker = keyset.unmasker();
    assert!(matches!(
        unmasker.unmask("123-45-6789"),
        Err(UnmaskError::NotAToken)
    ));
    let unknown = unmasker
        .unmask_in("nothing", None, "123-45-6789")
        .unwrap_err();
    assert!(matches!(unknown, UnmaskError::UnknownDomain { .. }));
    let unusable = unmasker
        .unmask_in("ssn", Some(9), "123-45-6789")
        .unwrap_err();
    assert!(matches!(unusable, UnmaskError::UnusableKey { key: 9, .. }));
    let text = unmasker.unmask_in("ssn", None, "abc").unwrap_err();
    assert!(matches!(text, UnmaskError::NotOfDomain { .. }));
    let mut token = Vec::new();
    keyset
        .masker("ip", Form::Text)
        .unwrap()
        .mask("10.0.0.1", &mut token)
        .unwrap();
    let token = String::from_utf8(token).unwrap();
    let other = unmasker.unmask_in("device_id", None, &token).unwrap_err();
    assert!(matches!(other, UnmaskError::OtherDomain { .. }));
    let key = unmasker.unmask_in("ip", Some(1), &token).unwrap_err();
    assert!(matches!(key, UnmaskError::KeyNotAsked { .. }));
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

#[test]
fn a_key_set_reopens_what_became_of_itself_and_nothing_else() {
    let lock = |key: u8, arn: &str| Lock {
        wrapping: Wrapping::Kms(KmsKey::new(arn.to_owned(), vec![1]).unwrap()),
        kek: Kek::new(Zeroizing::new([key; 32])),
    };
    let create = |id: u8, lock: Option<Lock>| {
        let root = Zeroizing::new(ROOT);
        Keyset::create(KeysetId::new([id; 8]), root, CREATED, vec![], lock).unwrap()
    };
    for (mine, others) in [
        (None, [Some(lock(1, "arn")), Some(lock(2, "arn"))]),
        (Some(lock(1, "arn")), [None, Some(lock(1, "other"))]),
    ] {
        let before = create(1, mine.clone());
        let mut after = before.reopen(before.to_json().as_bytes()).unwrap();
        assert_eq!(after.mac(), before.mac());
        after.add_key(Zeroizing::new([1; 32]), CREATED).unwrap();
        let reopened = before.reopen(after.to_json().as_bytes()).unwrap();
        assert_eq!((reopened.generation(), reopened.mac()), (2, after.mac()));

        let mut refused = vec![after.reopen(before.to_json().as_bytes())];
        refused.push(before.reopen(create(2, mine).to_json().as_bytes()));
        refused.extend(others.map(|other| before.reopen(create(1, other).to_json().as_bytes())));
        for refused in refused {
            assert_eq!(refused.err(), Some(KeysetError::Exchanged));
        }
    }
    // Wrapped alike, with another key.
    let other = create(1, Some(lock(2, "arn")));
    let refused = create(1, Some(lock(1, "arn"))).reopen(other.to_json().as_bytes());
    assert_eq!(refused.err(), Some(KeysetError::WrongKek { key: 1 }));
}

#[test]
fn a_ledger_key_is_added_once_and_never_changes() {
    let mut keyset = keyset();
    assert!(!keyset.has_ledger_key());
    assert!(matches!(
        keyset.identifier("public", "t", &[]),
        Err(KeysetError::NoLedgerKey)
    ));
    let generation = keyset.generation();
    keyset.add_ledger_key(Zeroizing::new([5; 32])).unwrap();
    assert_eq!(keyset.generation(), generation + 1);
    let mut keyset = Keyset::from_json(keyset.to_json().as_bytes()).unwrap();
    assert!(keyset.has_ledger_key());
    assert!(matches!(
        keyset.add_ledger_key(Zeroizing::new([6; 32])),
        Err(KeysetError::HasLedgerKey)
    ));
    assert_eq!(keyset.generation(), generation + 1);
}

#[test]
fn a_ledger_key_that_was_taken_out_exchanged_or_cut_is_refused() {
    let keyset = keyset().with_ledger_key(Zeroizing::new([5; 32]));
    let json = keyset.to_json();
    let member = "\"ledger_key\": \"BQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQU=\",";
    assert!(json.contains(member));
    for (edited, error) in [
        (String::new(), KeysetError::MacMismatch),
        (member.replace("BQUF", "BgUF"), KeysetError::MacMismatch),
        (member.replace("BQUFBQUF", ""), KeysetError::BadLedgerKey),
    ] {
        let edited = json.replace(member, &edited);
        assert_eq!(Keyset::from_json(edited.as_bytes()).unwrap_err(), error);
    }
}
