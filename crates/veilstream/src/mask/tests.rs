use masking::{Canonical, DomainName, DomainSpec, KeysetId, Method, Zeroizing};

use super::*;
use crate::config::Mask;
use crate::decode::tests::{column, logins, personal};
use crate::decode::{Decoder, Envelope};

const ENVELOPE: Envelope<'_> = Envelope {
    message_id: "m-1",
    sent_at_millis: 946_684_800_000,
};

fn keyset() -> Keyset {
    let domain = |name: &str, canonical| DomainSpec {
        name: name.parse::<DomainName>().unwrap(),
        method: Method::Siv { padded: false },
        canonical,
    };
    let domains = vec![
        domain("ip", Canonical::Ip),
        domain("device_id", Canonical::Exact),
    ];
    Keyset::create(
        KeysetId::new([7; 8]),
        Zeroizing::new([7; 32]),
        "2026-01-31T12:00:00Z",
        domains,
        None,
    )
    .unwrap()
}

fn run(columns: &[Column], body: &str) -> Result<Masked, Rejection> {
    let mut masking = Masking::new(columns, &keyset()).unwrap();
    masking.apply(Decoder::new(columns).decode(body, &ENVELOPE)?)
}

/// A row's fields, as the COPY format has them.
fn fields(row: &[u8]) -> Vec<Option<&[u8]>> {
    let (count, mut rest) = row.split_first_chunk::<2>().unwrap();
    let fields = (0..i16::from_be_bytes(*count)).map(|_| {
        let (length, behind) = rest.split_first_chunk::<4>().unwrap();
        let length = usize::try_from(i32::from_be_bytes(*length)).ok();
        let (field, behind) = behind.split_at(length.unwrap_or(0));
        rest = behind;
        length.map(|_| field)
    });
    let fields = fields.collect();
    assert!(rest.is_empty());
    fields
}

fn login(ip: &str, device_id: &str) -> String {
    format!(
        r#"{{"user_id": "u", "app_version": "2.3.0", "device_type": "android", "ip": {ip},
            "locale": null, "device_id": {device_id}}}"#
    )
}

#[test]
fn personal_fields_are_tokens_in_the_row_and_nothing_else_of_them_is() {
    let masked = run(
        &logins(),
        &login(r#""199.172.111.135""#, r#""593-47-5928""#),
    )
    .unwrap();
    let row = fields(masked.row());
    assert_eq!(row.len(), 7);
    assert_eq!(row[0], Some(b"u".as_slice()));
    assert_eq!(row[1], Some(b"android".as_slice()));
    for token in &row[2..4] {
        assert!(token.unwrap().starts_with(b"vs1s."));
    }
    assert_eq!(row[4], None);
    assert_eq!(row[5], Some(230_i32.to_be_bytes().as_slice()));
    assert_eq!(row[6], Some(0_i32.to_be_bytes().as_slice()));
    let shown = String::from_utf8_lossy(masked.row());
    assert!(!shown.contains("199.172") && !shown.contains("593-47"));
    assert_eq!(
        format!("{masked:?}"),
        format!("Masked {{ bytes: {}, .. }}", masked.row().len())
    );
}

#[test]
fn tokens_are_those_of_the_key_set() {
    let mut masker = keyset().masker("ip", masking::Form::Text).unwrap();
    let mut token = Vec::new();
    masker.mask("1.2.3.4", &mut token).unwrap();
    for ip in [r#""1.2.3.4""#, r#""::ffff:1.2.3.4""#, r#""1.2.3.\u0034""#] {
        let row = run(&logins(), &login(ip, "5")).unwrap();
        assert_eq!(fields(row.row())[2], Some(token.as_slice()));
    }
}

#[test]
fn numbers_and_booleans_are_masked_in_their_spelling() {
    let columns = [personal("d", "device_id", 256)];
    let row = |json: &str| {
        run(&columns, &format!(r#"{{"device_id":{json}}}"#))
            .unwrap()
            .row()
            .to_vec()
    };
    assert_eq!(row("1.0"), row(r#""1.0""#));
    assert_ne!(row("1.0"), row("1"));
    assert_eq!(row("true"), row(r#""true""#));
    assert!(!row(r#""""#).is_empty());
}

#[test]
fn what_has_no_canonical_form_is_rejected_with_its_column() {
    for ip in [
        r#""""#,
        r#""010.1.1.1""#,
        r#""fe80::1%eth0""#,
        r#""1.2.3""#,
        "1",
        "true",
    ] {
        let rejection = run(&logins(), &login(ip, r#""d""#)).unwrap_err();
        assert_eq!(rejection.code, RejectionCode::NotCanonical, "{ip}");
        assert_eq!(rejection.column.as_deref(), Some("masked_ip"));
    }
}

#[test]
fn a_token_longer_than_its_column_is_rejected() {
    let body = format!(r#"{{"device_id":"{}"}}"#, "d".repeat(100));
    let length = 167;
    assert!(run(&[personal("d", "device_id", length)], &body).is_ok());
    let rejection = run(&[personal("d", "device_id", length - 1)], &body).unwrap_err();
    assert_eq!(rejection.to_string(), "too_long in column d");
    let unbounded = Column {
        column_type: ColumnType::Text,
        ..personal("d", "device_id", 1)
    };
    assert!(run(&[unbounded], &body).is_ok());
}

#[test]
fn null_stays_null() {
    let optional = Column {
        required: false,
        ..personal("d", "device_id", 256)
    };
    let masked = run(&[optional], "{}").unwrap();
    assert_eq!(fields(masked.row()), [None]);
}

#[test]
fn a_domain_that_the_key_set_does_not_list_is_refused() {
    assert!(Masking::new(&[personal("e", "email", 256)], &keyset()).is_err());
}

/// The decoder and the masking are made from the same columns; were they not, nothing gets out.
#[test]
fn columns_that_do_not_match_are_rejected() {
    let clear = column("c", "ip", ColumnType::Text);
    let hidden = Column {
        mask: Some(Mask {
            domain: "ip".parse().unwrap(),
            canonical: Some(Canonical::Ip),
        }),
        ..clear.clone()
    };
    let body = r#"{"ip":"1.2.3.4"}"#;
    for (decoded, masked) in [(&clear, &hidden), (&hidden, &clear)] {
        let decoder = Decoder::new(std::slice::from_ref(decoded));
        let mut masking = Masking::new(std::slice::from_ref(masked), &keyset()).unwrap();
        let rejection = masking
            .apply(decoder.decode(body, &ENVELOPE).unwrap())
            .unwrap_err();
        assert_eq!(rejection.code, RejectionCode::MaskFailed);
    }
    let two = Decoder::new(&[clear.clone(), clear.clone()]);
    let mut one = Masking::new(&[clear], &keyset()).unwrap();
    let rejection = one.apply(two.decode(body, &ENVELOPE).unwrap()).unwrap_err();
    assert_eq!(rejection.code, RejectionCode::MaskFailed);
}
