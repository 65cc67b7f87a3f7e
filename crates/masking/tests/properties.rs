//! What holds for every value, key and edit.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use masking::{
    Alphabet, Argon2id, Canonical, DomainSpec, Form, Format, IdentityPart, Kek, Keyset, KeysetId,
    Lock, LockedKeyset, MaskError, Method, SealError, UnmaskError, Wrapping, Zeroizing,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn unmasking_gives_the_value_and_its_domain_back(root: [u8; 32], value in ".*") {
        let keyset = keyset(root);
        let token = mask(&keyset, "device_id", &value);
        let unmasked = keyset.unmasker().unmask(&token).unwrap();
        prop_assert_eq!(unmasked.domain.as_str(), "device_id");
        prop_assert_eq!(unmasked.value.as_str(), value);
    }

    #[test]
    fn unmasking_gives_an_address_back_in_its_short_form(root: [u8; 32], address: IpAddr) {
        let keyset = keyset(root);
        let token = mask(&keyset, "ip", &address.to_string());
        prop_assert!(token.len() <= keyset.domain("ip").unwrap().longest_token().unwrap());
        let unmasked = keyset.unmasker().unmask(&token).unwrap();
        prop_assert_eq!(unmasked.value.as_str(), address.to_canonical().to_string());
    }

    #[test]
    fn equal_values_have_equal_tokens(root: [u8; 32], value in ".*", between in ".*") {
        let mut masker = keyset(root).masker("device_id", Form::Text).unwrap();
        let (mut first, mut other, mut second) = (Vec::new(), Vec::new(), Vec::new());
        masker.mask(&value, &mut first).unwrap();
        masker.mask(&between, &mut other).unwrap();
        masker.clone().mask(&value, &mut second).unwrap();
        prop_assert_eq!(first == other, value == between);
        prop_assert_eq!(first, second);
    }

    #[test]
    fn domains_and_keys_never_agree(roots: [[u8; 32]; 2], value in ".*") {
        prop_assume!(roots[0] != roots[1]);
        let [first, second] = roots.map(keyset);
        let token = mask(&first, "device_id", &value);
        prop_assert_ne!(&token, &mask(&first, "user_id", &value));
        prop_assert_ne!(&token, &mask(&second, "device_id", &value));
        prop_assert!(second.unmasker().unmask(&token).is_err());
    }

    #[test]
    fn a_padded_value_comes_back_and_its_length_shows_in_steps_of_16(value in ".*") {
        let keyset = every_method([7; 32]);
        let token = mask(&keyset, "padded", &value);
        let bare = keyset.domain("padded").unwrap().shortest_token();
        prop_assert_eq!(wire(&token).len() % 16, wire(&mask(&keyset, "padded", "")).len() % 16);
        prop_assert!(token.len() >= bare);
        let unmasked = keyset.unmasker().unmask(&token).unwrap();
        prop_assert_eq!(unmasked.value.as_str(), value);
    }

    #[test]
    fn an_address_becomes_an_address_and_comes_back(root: [u8; 32], address: IpAddr, other: IpAddr) {
        let keyset = every_method(root);
        let token = mask(&keyset, "peer", &address.to_string());
        prop_assert!(token.parse::<IpAddr>().is_ok());
        prop_assert!(token.len() <= keyset.domain("peer").unwrap().longest_token().unwrap());
        let unmasked = keyset.unmasker().unmask_in("peer", None, &token).unwrap();
        prop_assert_eq!(unmasked.value.as_str(), address.to_canonical().to_string());
        let same = address.to_canonical() == other.to_canonical();
        prop_assert_eq!(token == mask(&keyset, "peer", &other.to_string()), same);
    }

    #[test]
    fn a_formatted_value_keeps_its_shape_and_comes_back(root: [u8; 32], value in "[0-9]{3}-[0-9]{2}[ -]?[0-9]{4,20}") {
        let keyset = every_method(root);
        let token = mask(&keyset, "ssn", &value);
        let shape = |text: &str| text.replace(|c: char| c.is_ascii_digit(), "d");
        prop_assert_eq!(shape(&token), shape(&value));
        let unmasked = keyset.unmasker().unmask_in("ssn", None, &token).unwrap();
        prop_assert_eq!(unmasked.value.as_str(), value);
    }

    #[test]
    fn one_way_tokens_have_one_length_and_no_key_opens_them(root: [u8; 32], value in ".*", other in ".*") {
        let keyset = every_method(root);
        let token = mask(&keyset, "login", &value);
        prop_assert_eq!(Some(token.len()), keyset.domain("login").unwrap().longest_token());
        prop_assert_eq!(token.len(), keyset.domain("login").unwrap().shortest_token());
        let refused = keyset.unmasker().unmask(&token).unwrap_err();
        let one_way = UnmaskError::OneWay { domain: "login".parse().unwrap() };
        prop_assert_eq!(refused, one_way);
        prop_assert_eq!(token == mask(&keyset, "login", &other), value == other);
    }

    #[test]
    fn a_token_that_is_told_to_be_of_another_method_is_refused(value in ".*") {
        let keyset = every_method([7; 32]);
        let siv = mask(&keyset, "plain", &value).replacen("vs1s.", "vs1h.", 1);
        prop_assert!(keyset.unmasker().unmask(&siv).is_err());
        let hmac = mask(&keyset, "login", &value).replacen("vs1h.", "vs1s.", 1);
        prop_assert!(keyset.unmasker().unmask(&hmac).is_err());
    }

    #[test]
    fn no_two_domains_agree_whatever_their_method(root: [u8; 32], address: IpAddr) {
        let keyset = every_method(root);
        let value = format!("{:0>9}", address.to_string().replace(|c: char| !c.is_ascii_digit(), ""));
        let of_text = ["plain", "padded", "login", "ssn", "ssn2"].map(|domain| mask(&keyset, domain, &value));
        let of_address = ["peer", "peer2"].map(|domain| mask(&keyset, domain, &address.to_string()));
        for tokens in [&of_text[..], &of_address] {
            for (i, token) in tokens.iter().enumerate() {
                prop_assert!(!tokens[..i].contains(token));
            }
        }
    }

    #[test]
    fn a_token_is_never_masked_again(value in ".*", before in "[ \\t\\n]?", after in "[ \\n]?") {
        let keyset = every_method([7; 32]);
        for domain in ["plain", "padded", "login"] {
            let token = format!("{before}{}{after}", mask(&keyset, domain, &value));
            for again in ["plain", "padded", "login", "ssn", "peer"] {
                let mut out = Vec::new();
                let refused = keyset.masker(again, Form::Text).unwrap().mask(&token, &mut out);
                prop_assert_eq!(refused, Err(MaskError::AlreadyMasked));
                prop_assert!(out.is_empty());
            }
        }
    }

    #[test]
    fn a_key_set_survives_any_changes_and_every_siv_token_stays_readable(
        changes in prop::collection::vec((0..6_u8, 1..5_u32), 0..12),
        locked: bool,
    ) {
        let kek = Kek::new(Zeroizing::new([9; 32]));
        let wrapping = Wrapping::Passphrase(Argon2id::new([3; 16]));
        let lock = locked.then(|| Lock { wrapping, kek: kek.clone() });
        let mut keyset = every_method_locked([7; 32], lock);
        let known = identity(&keyset, &[], &[(3, String::new())]);
        let mut tokens = Vec::new();
        let mut destroyed = Vec::new();
        for (number, (change, id)) in changes.into_iter().enumerate() {
            let (before, primary) = (keyset.generation(), keyset.masking_key("plain").unwrap());
            tokens.push((primary, mask(&keyset, "plain", "value")));
            let root = Zeroizing::new([u8::try_from(number).unwrap() + 100; 32]);
            let changed = match change {
                0 => keyset.add_key(root, "2026-01-31T12:00:00Z").map(|_| ()),
                1 => keyset.promote(id),
                2 => keyset.promote_domain(id, "peer"),
                3 => keyset.retire(id),
                4 => keyset.destroy(id).map(|()| destroyed.push(id)),
                _ => keyset.add_domain(domain(&format!("new{id}"), Method::Hmac, Canonical::Exact)),
            };
            prop_assert_eq!(keyset.generation(), before + u64::from(changed.is_ok()));
            let json = keyset.to_json();
            let read = LockedKeyset::from_json(json.as_bytes()).unwrap();
            keyset = read.unlock(locked.then(|| kek.clone())).unwrap();
            prop_assert_eq!(&*keyset.to_json(), &*json);
            prop_assert_eq!(identity(&keyset, &[], &[(3, String::new())]), known);
            for (key, token) in &tokens {
                prop_assert_eq!(keyset.unmasker().unmask(token).is_ok(), !destroyed.contains(key));
            }
        }
    }

    /// Few characters, among them those of the lengths and kinds, so that boundaries are met.
    #[test]
    fn events_have_one_identity_just_where_they_are_equal(one in events(), other in events()) {
        let keyset = keyset([7; 32]);
        let of = |(fields, parts): &(Vec<String>, Vec<(u8, String)>)| identity(&keyset, fields, parts);
        prop_assert_eq!(of(&one), of(&one.clone()));
        prop_assert_eq!(of(&one) == of(&other), one == other);
        let [here, there] = [("a", "bc"), ("ab", "c")].map(|(schema, table)| {
            keyset.identifier(schema, table, &one.0).unwrap().identity(parts(&one.1))
        });
        prop_assert_ne!(here, there);
    }

    #[test]
    fn a_token_with_any_bit_flipped_is_refused(value in ".{0,20}", at: prop::sample::Index, bit in 0..7) {
        let keyset = keyset([7; 32]);
        let mut token = mask(&keyset, "device_id", &value).into_bytes();
        let at = at.index(token.len());
        token[at] ^= 1_u8 << bit;
        let token = String::from_utf8(token).unwrap();
        prop_assert!(keyset.unmasker().unmask(&token).is_err());
    }

    #[test]
    fn a_cut_or_lengthened_token_is_refused(value in ".{0,20}", at: prop::sample::Index, tail in ".{1,4}") {
        let keyset = keyset([7; 32]);
        let token = mask(&keyset, "device_id", &value);
        prop_assert!(keyset.unmasker().unmask(&token[..at.index(token.len())]).is_err());
        let longer = token + &tail;
        prop_assert!(keyset.unmasker().unmask(&longer).is_err());
    }

    #[test]
    fn a_token_with_the_key_id_of_another_domain_is_refused(value in ".*") {
        let keyset = keyset([7; 32]);
        let mut moved = wire(&mask(&keyset, "device_id", &value));
        moved[1..5].copy_from_slice(&wire(&mask(&keyset, "user_id", &value))[1..5]);
        let moved = format!("vs1s.{}", URL_SAFE_NO_PAD.encode(moved));
        let refused = keyset.unmasker().unmask(&moved).unwrap_err();
        prop_assert_eq!(refused, UnmaskError::Tampered { domain: "user_id".parse().unwrap() });
    }

    #[test]
    fn no_text_makes_unmasking_panic(text in ".*", encoded in "[A-Za-z0-9_-]{0,80}") {
        let mut unmasker = keyset([7; 32]).unmasker();
        prop_assert!(unmasker.unmask(&text).is_err());
        let token = format!("vs1s.{encoded}");
        prop_assert!(unmasker.unmask(&token).is_err());
    }

    #[test]
    fn a_refused_value_leaves_the_output_as_it_was(value in ".*", before: Vec<u8>) {
        prop_assume!(value.parse::<IpAddr>().is_err());
        let mut out = before.clone();
        let refused = keyset([7; 32]).masker("ip", Form::Text).unwrap().mask(&value, &mut out);
        prop_assert_eq!(refused, Err(MaskError::NotCanonical(Canonical::Ip)));
        prop_assert_eq!(out, before);
    }

    #[test]
    fn a_key_set_survives_writing_and_reading(root: [u8; 32], names in names()) {
        let written = create(root, &names).to_json();
        let read = Keyset::from_json(written.as_bytes()).unwrap();
        prop_assert_eq!(&*read.to_json(), &*written);
        let listed: Vec<_> = read.domains().map(|domain| domain.name.as_str()).collect();
        prop_assert_eq!(listed, names);
    }

    #[test]
    fn an_edited_key_set_is_refused_or_means_the_same(at: prop::sample::Index, byte: u8) {
        let written = keyset([7; 32]).to_json();
        let mut edited = written.as_bytes().to_vec();
        let at = at.index(edited.len());
        edited[at] = byte;
        prop_assert!(is_refused_or_the_same(&edited, &written));
        edited.remove(at);
        prop_assert!(is_refused_or_the_same(&edited, &written));
    }

    #[test]
    fn a_key_set_cut_off_is_refused(at: prop::sample::Index) {
        let written = keyset([7; 32]).to_json();
        prop_assert!(Keyset::from_json(&written.as_bytes()[..at.index(written.len())]).is_err());
    }

    #[test]
    fn no_bytes_make_reading_a_key_set_panic(bytes: Vec<u8>) {
        prop_assert!(Keyset::from_json(&bytes).is_err());
    }

    #[test]
    fn sealing_gives_the_text_back_only_where_it_belongs(
        nonces: [[u8; 16]; 2],
        associated in prop::collection::vec(any::<Vec<u8>>(), 0..4),
        text: Vec<u8>,
        at: prop::sample::Index,
        bit in 0..8,
    ) {
        prop_assume!(nonces[0] != nonces[1]);
        let associated: Vec<&[u8]> = associated.iter().map(Vec::as_slice).collect();
        let mut sealer = keyset([7; 32]).sealer();
        let id = sealer.key_id();
        let mut sealed = sealer.seal(&nonces[0], &associated, &text).unwrap();
        prop_assert_eq!(&*sealer.open(id, &nonces[0], &associated, &sealed).unwrap(), &text);

        let refused = Some(SealError::Tampered);
        prop_assert_eq!(sealer.open(id, &nonces[1], &associated, &sealed).err(), refused);
        let more = [&associated[..], &[b""]].concat();
        prop_assert_eq!(sealer.open(id, &nonces[0], &more, &sealed).err(), refused);
        let at = at.index(sealed.len());
        prop_assert_eq!(sealer.open(id, &nonces[0], &associated, &sealed[..at]).err(), refused);
        sealed[at] ^= 1_u8 << bit;
        prop_assert_eq!(sealer.open(id, &nonces[0], &associated, &sealed).err(), refused);
        let unknown = Some(SealError::UnknownKey { key_id: !id });
        prop_assert_eq!(sealer.open(!id, &nonces[0], &associated, &sealed).err(), unknown);
    }
}

