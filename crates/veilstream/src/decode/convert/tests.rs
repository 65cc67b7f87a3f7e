mod explicit;

use super::*;
use crate::decode::json::pick;
use crate::decode::paths::Paths;
use RejectionCode::{BadConversion, NulInText, TooLong};

const EVERY_TYPE: [ColumnType; 15] = [
    ColumnType::Text,
    ColumnType::Varchar(None),
    ColumnType::Int2,
    ColumnType::Int4,
    ColumnType::Int8,
    ColumnType::Float8,
    ColumnType::Numeric(None),
    ColumnType::Bool,
    ColumnType::Date,
    ColumnType::Timestamp,
    ColumnType::Timestamptz,
    ColumnType::Uuid,
    ColumnType::Inet,
    ColumnType::Jsonb,
    ColumnType::Bytea,
];

/// Converts a JSON text and hands the result to `check`.
fn with<T>(
    json: &str,
    column_type: ColumnType,
    conversion: Conversion,
    check: impl FnOnce(Result<Value<'_>, RejectionCode>) -> T,
) -> T {
    let body = format!("{{\"v\":{json}}}");
    let path = ["v".to_owned()];
    let fields = pick(&body, &Paths::new([path.as_slice()])).unwrap();
    check(convert(fields[0].unwrap(), column_type, conversion))
}

#[track_caller]
fn becomes(json: &str, column_type: ColumnType, expected: &Value<'_>) {
    with(json, column_type, Conversion::Natural, |found| {
        assert_eq!(found.as_ref(), Ok(expected), "{json} as {column_type}");
    });
}

#[track_caller]
fn refused(json: &str, column_type: ColumnType, code: RejectionCode) {
    with(json, column_type, Conversion::Natural, |found| {
        assert_eq!(found, Err(code), "{json} as {column_type}");
    });
}

fn text_value(text: &str) -> Value<'_> {
    Value::Text(Cow::Borrowed(text))
}

