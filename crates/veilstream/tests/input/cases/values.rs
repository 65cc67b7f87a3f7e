//! Values at the borders of their types. What is loaded is as PostgreSQL 15 prints it.

use super::{Case, Outcome, loaded, sent, with};

/// Column, JSON value, text.
const TAKEN: &[(&str, &str, &str)] = &[
    ("id", "\"\"", ""),
    ("id", "1.50", "1.50"),
    ("id", "1e999", "1e999"),
    ("id", "-0", "-0"),
    ("id", "1E-999", "1E-999"),
    ("id", "true", "true"),
    ("small", "32767", "32767"),
    ("small", "-32768", "-32768"),
    ("small", "-0", "0"),
    ("small", "\"7\"", "7"),
    ("whole", "2147483647", "2147483647"),
    ("whole", "-2147483648", "-2147483648"),
    ("big", "9223372036854775807", "9223372036854775807"),
    ("big", "-9223372036854775808", "-9223372036854775808"),
    ("big", "9007199254740993", "9007199254740993"),
    ("real", "1.7976931348623157e308", "1.7976931348623157e+308"),
    ("real", "5e-324", "5e-324"),
    ("real", "-0", "-0"),
    ("real", "-0.0", "-0"),
    ("real", "0e999", "0"),
    ("real", "0.1", "0.1"),
    ("real", "9007199254740993", "9.007199254740992e+15"),
    ("number", "-0", "0"),
    ("number", "0.10", "0.10"),
    ("number", "1e3", "1000"),
    ("number", "-1.5E-3", "-0.0015"),
    ("money", "999.99", "999.99"),
    ("money", "-999.99", "-999.99"),
    ("money", "1e2", "100.00"),
    ("flag", "true", "true"),
    ("flag", "\"false\"", "false"),
    ("day", "\"0001-01-01\"", "0001-01-01"),
    ("day", "\"9999-12-31\"", "9999-12-31"),
    ("day", "\"2000-02-29\"", "2000-02-29"),
    ("day", "\"1582-10-10\"", "1582-10-10"),
    ("clock", "\"1999-12-31T23:59:59\"", "1999-12-31 23:59:59"),
    ("clock", "\"0001-01-01 00:00:00\"", "0001-01-01 00:00:00"),
    ("at", "\"0001-01-01T00:00:00Z\"", "0001-01-01 00:00:00+00"),
    (
        "at",
        "\"9999-12-31T23:59:59.999999Z\"",
        "9999-12-31 23:59:59.999999+00",
    ),
    ("at", "\"2016-12-31T23:59:60Z\"", "2017-01-01 00:00:00+00"),
    (
        "at",
        "\"2024-01-01t00:00:00+23:59\"",
        "2023-12-31 00:01:00+00",
    ),
    (
        "at",
        "\"1969-12-31T23:59:59.5z\"",
        "1969-12-31 23:59:59.5+00",
    ),
    (
        "key",
        "\"00000000-0000-0000-0000-000000000000\"",
        "00000000-0000-0000-0000-000000000000",
    ),
    (
        "key",
        "\"FFFFFFFF-FFFF-FFFF-FFFF-FFFFFFFFFFFF\"",
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    ),
    ("net", "\"0.0.0.0/0\"", "0.0.0.0/0"),
    ("net", "\"255.255.255.255\"", "255.255.255.255/32"),
    ("net", "\"::\"", "::/128"),
    ("net", "\"2001:DB8::1/64\"", "2001:db8::1/64"),
    ("doc", "\"\"", "\"\""),
    ("doc", "[]", "[]"),
    ("doc", "{\"a\":1,\"a\":2}", "{\"a\": 2}"),
    ("doc", "\"\\u0041\"", "\"A\""),
    ("doc", "1.50", "1.50"),
    ("doc", "[ 1 , null ]", "[1, null]"),
    ("raw", "\"\"", "\\x"),
    ("raw", "\"AP/+\"", "\\x00fffe"),
    ("raw", "\"QQ==\"", "\\x41"),
    ("raw", "\"QQ\"", "\\x41"),
    ("short", "\"abcde\"", "abcde"),
    ("short", "\"ééééé\"", "ééééé"),
    ("short", "\"😀😀😀😀😀\"", "😀😀😀😀😀"),
    ("short", "\"👩‍👩‍👧\"", "👩‍👩‍👧"),
    ("short", "\"a    \"", "a    "),
    ("secret", "1.0", "1.0"),
    ("secret", "false", "false"),
    ("secret", "\"\"", ""),
    ("address", "\"::ffff:1.2.3.4\"", "1.2.3.4"),
    ("address", "\"2001:DB8:0:0:0:0:0:1\"", "2001:db8::1"),
    ("address", "\"255.255.255.255\"", "255.255.255.255"),
];

