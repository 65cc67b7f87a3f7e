use proptest::prelude::*;

use super::*;

/// Bodies that are no JSON text.
const NOT_JSON: &[&str] = &[
    "",
    " ",
    "\n",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "{\"",
    "{\"v",
    "{\"v\"",
    "{\"v\":",
    "{\"v\":1",
    "{\"v\":1,",
    "{\"v\":\"",
    "{\"v\":\"a",
    "{\"v\":\"a\\",
    "{\"v\":\"a\\u",
    "{\"v\":\"\\u00",
    "{\"v\":tru",
    "{\"v\":-",
    "{\"v\":1.",
    "{\"v\":1e",
    "[1,",
    "[1,]",
    "{\"v\":1,}",
    "{,}",
    "{\"v\" 1}",
    "{\"v\":}",
    "{\"v\"}",
    "{v:1}",
    "{'v':1}",
    "{1:1}",
    "{null:1}",
    "{\"v\":1}}",
    "{\"v\":1} x",
    "{\"v\":1}{}",
    "{\"v\":1}\0",
    "\u{feff}{\"v\":1}",
    "{\"v\":\u{a0}1}",
    r#"{"v":"\ud800"}"#,
    r#"{"v":"\udc00"}"#,
    r#"{"v":"\ud800\u0041"}"#,
    r#"{"v":"\ud800x"}"#,
    r#"{"v":"\udc00\ud800"}"#,
    r#"{"x":"\ud800"}"#,
    r#"{"x":{"\ud800":1}}"#,
    r#"{"\ud800":1}"#,
    r#"{"v":"\x41"}"#,
    r#"{"v":"\u{41}"}"#,
    r#"{"v":"\u00g0"}"#,
    r#"{"v":"\'"}"#,
    "{\"v\":\"a\nb\"}",
    "{\"v\":\"\0\"}",
    "{\"x\":\"\u{1f}\"}",
    "{\"x\u{1}\":1}",
    "{\"v\":NaN}",
    "{\"v\":Infinity}",
    "{\"x\":-Infinity}",
    "{\"v\":-NaN}",
    "{\"x\":01}",
    "{\"v\":-01}",
    "{\"v\":+1}",
    "{\"v\":.5}",
    "{\"x\":5.}",
    "{\"v\":1e+}",
    "{\"v\":0x1}",
    "{\"v\":1_0}",
    "{\"v\":1,5}",
    "{\"v\":True}",
    "{\"v\":nul}",
    "{\"v\":nulll}",
    "{\"v\":1/**/}",
    "{\"v\":1}//",
    "{\"x\":[1 2]}",
    "{\"x\":[,1]}",
    "{\"x\":[1}",
    "{\"x\":{]}",
    "{\"x\":{\"y\":1]}",
    "nul",
    "truefalse",
    "1 2",
    "-",
    "\"a\"b",
    "\"\\ud800\"",
    "undefined",
    "<xml/>",
    "user_id=1",
    "{\"v\":１}",
];

