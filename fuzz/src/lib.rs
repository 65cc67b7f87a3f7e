//! What the fuzz targets share: a key set with a domain of every method.

use masking::{
    Alphabet, Canonical, DomainSpec, Form, Format, Keyset, KeysetId, Method, Zeroizing,
};

/// A key set with a domain of every method and canonical form.
pub fn every_method() -> Keyset {
    let format = |alphabet| Method::Format(Format::new(alphabet, None).expect("has a shortest length"));
    let siv = Method::Siv { padded: false };
    let padded = Method::Siv { padded: true };
    let domains = [
        ("exact", siv, Canonical::Exact),
        ("ip", siv, Canonical::Ip),
        ("email", padded, Canonical::Email),
        ("uuid", padded, Canonical::Uuid),
        ("phone", siv, Canonical::Phone),
        ("text", padded, Canonical::Text),
        ("login", Method::Hmac, Canonical::Exact),
        ("peer", Method::Ip, Canonical::Ip),
        ("ssn", format(Alphabet::Digits), Canonical::Exact),
        ("visitor", format(Alphabet::Hex), Canonical::Uuid),
    ];
    let domains = domains.map(|(name, method, canonical)| DomainSpec {
        name: name.parse().expect("a valid name"),
        method,
        canonical,
    });
    let (id, root) = (KeysetId::new([5; 8]), Zeroizing::new([7; 32]));
    Keyset::create(id, root, "2026-01-31T12:00:00Z", domains.to_vec(), None).expect("a valid set")
}

/// The text token of a value, where it has one.
pub fn mask(keyset: &Keyset, domain: &str, value: &str) -> Option<String> {
    let mut token = Vec::new();
    let mut masker = keyset.masker(domain, Form::Text).expect("every method has text");
    masker.mask(value, &mut token).ok()?;
    Some(String::from_utf8(token).expect("text tokens are UTF-8"))
}