/// A key set with a domain of every method, and two of those whose tokens do not say what they are of.
fn every_method(root: [u8; 32]) -> Keyset {
    every_method_locked(root, None)
}

fn every_method_locked(root: [u8; 32], lock: Option<Lock>) -> Keyset {
    let digits = Method::Format(Format::new(Alphabet::Digits, None).unwrap());
    let domains = vec![
        domain("plain", Method::Siv { padded: false }, Canonical::Exact),
        domain("padded", Method::Siv { padded: true }, Canonical::Exact),
        domain("login", Method::Hmac, Canonical::Exact),
        domain("peer", Method::Ip, Canonical::Ip),
        domain("peer2", Method::Ip, Canonical::Ip),
        domain("ssn", digits, Canonical::Exact),
        domain("ssn2", digits, Canonical::Exact),
    ];
    let id = KeysetId::new([1; 8]);
    Keyset::create(
        id,
        Zeroizing::new(root),
        "2026-01-31T12:00:00Z",
        domains,
        lock,
    )
    .unwrap()
    .with_ledger_key(Zeroizing::new([8; 32]))
}

fn domain(name: &str, method: Method, canonical: Canonical) -> DomainSpec {
    DomainSpec {
        name: name.parse().unwrap(),
        method,
        canonical,
    }
}

