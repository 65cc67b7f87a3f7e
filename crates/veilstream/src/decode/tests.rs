mod corpus;

use masking::DomainName;

use super::*;
use crate::config::DomainMask;
use RejectionCode::{BadConversion, MissingField, NotAnObject, NotJson, NulInText, TooLong};

const ENVELOPE: Envelope<'_> = Envelope {
    message_id: "m-1",
    sent_at_millis: 946_684_800_000,
};

/// A column that takes the field of this path, its keys divided by dots.
pub(crate) fn column(name: &str, path: &str, column_type: ColumnType) -> Column {
    Column {
        name: name.to_owned(),
        source: ColumnSource::Field(path.split('.').map(str::to_owned).collect()),
        column_type,
        conversion: Conversion::Natural,
        mask: None,
        required: false,
    }
}

/// A personal, required column.
pub(crate) fn personal(name: &str, path: &str, length: u32) -> Column {
    let domain: DomainName = path.parse().unwrap();
    Column {
        mask: Some(Mask::Domain(DomainMask::new(domain))),
        required: true,
        ..column(name, path, ColumnType::Varchar(Some(length)))
    }
}

/// The columns of the built-in pipeline.
pub(crate) fn logins() -> Vec<Column> {
    vec![
        Column {
            required: true,
            ..column("user_id", "user_id", ColumnType::Varchar(Some(128)))
        },
        column("device_type", "device_type", ColumnType::Varchar(Some(32))),
        personal("masked_ip", "ip", 256),
        personal("masked_device_id", "device_id", 256),
        column("locale", "locale", ColumnType::Varchar(Some(32))),
        Column {
            conversion: Conversion::VersionDigits,
            ..column("app_version", "app_version", ColumnType::Int4)
        },
        Column {
            source: ColumnSource::SentAt,
            ..column("create_date", "", ColumnType::Date)
        },
    ]
}

/// What columns without a mask become; of a rejection its code and column.
fn decode(
    columns: &[Column],
    body: &str,
) -> Result<Vec<Option<Value<'static>>>, (RejectionCode, Option<String>)> {
    let outcome = Decoder::new(columns)
        .decode(body, &ENVELOPE)
        .map_err(|rejection| {
            (
                rejection.code,
                rejection.column.map(|name| name.to_string()),
            )
        })?;
    let owned = |cell| match cell {
        Cell::Null => None,
        Cell::Clear(Value::Text(text)) => Some(Value::Text(text.into_owned().into())),
        Cell::Clear(Value::Int4(number)) => Some(Value::Int4(number)),
        Cell::Clear(Value::Date(days)) => Some(Value::Date(days)),
        Cell::Clear(_) => panic!("no column of these tests is of that type"),
        Cell::Personal(_) => Some(Value::Text("personal".into())),
        Cell::Present => Some(Value::Text("present".into())),
    };
    Ok(outcome.into_parts().0.into_iter().map(owned).collect())
}

#[track_caller]
fn rejected(columns: &[Column], body: &str, code: RejectionCode, column: Option<&str>) {
    let expected = Err((code, column.map(str::to_owned)));
    assert_eq!(decode(columns, body), expected, "{body}");
}

fn text(text: &str) -> Value<'static> {
    Value::Text(text.to_owned().into())
}

