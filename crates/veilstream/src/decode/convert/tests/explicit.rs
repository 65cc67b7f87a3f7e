use super::*;
use Conversion::{UnixMillis, UnixSeconds};

#[track_caller]
fn version(json: &str, conversion: Conversion, expected: Option<i32>) {
    let expected = expected.map(Value::Int4).ok_or(BadConversion);
    with(json, ColumnType::Int4, conversion, |found| {
        assert_eq!(found, expected, "{json}");
    });
}

#[test]
fn version_digits_are_joined() {
    for (json, expected) in [
        ("\"2.3.0\"", Some(230)),
        ("\"2.30\"", Some(230)),
        ("\"v1.0-beta2\"", Some(102)),
        ("2.3", Some(23)),
        ("1e3", Some(13)),
        ("-7", Some(7)),
        ("\"00001\"", Some(1)),
        ("\"2147483647\"", Some(i32::MAX)),
        ("\"2147483648\"", None),
        ("\"99999999999999999999\"", None),
        ("\"beta\"", None),
        ("\"\"", None),
        ("\"٢.٣\"", None),
        ("true", None),
        ("[2,3]", None),
    ] {
        version(json, Conversion::VersionDigits, expected);
    }
}

#[test]
fn ordered_versions_sort_as_versions_do() {
    for (json, expected) in [
        ("\"2.3.0\"", Some(2_003_000)),
        ("\"2.30\"", Some(2_030_000)),
        ("\"2\"", Some(2_000_000)),
        ("2.3", Some(2_003_000)),
        ("\"0.999.999\"", Some(999_999)),
        ("\"2147.483.647\"", Some(i32::MAX)),
        ("\"2147.483.648\"", None),
        ("\"9223372036854775807\"", None),
        ("\"1.1000\"", None),
        ("\"1.2.3.4\"", None),
        ("\"1..2\"", None),
        ("\"1.-2\"", None),
        ("-1", None),
        ("1e3", None),
        ("\"v1\"", None),
        ("\"\"", None),
    ] {
        version(json, Conversion::VersionOrdered, expected);
    }
}

#[test]
fn unix_time_becomes_dates_and_timestamps() {
    let at = |json, column_type, conversion| {
        with(json, column_type, conversion, |found| {
            found.map(|value| {
                if let Value::Date(days) = value {
                    i64::from(days)
                } else if let Value::Timestamp(micros) = value {
                    micros
                } else {
                    panic!("no time")
                }
            })
        })
    };
    assert_eq!(at("946684799999", ColumnType::Date, UnixMillis), Ok(-1));
    assert_eq!(at("946771200", ColumnType::Date, UnixSeconds), Ok(1));
    assert_eq!(
        at("253402300800", ColumnType::Date, UnixSeconds),
        Err(BadConversion)
    );
    assert_eq!(
        at("\"\"", ColumnType::Date, UnixSeconds),
        Err(BadConversion)
    );
    assert_eq!(
        at("true", ColumnType::Date, UnixSeconds),
        Err(BadConversion)
    );
}

#[test]
fn a_conversion_for_another_type_is_refused() {
    let fits = |conversion, column_type| match conversion {
        Conversion::Natural => true,
        Conversion::VersionDigits | Conversion::VersionOrdered => {
            matches!(
                column_type,
                ColumnType::Int2 | ColumnType::Int4 | ColumnType::Int8
            )
        }
        Conversion::UnixSeconds | Conversion::UnixMillis => {
            matches!(
                column_type,
                ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz
            )
        }
        Conversion::Hex => column_type == ColumnType::Bytea,
    };
    for conversion in [
        Conversion::VersionDigits,
        Conversion::VersionOrdered,
        Conversion::UnixSeconds,
        Conversion::UnixMillis,
        Conversion::Hex,
    ] {
        for column_type in EVERY_TYPE
            .into_iter()
            .filter(|other| !fits(conversion, *other))
        {
            with("\"10\"", column_type, conversion, |found| {
                assert_eq!(
                    found,
                    Err(BadConversion),
                    "{conversion:?} for {column_type}"
                );
            });
        }
    }
}

#[test]
fn the_envelope_has_a_time_and_an_id() {
    assert_eq!(
        sent_at(946_684_800_001, ColumnType::Timestamptz),
        Ok(Value::Timestamp(1_000))
    );
    assert_eq!(
        sent_at(946_684_800_001, ColumnType::Timestamp),
        Ok(Value::Timestamp(1_000))
    );
    assert_eq!(
        sent_at(946_684_799_999, ColumnType::Date),
        Ok(Value::Date(-1))
    );
    assert_eq!(sent_at(5, ColumnType::Int8), Ok(Value::Int8(5)));
    assert_eq!(sent_at(i64::MAX, ColumnType::Date), Err(BadConversion));
    assert_eq!(sent_at(5, ColumnType::Text), Err(BadConversion));
    let id = "42424242-4242-4242-4242-424242424242";
    assert_eq!(message_id(id, ColumnType::Text), Ok(text_value(id)));
    assert_eq!(
        message_id(id, ColumnType::Varchar(Some(36))),
        Ok(text_value(id))
    );
    assert_eq!(message_id(id, ColumnType::Varchar(Some(35))), Err(TooLong));
    assert_eq!(
        message_id(id, ColumnType::Uuid),
        Ok(Value::Uuid([0x42; 16]))
    );
    assert_eq!(message_id("m-1", ColumnType::Uuid), Err(BadConversion));
    assert_eq!(message_id(id, ColumnType::Int4), Err(BadConversion));
}
