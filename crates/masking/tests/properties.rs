//! What holds for every value, key and edit.

#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::net::IpAddr;

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use masking::{
    Canonical, DomainSpec, Keyset, MaskError, Masker, Method, SealError, UnmaskError, Zeroizing,
};
use proptest::prelude::*;

proptest! {
    #[test]
    fn unmasking_gives_the_value_and_its_domain_back(root: [u8; 32], value in ".*") {
        let keyset = keyset(root);
        let token = mask(&keyset, "device_id", &value);
        prop_assert_eq!(token.len(), Masker::token_length(value.len()));
        let unmasked = keyset.unmasker().unmask(&token).unwrap();
        prop_assert_eq!(unmasked.domain.as_str(), "device_id");
        prop_assert_eq!(unmasked.value.as_str(), value);
    }

    #[test]
    fn unmasking_gives_an_address_back_in_its_short_form(root: [u8; 32], address: IpAddr) {
        let keyset = keyset(root);
        let token = mask(&keyset, "ip", &address.to_string());
        prop_assert!(token.len() <= Masker::token_length(Canonical::Ip.longest_plaintext().unwrap()));
        let unmasked = keyset.unmasker().unmask(&token).unwrap();
        prop_assert_eq!(unmasked.value.as_str(), address.to_canonical().to_string());
    }

    #[test]
    fn equal_values_have_equal_tokens(root: [u8; 32], value in ".*", between in ".*") {
        let mut masker = keyset(root).masker("device_id").unwrap();
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
        let mut wire = decode(&mask(&keyset, "device_id", &value));
        wire[1..5].copy_from_slice(&decode(&mask(&keyset, "user_id", &value))[1..5]);
        let moved = format!("vs1s.{}", URL_SAFE_NO_PAD.encode(wire));
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
        let refused = keyset([7; 32]).masker("ip").unwrap().mask(&value, &mut out);
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

/// The wire format of a token.
fn decode(token: &str) -> Vec<u8> {
    URL_SAFE_NO_PAD
        .decode(token.strip_prefix("vs1s.").unwrap())
        .unwrap()
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
            method: Method::Siv,
            canonical: if name == "ip" {
                Canonical::Ip
            } else {
                Canonical::Exact
            },
        })
        .collect();
    Keyset::create(
        Zeroizing::new(root),
        "2026-01-31T12:00:00.123456789Z",
        domains,
    )
    .unwrap()
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
