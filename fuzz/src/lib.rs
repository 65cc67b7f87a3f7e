//! What the fuzz targets share: a key set with a domain of every method, columns, and rows read back.

use std::path::Path;

use masking::{
    Alphabet, Canonical, DomainSpec, Form, Format, Keyset, KeysetId, Method, Zeroizing,
};
use veilstream::config::{Column, Configuration};

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

/// Columns, each a name and what a configuration says of it beside that.
pub fn columns(stated: &[(&str, &str)]) -> Vec<Column> {
    let columns = stated.iter().map(|(name, keys)| format!("{{ name = '{name}', {keys} }}"));
    let columns = columns.collect::<Vec<_>>().join(", ");
    let text = format!("columns = [{columns}]\n[pipeline]\ntable = 't'");
    let configuration = Configuration::from_toml(&text, Path::new("fuzz.toml"));
    configuration.expect("a valid configuration").pipeline.columns
}

/// The fields of a row of binary COPY, which it has to be from its first byte to its last.
pub fn fields(row: &[u8]) -> Vec<Option<&[u8]>> {
    let (count, mut rest) = row.split_first_chunk().expect("a count");
    let fields = (0..i16::from_be_bytes(*count)).map(|_| {
        let (length, behind) = rest.split_first_chunk().expect("a length");
        let length = i32::from_be_bytes(*length);
        rest = behind;
        let length = (length != -1).then(|| usize::try_from(length).expect("a length"))?;
        let (field, behind) = rest.split_at(length);
        rest = behind;
        Some(field)
    });
    let fields = fields.collect();
    assert_eq!(rest, b"");
    fields
}