/// Column, reason, JSON values.
const REFUSED: &[(&str, &str, &[&str])] = &[
    (
        "small",
        "bad_conversion",
        &[
            "32768", "-32769", "1.0", "1e2", "true", "\"\"", "\" 1\"", "\"+1\"", "\"0x1\"",
            "\"１\"", "\"٣\"",
        ],
    ),
    (
        "whole",
        "bad_conversion",
        &[
            "2147483648",
            "-2147483649",
            "1e999",
            "\"1_000\"",
            "\"1,000\"",
            "-0.0",
        ],
    ),
    (
        "big",
        "bad_conversion",
        &[
            "9223372036854775808",
            "-9223372036854775809",
            "18446744073709551616",
            "1e18",
            "\"NaN\"",
        ],
    ),
    (
        "real",
        "bad_conversion",
        &[
            "1.8e308",
            "-1e999",
            "1e-999",
            "1e-400",
            "\"NaN\"",
            "\"Infinity\"",
            "\"-inf\"",
            "\"0x10\"",
            "\"1d\"",
            "true",
            "\"\"",
        ],
    ),
    (
        "number",
        "bad_conversion",
        &[
            "1e131072",
            "1e-16384",
            "1e999999999999",
            "\"NaN\"",
            "\"Infinity\"",
            "\"1 \"",
            "\"\"",
        ],
    ),
    (
        "money",
        "bad_conversion",
        &["1000", "-1000", "999.995", "1e999"],
    ),
    (
        "flag",
        "bad_conversion",
        &["0", "1", "\"TRUE\"", "\"t\"", "\"yes\"", "\"\""],
    ),
    (
        "day",
        "bad_conversion",
        &[
            "\"0000-01-01\"",
            "\"-0001-01-01\"",
            "\"10000-01-01\"",
            "\"2023-02-29\"",
            "\"1900-02-29\"",
            "\"2024-13-01\"",
            "\"2024-00-10\"",
            "\"2024-01-32\"",
            "\"2024-1-1\"",
            "\"01.02.2024\"",
            "\"2024-01-01T00:00:00Z\"",
            "\"infinity\"",
            "\"today\"",
            "\"epoch\"",
            "20240101",
            "\"\"",
            "\"２０２４-01-01\"",
        ],
    ),
    (
        "clock",
        "bad_conversion",
        &["\"2024-01-01\"", "\"now\"", "\"-infinity\"", "0"],
    ),
    (
        "at",
        "bad_conversion",
        &[
            "\"2024-01-01T00:00:00\"",
            "\"2024-01-01T24:00:00Z\"",
            "\"2024-01-01T00:60:00Z\"",
            "\"2024-01-01T00:00:61Z\"",
            "\"0001-01-01T00:00:00+00:01\"",
            "\"9999-12-31T23:59:59-00:01\"",
            "\"9999-12-31T23:59:59.9999999Z\"",
            "\"9999-12-31T23:59:60Z\"",
            "\"2024-01-01T00:00:00+24:00\"",
            "\"2024-01-01T00:00:00 Europe/Berlin\"",
            "\"2024-01-01T00:00:00.Z\"",
            "0",
            "\"\"",
        ],
    ),
    (
        "key",
        "bad_conversion",
        &[
            "\"\"",
            "\"424cdd21-063a-43a7-b91b-7ca1a833afa\"",
            "\"g24cdd21-063a-43a7-b91b-7ca1a833afae\"",
            "7",
        ],
    ),
    (
        "net",
        "bad_conversion",
        &[
            "\"\"",
            "\"256.1.1.1\"",
            "\"1.2.3.4/33\"",
            "\"::1/129\"",
            "\"1.2.3\"",
            "\"fe80::1%eth0\"",
            "\"1.2.3.4:80\"",
            "\"localhost\"",
            "16909060",
        ],
    ),
    (
        "doc",
        "bad_conversion",
        &["1e131072", "[1e-16384]", "{\"a\":{\"b\":1e999999}}"],
    ),
    (
        "doc",
        "nul_in_text",
        &["{\"a\\u0000\":1}", "[[\"\\u0000\"]]"],
    ),
    (
        "raw",
        "bad_conversion",
        &[
            "\"*\"",
            "\"Q\"",
            "\"QR==\"",
            "\"-_-_\"",
            "\"QUJD \"",
            "\"\\\\x41\"",
            "1",
        ],
    ),
    (
        "short",
        "too_long",
        &[
            "\"abcdef\"",
            "\"éééééé\"",
            "\"a     \"",
            "\"e\u{301}e\u{301}e\u{301}\"",
            "123456",
            "\"😀😀😀😀😀😀\"",
        ],
    ),
    (
        "address",
        "not_canonical",
        &[
            "\"\"",
            "\"999.1.1.1\"",
            "\"1.2.3\"",
            "\"010.1.1.1\"",
            "\"1.2.3.4/32\"",
            "\"fe80::1%eth0\"",
            "\"example.org\"",
            "16909060",
            "true",
            "\"１.2.3.4\"",
        ],
    ),
];