/// The wire format of a token.
fn wire(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(token.split_once('.').unwrap().1)
        .unwrap()
}

/// The fields' pointers, and a value of some kind for each.
fn events() -> impl Strategy<Value = (Vec<String>, Vec<(u8, String)>)> {
    let text = || "[a\\x00\\x01snbw/]{0,3}";
    prop::collection::vec((text(), (0..4_u8, text())), 1..4)
        .prop_map(|fields| fields.into_iter().unzip())
}

fn parts(parts: &[(u8, String)]) -> impl Iterator<Item = IdentityPart<'_>> {
    parts.iter().map(|(kind, text)| match kind {
        0 => IdentityPart::Text(text),
        1 => IdentityPart::Number(text),
        2 => IdentityPart::Boolean(text),
        _ => IdentityPart::Body(text),
    })
}

fn identity(keyset: &Keyset, fields: &[String], values: &[(u8, String)]) -> [u8; 16] {
    let identifier = keyset.identifier("public", "t", fields).unwrap();
    identifier.identity(parts(values))
}

fn is_refused_or_the_same(edited: &[u8], written: &str) -> bool {
    Keyset::from_json(edited).map_or(true, |keyset| *keyset.to_json() == written)
}

fn names() -> impl Strategy<Value = Vec<String>> {
    prop::collection::btree_set("[a-z][a-z0-9_-]{0,62}", 0..5)
        .prop_map(|names| names.into_iter().collect())
}

fn keyset(root: [u8; 32]) -> Keyset {
    create(root, &["ip", "device_id", "user_id"].map(String::from))
}

fn create(root: [u8; 32], names: &[String]) -> Keyset {
    let domains = names
        .iter()
        .map(|name| DomainSpec {
            name: name.parse().unwrap(),
            method: Method::Siv { padded: false },
            canonical: if name == "ip" {
                Canonical::Ip
            } else {
                Canonical::Exact
            },
        })
        .collect();
    Keyset::create(
        KeysetId::new([1; 8]),
        Zeroizing::new(root),
        "2026-01-31T12:00:00.123456789Z",
        domains,
        None,
    )
    .unwrap()
    .with_ledger_key(Zeroizing::new([8; 32]))
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
