use masking::{Alphabet, Canonical, DomainSpec, Format, KeysetId, Method, Zeroizing};

use super::*;
use crate::config::{ColumnType, DomainMask};
use crate::decode::tests::{column, logins, personal};
use crate::decode::{Decoder, Envelope};

const ENVELOPE: Envelope<'_> = Envelope {
    message_id: "m-1",
    sent_at_millis: 946_684_800_000,
};

fn keyset() -> Keyset {
    let domain = |name: &str, method, canonical| DomainSpec {
        name: name.parse().unwrap(),
        method,
        canonical,
    };
    let siv = Method::Siv { padded: false };
    let format = |alphabet, length| Method::Format(Format::new(alphabet, Some(length)).unwrap());
    let domains = vec![
        domain("ip", siv, Canonical::Ip),
        domain("device_id", siv, Canonical::Exact),
        domain("name", Method::Siv { padded: true }, Canonical::Text),
        domain("mail", Method::Hmac, Canonical::Email),
        domain("address", Method::Ip, Canonical::Ip),
        domain("ssn", format(Alphabet::Digits, 9), Canonical::Exact),
        domain("person", format(Alphabet::Hex, 32), Canonical::Uuid),
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

fn mask(domain: &str) -> Mask {
    Mask::Domain(DomainMask::new(domain.parse().unwrap()))
}

/// A column that takes the field `v` as tokens of the domain.
fn tokens(domain: &str, column_type: ColumnType) -> Column {
    Column {
        mask: Some(mask(domain)),
        ..column("c", "v", column_type)
    }
}

/// The only field of the row that `{"v": …}` becomes.
fn field(column: Column, json: &str) -> Result<Option<Vec<u8>>, RejectionCode> {
    let masked = run(&[column], &format!(r#"{{"v":{json}}}"#)).map_err(|told| told.code)?;
    Ok(fields(masked.row())[0].map(<[u8]>::to_vec))
}

fn token(domain: &str, column_type: ColumnType, json: &str) -> Result<Vec<u8>, RejectionCode> {
    field(tokens(domain, column_type), json).map(Option::unwrap)
}

/// What the key set itself makes of a value.
fn made(domain: &str, form: Form, value: &str) -> Vec<u8> {
    let mut token = Vec::new();
    let mut masker = keyset().masker(domain, form).unwrap();
    masker.mask(value, &mut token).unwrap();
    token
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
        mask: Some(mask("ip")),
        ..clear.clone()
    };
    let redacted = Column {
        mask: Some(Mask::Redact("***".to_owned())),
        ..clear.clone()
    };
    let dropped = Column {
        mask: Some(Mask::Drop),
        ..clear.clone()
    };
    let body = r#"{"ip":"1.2.3.4"}"#;
    for (decoded, masked) in [
        (&clear, &hidden),
        (&clear, &redacted),
        (&clear, &dropped),
        (&hidden, &clear),
        (&hidden, &redacted),
        (&hidden, &dropped),
        (&redacted, &clear),
        (&redacted, &hidden),
        (&redacted, &dropped),
    ] {
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

#[test]
fn bytes_and_uuids_are_loaded_as_the_key_set_makes_them() {
    for (domain, column_type, form, value) in [
        ("device_id", ColumnType::Text, Form::Text, "593-47-5928"),
        ("device_id", ColumnType::Bytea, Form::Bytes, "593-47-5928"),
        ("ip", ColumnType::Bytea, Form::Bytes, "1.2.3.4"),
        ("name", ColumnType::Bytea, Form::Bytes, "Ann"),
        (
            "mail",
            ColumnType::Varchar(None),
            Form::Text,
            "ann@example.org",
        ),
        ("mail", ColumnType::Bytea, Form::Bytes, "ann@example.org"),
        ("mail", ColumnType::Uuid, Form::Uuid, "ann@example.org"),
        ("address", ColumnType::Text, Form::Text, "1.2.3.4"),
        (
            "ssn",
            ColumnType::Varchar(Some(11)),
            Form::Text,
            "593-47-5928",
        ),
        (
            "person",
            ColumnType::Uuid,
            Form::Uuid,
            "424cdd21-063a-43a7-b91b-7ca1a833afae",
        ),
    ] {
        let loaded = token(domain, column_type, &format!("\"{value}\"")).unwrap();
        assert_eq!(loaded, made(domain, form, value), "{domain} {column_type}");
        if form == Form::Uuid {
            assert_eq!(loaded.len(), 16);
        }
    }
}

#[test]
fn an_address_is_loaded_as_inet_of_one_address() {
    let v4 = token("address", ColumnType::Inet, r#""199.172.111.135""#).unwrap();
    // ipcrypt enciphers 128 bits: the token of an IPv4 address is nearly always an IPv6 address.
    assert_eq!(v4[..4], [3, 128, 0, 16]);
    assert_eq!(v4[4..], made("address", Form::Address, "199.172.111.135"));
    let v6 = token("address", ColumnType::Inet, r#""2001:db8::1""#).unwrap();
    assert_eq!(v6[..4], [3, 128, 0, 16]);
    assert_eq!(v6[4..], made("address", Form::Address, "2001:db8::1"));
    assert_eq!(v6.len(), 20);
}

#[test]
fn a_format_keeps_length_and_separators() {
    let token = token("ssn", ColumnType::Varchar(Some(11)), r#""593-47-5928""#).unwrap();
    let token = String::from_utf8(token).unwrap();
    let shape: String = token
        .chars()
        .map(|one| if one.is_ascii_digit() { 'd' } else { one })
        .collect();
    assert_eq!(shape, "ddd-dd-dddd");
    assert_ne!(token, "593-47-5928");
}

#[test]
fn a_value_of_another_format_is_rejected() {
    for value in [
        r#""593-47-592""#,
        r#""593-47-592X""#,
        r#""""#,
        "12345678",
        "true",
    ] {
        let code = token("ssn", ColumnType::Text, value).unwrap_err();
        assert_eq!(code, RejectionCode::OtherFormat, "{value}");
    }
    let code = token("ssn", ColumnType::Varchar(Some(9)), r#""593-47-5928""#).unwrap_err();
    assert_eq!(code, RejectionCode::TooLong);
    assert!(token("ssn", ColumnType::Varchar(Some(9)), "593475928").is_ok());
}

#[test]
fn a_token_is_not_masked_twice_by_any_method() {
    let mut spellings = Vec::new();
    for (domain, value) in [("device_id", "d"), ("name", "Ann"), ("mail", "a@b.c")] {
        spellings.push(String::from_utf8(made(domain, Form::Text, value)).unwrap());
        let bytes = made(domain, Form::Bytes, value);
        let digits = bytes.iter().map(|byte| format!("{byte:02x}"));
        let digits = digits.collect::<Vec<_>>().concat();
        spellings.push(format!("\\\\x{digits}"));
    }
    for spelling in spellings {
        for domain in ["device_id", "name", "mail", "address", "ssn"] {
            for around in ["", " "] {
                let json = format!("\"{around}{spelling}\"");
                let code = token(domain, ColumnType::Text, &json).unwrap_err();
                assert_eq!(code, RejectionCode::AlreadyMasked, "{domain}: {json}");
            }
        }
    }
}

#[test]
fn redaction_writes_its_text_for_every_value_and_nothing_for_none() {
    let redacted = || Column {
        mask: Some(Mask::Redact("***".to_owned())),
        ..column("c", "v", ColumnType::Varchar(Some(3)))
    };
    for json in [r#""a""#, r#""\u0000""#, "1", "true", r#"{"a": [1]}"#, "[]"] {
        assert_eq!(field(redacted(), json).unwrap(), Some(b"***".to_vec()));
    }
    assert_eq!(field(redacted(), "null").unwrap(), None);
    let required = Column {
        required: true,
        ..redacted()
    };
    let code = field(required, "null").unwrap_err();
    assert_eq!(code, RejectionCode::MissingField);
}

#[test]
fn a_dropped_value_is_null_whatever_it_is() {
    for json in [r#""a""#, "1", r#"{"a": [1]}"#, "null"] {
        let dropped = Column {
            mask: Some(Mask::Drop),
            ..column("c", "v", ColumnType::Inet)
        };
        assert_eq!(field(dropped, json).unwrap(), None);
    }
}

#[test]
fn null_stays_null_in_every_form() {
    for (domain, column_type) in [
        ("device_id", ColumnType::Bytea),
        ("mail", ColumnType::Uuid),
        ("address", ColumnType::Inet),
        ("ssn", ColumnType::Text),
    ] {
        assert_eq!(field(tokens(domain, column_type), "null").unwrap(), None);
    }
}

#[test]
fn objects_and_arrays_have_no_token() {
    for json in ["{}", r#"["593-47-5928"]"#] {
        let code = token("device_id", ColumnType::Bytea, json).unwrap_err();
        assert_eq!(code, RejectionCode::BadConversion);
    }
}

#[test]
fn what_the_key_set_does_not_fit_is_told_by_column_with_what_would_do() {
    use crate::config::StatedMethod;

    let stated = |domain: &str, method, canonical| {
        Some(Mask::Domain(DomainMask {
            method,
            canonical,
            ..DomainMask::new(domain.parse().unwrap())
        }))
    };
    let named = |name: &str, column_type, mask| Column {
        mask,
        ..column(name, "v", column_type)
    };
    let siv = StatedMethod::Siv { padded: Some(true) };
    let columns = [
        named("a", ColumnType::Text, Some(mask("nobody"))),
        named("b", ColumnType::Text, stated("device_id", Some(siv), None)),
        named(
            "c",
            ColumnType::Text,
            stated("mail", None, Some(Canonical::Text)),
        ),
        named("d", ColumnType::Inet, Some(mask("ip"))),
        named("e", ColumnType::Varchar(Some(8)), Some(mask("ssn"))),
        named("f", ColumnType::Varchar(Some(54)), Some(mask("ip"))),
        named(
            "fine",
            ColumnType::Inet,
            stated("address", Some(StatedMethod::Ip), None),
        ),
        named("dropped", ColumnType::Int4, Some(Mask::Drop)),
    ];
    let told = check(&columns, &keyset()).unwrap_err().to_string();
    let lines: Vec<_> = told.lines().collect();
    assert_eq!(lines.len(), 7, "{told}");
    for (line, words) in lines.iter().zip([
        &["the key set does not fit the configuration:"][..],
        &["column a: ", "no domain `nobody`", "it has: ip, device_id"],
        &[
            "column b expects method = \"siv\", padded = true, but domain device_id",
            "has method = \"siv\", padded = false, canonical = \"exact\"",
        ],
        &[
            "column c expects canonical = \"text\"",
            "method = \"hmac\", canonical = \"email\"",
        ],
        &[
            "column d is inet",
            "domain ip has method siv",
            "into text, varchar, bytea:",
        ],
        &[
            "column e is varchar(8)",
            "even the shortest token",
            "varchar(9) or longer",
        ],
        &[
            "column f is varchar(54)",
            "the longest token",
            "varchar(55) or longer",
        ],
    ]) {
        for words in words {
            assert!(line.contains(words), "{words} in {line}");
        }
    }
    assert!(check(&columns[6..], &keyset()).is_ok());
}