pub(super) fn cases() -> Vec<Case> {
    let taken = TAKEN
        .iter()
        .map(|(column, json, text)| takes(column, json, text));
    let refused = REFUSED.iter().flat_map(|(column, reason, values)| {
        let case = move |json: &&str| {
            let outcome = Outcome::Quarantined(reason, Some(column));
            sent(
                format!("{json} in {column}"),
                with(&member(column, json)),
                outcome,
            )
        };
        values.iter().map(case)
    });
    let mut cases: Vec<Case> = taken.chain(refused).collect();
    cases.extend(long_numbers());
    cases.extend(
        [
            "note", "small", "number", "flag", "at", "doc", "secret", "address",
        ]
        .map(|column| {
            sent(
                format!("null in {column}"),
                with(&member(column, "null")),
                loaded(&[]),
            )
        }),
    );
    cases
}

fn long_numbers() -> Vec<Case> {
    let digits = "1234567890".repeat(40);
    let fraction = format!("0.{digits}");
    let big = format!("1{}", "0".repeat(999));
    let small = format!("0.{}1", "0".repeat(998));
    let refused = |column: &'static str, json: &str| {
        let outcome = Outcome::Quarantined("bad_conversion", Some(column));
        sent(
            format!("a long number in {column}"),
            with(&member(column, json)),
            outcome,
        )
    };
    vec![
        takes("number", &digits, &digits),
        takes("number", &format!("-{digits}"), &format!("-{digits}")),
        takes("number", &fraction, &fraction),
        takes("number", "1e999", &big),
        takes("number", "1e-999", &small),
        takes("note", &digits, &digits),
        takes("doc", &digits, &digits),
        takes("doc", "1e999", &big),
        refused("small", &digits),
        refused("whole", &digits),
        refused("big", &digits),
        refused("real", &digits),
        refused("money", &digits),
        refused("big", &format!("0.{digits}")),
    ]
}

fn takes(column: &'static str, json: &str, text: &str) -> Case {
    let name = format!("{json:.60} in {column}");
    sent(name, with(&member(column, json)), loaded(&[(column, text)]))
}

fn member(column: &str, json: &str) -> String {
    format!("\"{column}\":{json}")
}