#[test]
fn text_takes_strings_and_the_spelling_of_numbers_and_booleans() {
    for column_type in [
        ColumnType::Text,
        ColumnType::Varchar(None),
        ColumnType::Varchar(Some(9)),
    ] {
        becomes(r#""""#, column_type, &text_value(""));
        becomes(
            r#""a\n\u00e9\ud83d\ude00""#,
            column_type,
            &text_value("a\né😀"),
        );
        becomes("1.0", column_type, &text_value("1.0"));
        becomes("-0", column_type, &text_value("-0"));
        becomes("1E+999", column_type, &text_value("1E+999"));
        becomes("true", column_type, &text_value("true"));
        refused("[]", column_type, BadConversion);
        refused(r#"{"a":1}"#, column_type, BadConversion);
        refused(r#""a\u0000""#, column_type, NulInText);
    }
}

#[test]
fn varchar_counts_characters() {
    let three = ColumnType::Varchar(Some(3));
    becomes(r#""äöü""#, three, &text_value("äöü"));
    becomes(r#""\ud83d\ude00😀😀""#, three, &text_value("😀😀😀"));
    refused(r#""äöüß""#, three, TooLong);
    refused(r#""abc ""#, three, TooLong);
    refused("1234", three, TooLong);
    refused(r#""abc\u0000""#, three, NulInText);
}

#[test]
fn integers_take_plain_digits_within_range() {
    becomes("32767", ColumnType::Int2, &Value::Int2(i16::MAX));
    becomes("\"-32768\"", ColumnType::Int2, &Value::Int2(i16::MIN));
    becomes("-2147483648", ColumnType::Int4, &Value::Int4(i32::MIN));
    becomes("-0", ColumnType::Int4, &Value::Int4(0));
    becomes("\"007\"", ColumnType::Int4, &Value::Int4(7));
    becomes("\"\\u0037\"", ColumnType::Int4, &Value::Int4(7));
    becomes(
        "9223372036854775807",
        ColumnType::Int8,
        &Value::Int8(i64::MAX),
    );
    becomes(
        "-9223372036854775808",
        ColumnType::Int8,
        &Value::Int8(i64::MIN),
    );
    refused("32768", ColumnType::Int2, BadConversion);
    refused("2147483648", ColumnType::Int4, BadConversion);
    refused("9223372036854775808", ColumnType::Int8, BadConversion);
    for json in [
        "1.0", "1e3", "\"\"", "\"-\"", "\"+1\"", "\" 1\"", "\"1.0\"", "\"١\"", "true", "[1]",
    ] {
        refused(json, ColumnType::Int8, BadConversion);
    }
}

#[test]
fn float8_takes_what_stays_finite() {
    let float = ColumnType::Float8;
    becomes("0.1", float, &Value::Float8(0.1));
    becomes("\"-1e308\"", float, &Value::Float8(-1e308));
    becomes("5e-324", float, &Value::Float8(5e-324));
    becomes("0e-999", float, &Value::Float8(0.0));
    becomes(
        "9007199254740993",
        float,
        &Value::Float8(9_007_199_254_740_992.0),
    );
    for json in [
        "1e309", "-1e999", "1e-400", "\"NaN\"", "\"inf\"", "\"\"", "\"0x1\"", "\"+1\"", "true",
    ] {
        refused(json, float, BadConversion);
    }
}

#[test]
fn bool_takes_true_and_false() {
    becomes("true", ColumnType::Bool, &Value::Bool(true));
    becomes("\"false\"", ColumnType::Bool, &Value::Bool(false));
    for json in ["1", "0", "\"True\"", "\"t\"", "\"\"", "\"yes\"", "{}"] {
        refused(json, ColumnType::Bool, BadConversion);
    }
}

#[test]
fn numeric_takes_numbers_and_decimal_text() {
    let expected = Decimal::parse("12.50").unwrap().encode(None).unwrap();
    becomes(
        "12.50",
        ColumnType::Numeric(None),
        &Value::Numeric(expected.clone()),
    );
    becomes(
        "\"12.495\"",
        ColumnType::Numeric(Some((4, 2))),
        &Value::Numeric(expected),
    );
    refused("100", ColumnType::Numeric(Some((4, 2))), BadConversion);
    refused("1e999999999", ColumnType::Numeric(None), BadConversion);
    refused("\"NaN\"", ColumnType::Numeric(None), BadConversion);
    refused("true", ColumnType::Numeric(None), BadConversion);
}

#[test]
fn dates_and_times_take_strings_only() {
    becomes("\"2000-01-02\"", ColumnType::Date, &Value::Date(1));
    becomes(
        "\"1999-12-31T23:59:59.5Z\"",
        ColumnType::Timestamptz,
        &Value::Timestamp(-500_000),
    );
    becomes(
        "\"2000-01-01T01:00:00+01:00\"",
        ColumnType::Timestamp,
        &Value::Timestamp(0),
    );
    becomes(
        "\"2000-01-01 00:00:01\"",
        ColumnType::Timestamp,
        &Value::Timestamp(1_000_000),
    );
    refused(
        "\"2000-01-01T00:00:01\"",
        ColumnType::Timestamptz,
        BadConversion,
    );
    refused("\"2000-01-02T00:00:00Z\"", ColumnType::Date, BadConversion);
    for column_type in [
        ColumnType::Date,
        ColumnType::Timestamp,
        ColumnType::Timestamptz,
    ] {
        refused("946684800", column_type, BadConversion);
        refused("\"\"", column_type, BadConversion);
    }
}

#[test]
fn uuid_takes_the_usual_spellings() {
    let expected = Value::Uuid([0x42; 16]);
    for text in [
        "42424242-4242-4242-4242-424242424242",
        "42424242424242424242424242424242",
        "{42424242-4242-4242-4242-424242424242}",
        "urn:uuid:42424242-4242-4242-4242-424242424242",
    ] {
        becomes(&format!("\"{text}\""), ColumnType::Uuid, &expected);
    }
    for json in [
        "\"\"",
        "\"4242\"",
        "42424242424242424242424242424242",
        "\"g2424242424242424242424242424242\"",
    ] {
        refused(json, ColumnType::Uuid, BadConversion);
    }
}

#[test]
fn inet_takes_addresses_with_or_without_bits() {
    let v4 = |bits| Value::Inet {
        address: [10, 1, 2, 3].into(),
        bits,
    };
    becomes("\"10.1.2.3\"", ColumnType::Inet, &v4(32));
    becomes("\"10.1.2.3/8\"", ColumnType::Inet, &v4(8));
    becomes("\"10.1.2.3/0\"", ColumnType::Inet, &v4(0));
    let v6 = Value::Inet {
        address: "2001:db8::1".parse().unwrap(),
        bits: 64,
    };
    becomes("\"2001:DB8:0::1/64\"", ColumnType::Inet, &v6);
    for text in [
        "",
        "10.1.2",
        "010.1.2.3",
        "10.1.2.3/33",
        "10.1.2.3/",
        "10.1.2.3/08",
        "10.1.2.3/+8",
        "10.1.2.3/8/8",
        "fe80::1%eth0",
        "::1/129",
        "::1/256",
        "[::1]",
        " ::1",
        "1.2.3.4 ",
    ] {
        refused(&format!("\"{text}\""), ColumnType::Inet, BadConversion);
    }
    refused("1", ColumnType::Inet, BadConversion);
}

#[test]
fn jsonb_takes_every_json_text() {
    for json in [
        "1.50",
        "true",
        "\"a\\n\"",
        "[1, {\"a\": null}]",
        "{ \"a\" : [ ] }",
        "\"\"",
    ] {
        becomes(json, ColumnType::Jsonb, &Value::Jsonb(json));
    }
    refused(r#"{"\u0000":1}"#, ColumnType::Jsonb, NulInText);
    refused("[1e999999]", ColumnType::Jsonb, BadConversion);
}

#[test]
fn bytea_takes_base64_or_hex() {
    let bytes = |bytes: &[u8]| Value::Bytea(bytes.to_vec());
    becomes("\"\"", ColumnType::Bytea, &bytes(b""));
    becomes("\"+/8=\"", ColumnType::Bytea, &bytes(&[0xfb, 0xff]));
    becomes("\"+\\/8\"", ColumnType::Bytea, &bytes(&[0xfb, 0xff]));
    for json in [
        "\"-_8=\"",
        "\"+/8 =\"",
        "\"+/8==\"",
        "\"+/9=\"",
        "\"A\"",
        "1",
    ] {
        refused(json, ColumnType::Bytea, BadConversion);
    }
    let hex = |json: &str| {
        with(
            json,
            ColumnType::Bytea,
            Conversion::Hex,
            |found| match found {
                Ok(Value::Bytea(bytes)) => Ok(bytes),
                Ok(_) => panic!("no bytea"),
                Err(code) => Err(code),
            },
        )
    };
    assert_eq!(hex("\"00fFa0\""), Ok(vec![0, 255, 160]));
    assert_eq!(hex("\"\""), Ok(vec![]));
    for json in ["\"0\"", "\"0g\"", "\"\\\\x00\"", "\"+1\"", "\"é\"", "12"] {
        assert_eq!(hex(json), Err(BadConversion), "{json}");
    }
}