/// The example message with one field replaced or, for "", left out.
fn login_with(field: &str, json: &str) -> String {
    let fields = [
        ("user_id", r#""424cdd21-063a-43a7-b91b-7ca1a833afae""#),
        ("app_version", r#""2.3.0""#),
        ("device_type", r#""android""#),
        ("ip", r#""199.172.111.135""#),
        ("locale", r#""RU""#),
        ("device_id", r#""593-47-5928""#),
    ];
    let members = fields.into_iter().filter_map(|(name, usual)| {
        let value = if name == field { json } else { usual };
        (!value.is_empty()).then(|| format!(r#""{name}": {value}"#))
    });
    format!("{{{}}}", members.collect::<Vec<_>>().join(", "))
}

#[test]
fn the_example_message_becomes_a_row() {
    let row = decode(&logins(), &login_with("", "")).unwrap();
    let user_id = Some(text("424cdd21-063a-43a7-b91b-7ca1a833afae"));
    let (android, hidden, ru) = (
        Some(text("android")),
        Some(text("personal")),
        Some(text("RU")),
    );
    let (version, date) = (Some(Value::Int4(230)), Some(Value::Date(0)));
    assert_eq!(
        row,
        [user_id, android, hidden.clone(), hidden, ru, version, date]
    );
}

#[test]
fn optional_fields_may_be_null_or_absent() {
    for (field, index) in [("device_type", 1), ("locale", 4), ("app_version", 5)] {
        for json in ["null", ""] {
            assert_eq!(
                decode(&logins(), &login_with(field, json)).unwrap()[index],
                None,
                "{field}"
            );
        }
    }
    assert_eq!(
        decode(&logins(), &login_with("locale", r#""""#)).unwrap()[4],
        Some(text(""))
    );
}

#[test]
fn logins_are_rejected_with_their_reason_and_column() {
    let columns = logins();
    let stray = r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#;
    rejected(&columns, stray, MissingField, Some("user_id"));
    for (field, column) in [
        ("user_id", "user_id"),
        ("ip", "masked_ip"),
        ("device_id", "masked_device_id"),
    ] {
        rejected(&columns, &login_with(field, ""), MissingField, Some(column));
        rejected(
            &columns,
            &login_with(field, "null"),
            MissingField,
            Some(column),
        );
        rejected(
            &columns,
            &login_with(field, "[]"),
            BadConversion,
            Some(column),
        );
        rejected(
            &columns,
            &login_with(field, r#""\u0000""#),
            NulInText,
            Some(column),
        );
    }
    let long = |length: usize| login_with("user_id", &format!("\"{}\"", "é".repeat(length)));
    assert!(decode(&columns, &long(128)).is_ok());
    rejected(&columns, &long(129), TooLong, Some("user_id"));
    for version in [r#""beta""#, "2147483648", r#""""#, "true", "{}"] {
        rejected(
            &columns,
            &login_with("app_version", version),
            BadConversion,
            Some("app_version"),
        );
    }
    // The first column in order decides, whatever is wrong with the others.
    let body = r#"{"user_id":"u","device_type":[],"ip":null,"app_version":"x"}"#;
    rejected(&columns, body, BadConversion, Some("device_type"));
}

#[test]
fn one_field_may_fill_several_columns() {
    let columns = [
        column("t", "a.b", ColumnType::Text),
        column("n", "a.b", ColumnType::Int4),
        column("whole", "a", ColumnType::Text),
        Column {
            source: ColumnSource::MessageId,
            ..column("id", "", ColumnType::Text)
        },
    ];
    rejected(
        &columns,
        r#"{"a":{"b":"\u0037"}}"#,
        BadConversion,
        Some("whole"),
    );
    let row = decode(&columns, r#"{"a":{"b":"\u0037"},"a":null}"#).unwrap();
    assert_eq!(row, [None, None, None, Some(text("m-1"))]);
    let row = decode(&columns[..2], r#"{"a":{"b":"\u0037"}}"#).unwrap();
    assert_eq!(row, [Some(text("7")), Some(Value::Int4(7))]);
}

#[test]
fn a_mask_on_what_holds_no_token_rejects_every_value() {
    let misplaced = [
        Column {
            column_type: ColumnType::Int4,
            ..personal("p", "ip", 1)
        },
        Column {
            conversion: Conversion::VersionDigits,
            ..personal("p", "ip", 256)
        },
        Column {
            source: ColumnSource::SentAt,
            ..personal("p", "ip", 256)
        },
    ];
    for column in misplaced {
        rejected(&[column], r#"{"ip":"1"}"#, BadConversion, Some("p"));
    }
}

#[test]
fn neither_debug_nor_display_shows_a_value() {
    let body = r#"{"secret": "canary", "ip": "canary", "n": "canary"}"#;
    let columns = [
        column("secret", "secret", ColumnType::Text),
        personal("ip", "ip", 256),
    ];
    let decoded = Decoder::new(&columns).decode(body, &ENVELOPE).unwrap();
    assert_eq!(format!("{decoded:?}"), "Decoded { columns: 2, .. }");
    let rejection = Decoder::new(&[column("n", "n", ColumnType::Int4)])
        .decode(body, &ENVELOPE)
        .unwrap_err();
    assert_eq!(rejection.to_string(), "bad_conversion in column n");
    assert!(!format!("{rejection:?}").contains("canary"));
}