/// Values of `v` in the body, and what a column `v text` makes of them.
const READ: &[(&str, Option<&str>)] = &[
    (r#""""#, Some("")),
    ("null", None),
    ("-0", Some("-0")),
    ("1.0", Some("1.0")),
    ("1e999", Some("1e999")),
    ("1E-999", Some("1E-999")),
    ("false", Some("false")),
    (r#""\u202eabc\u202c""#, Some("\u{202e}abc\u{202c}")),
    ("\"\u{202e}abc\"", Some("\u{202e}abc")),
    (r#""👩‍👩‍👧 \ud83d\udc69""#, Some("👩‍👩‍👧 👩")),
    (r#""\"\\\/\b\f\n\r\t""#, Some("\"\\/\u{8}\u{c}\n\r\t")),
    (
        "\"\u{7f}\u{80}\u{2028}\u{feff}\"",
        Some("\u{7f}\u{80}\u{2028}\u{feff}"),
    ),
    (r#""\uffff\uFFFE""#, Some("\u{ffff}\u{fffe}")),
    (r#""\\u0000""#, Some("\\u0000")),
    (r#""first","v":"last""#, Some("last")),
    (r#""first","v":null"#, None),
    (r#"[1],"v":2"#, Some("2")),
    ("\n\t\r 7 \n", Some("7")),
    (r#"1,"":2,"w":{"v":3},"V":4"#, Some("1")),
];

#[test]
fn a_corpus_of_nasty_bodies() {
    let columns = [column("v", "v", ColumnType::Text)];
    for body in NOT_JSON {
        rejected(&columns, body, NotJson, None);
    }
    for body in [
        "[]",
        "[{\"v\":1}]",
        "1",
        "-0.5e3",
        "1e999",
        "\"v\"",
        "null",
        " true ",
        "[[[1]]]",
    ] {
        rejected(&columns, body, NotAnObject, None);
    }
    for (value, expected) in READ {
        let body = format!("{{\"v\":{value}}}");
        let expected = expected.map(text);
        assert_eq!(decode(&columns, &body), Ok(vec![expected]), "{body}");
    }
    rejected(&columns, r#"{"v":"\u0000"}"#, NulInText, Some("v"));
    rejected(
        &columns,
        r#"{"v":"a","v":"a\u0000b"}"#,
        NulInText,
        Some("v"),
    );
    rejected(&columns, r#"{"v":{"v":1}}"#, BadConversion, Some("v"));
    rejected(&columns, r#"{"v":"a","v":[]}"#, BadConversion, Some("v"));
    assert_eq!(decode(&columns, "{}"), Ok(vec![None]));
}

fn every_column() -> Vec<Column> {
    use ColumnType as T;
    let plain = [
        T::Text,
        T::Varchar(Some(3)),
        T::Int2,
        T::Int4,
        T::Int8,
        T::Float8,
        T::Numeric(None),
        T::Numeric(Some((5, 2))),
        T::Numeric(Some((2, 5))),
        T::Numeric(Some((3, -3))),
        T::Bool,
        T::Date,
        T::Timestamp,
        T::Timestamptz,
        T::Uuid,
        T::Inet,
        T::Jsonb,
        T::Bytea,
    ]
    .map(|column_type| column("v", "v", column_type));
    let converted = [
        (Conversion::VersionDigits, T::Int8),
        (Conversion::VersionOrdered, T::Int4),
        (Conversion::UnixSeconds, T::Timestamptz),
        (Conversion::UnixMillis, T::Date),
        (Conversion::Hex, T::Bytea),
    ]
    .map(|(conversion, column_type)| Column {
        conversion,
        ..column("v", "v", column_type)
    });
    plain
        .into_iter()
        .chain(converted)
        .chain([personal("v", "v", 256)])
        .collect()
}

proptest! {
    /// Whatever a field says, every conversion of it ends in a value or a rejection.
    #[test]
    fn no_value_makes_a_conversion_panic(
        value in prop_oneof![
            any::<String>(),
            "[-+0-9.eEtTzZ:/ ]{0,30}",
            "-?[0-9]{1,25}(\\.[0-9]{1,25})?([eE][+-]?[0-9]{1,12})?",
            "[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]{0,9})?(Z|[+-][0-9]{2}:[0-9]{2})?",
            "[0-9a-f.:]{0,40}(/[0-9]{0,4})?",
        ],
    ) {
        let quoted = format!("{{\"v\":{}}}", serde_json::Value::from(value.as_str()));
        let bare = format!("{{\"v\":{value}}}");
        for column in every_column() {
            let decoder = Decoder::new(&[column]);
            prop_assert!(decoder.decode(&quoted, &ENVELOPE).map_or_else(|r| r.column.is_some(), |_| true));
            let _ = decoder.decode(&bare, &ENVELOPE);
        }
    }
}
