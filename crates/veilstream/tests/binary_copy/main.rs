//! What a row says in PostgreSQL is what PostgreSQL itself makes of the same text.
//!
//! GIVEN values of every column type, among them each type's nastiest
//! WHEN they go through decoder, masking and a binary COPY into a table of that type
//! THEN the table shows what a cast of the same text shows, and what the decoder refuses as beyond
//! a type's range, PostgreSQL refuses too.

mod database;
mod random;

use anyhow::{Context as _, Result};
use veilstream::config::{ColumnType, Conversion};

use database::{Case, Database, bare, pairs, quoted};
use random::Random;

#[tokio::test]
async fn text_and_numbers_are_what_postgresql_makes_of_them() -> Result<()> {
    use ColumnType as T;
    let db = Database::start().await?;
    let natural = Conversion::Natural;

    let texts = [
        "",
        " ",
        "a",
        "it's \\ \"quoted\"",
        "é\u{202e}😀\u{7f}\u{1}\n\r\t",
        "\\N",
        "\u{feff}",
    ];
    for column_type in [T::Text, T::Varchar(None), T::Varchar(Some(20))] {
        db.agrees(column_type, natural, quoted(texts)).await?;
        db.agrees(column_type, natural, bare(["1.0", "-0", "1e999", "true"]))
            .await?;
    }
    db.agrees(T::Text, natural, quoted(["x".repeat(1 << 20)]))
        .await?;

    db.agrees(T::Int2, natural, bare(["32767", "-32768", "0", "-0", "-1"]))
        .await?;
    db.agrees(
        T::Int4,
        natural,
        bare(["2147483647", "-2147483648", "0", "1"]),
    )
    .await?;
    let widest = ["9223372036854775807", "-9223372036854775808", "0", "-1"];
    db.agrees(T::Int8, natural, bare(widest)).await?;
    db.agrees(T::Int8, natural, quoted(widest)).await?;
    db.both_refuse(T::Int2, bare(["32768", "-32769"])).await?;
    db.both_refuse(T::Int4, bare(["2147483648", "-2147483649"]))
        .await?;
    db.both_refuse(
        T::Int8,
        bare(["9223372036854775808", "-9223372036854775809"]),
    )
    .await?;
    db.agrees(T::Bool, natural, bare(["true", "false"])).await?;
    db.agrees(T::Bool, natural, quoted(["true", "false"]))
        .await?;
    Ok(())
}

#[tokio::test]
async fn float8_is_what_postgresql_makes_of_it() -> Result<()> {
    let db = Database::start().await?;
    let float = ColumnType::Float8;
    let floats = [
        "0",
        "-0",
        "-0.0",
        "1",
        "-1.5",
        "0.1",
        "1e308",
        "1.7976931348623157e308",
        "5e-324",
        "-2.2250738585072014e-308",
        "2.2250738585072011e-308",
        "9007199254740993",
        "123456789012345678901234567890",
        "0.30000000000000004",
        "0e-999",
        "1e22",
        "1e23",
    ];
    db.agrees(float, Conversion::Natural, bare(floats)).await?;
    db.agrees(float, Conversion::Natural, quoted(floats))
        .await?;
    let mut random = Random::new(0x5eed_0001);
    let generated: Vec<String> = (0..2_000).map(|_| random.decimal(18, 280)).collect();
    db.agrees(float, Conversion::Natural, quoted(generated))
        .await?;
    db.both_refuse(
        float,
        bare(["1e309", "-1e309", "1e999999", "1e-400", "-1e-99999"]),
    )
    .await?;
    Ok(())
}

#[tokio::test]
async fn numeric_is_what_postgresql_makes_of_it() -> Result<()> {
    use ColumnType::Numeric;
    let db = Database::start().await?;
    let natural = Conversion::Natural;
    let longest = format!("-{}.{}", "9".repeat(131_072), "9".repeat(16_383));
    let numbers = [
        "0",
        "-0",
        "0.000",
        "-0.0",
        "1",
        "-1",
        "0.0001",
        "0.00001",
        "10000",
        "100000000",
        "9999",
        "99999999",
        "1e-20",
        "12345678901234567890.123456789",
        "1.50",
        "1e3",
        "1E+3",
        "1.23e1",
        "123e-5",
        "0e5",
        "0e-5",
        "1e131071",
        "1e-16383",
        "0e1000000",
        "5000.0005",
        "0.00000500",
        &longest,
    ];
    db.agrees(Numeric(None), natural, bare(numbers)).await?;
    db.agrees(Numeric(None), natural, quoted(numbers)).await?;
    db.both_refuse(
        Numeric(None),
        bare([
            "1e131072",
            "1e-16384",
            "0e-16384",
            "1e999999999",
            "-1e99999999999999999999",
            "0e1073741823",
        ]),
    )
    .await?;

    let scaled = Numeric(Some((5, 2)));
    let rounded = [
        "0",
        "-0.001",
        "1.005",
        "-1.005",
        "1.0049999",
        "999.994",
        "999.99",
        "7",
        "0.004999",
        "0.005",
        "-0.005",
        "99e-1",
        "1e2",
    ];
    db.agrees(scaled, natural, bare(rounded)).await?;
    db.both_refuse(
        scaled,
        bare(["999.995", "1000", "-999.995", "1e9", "1e1000000"]),
    )
    .await?;

    let mut random = Random::new(0x5eed_0002);
    let generated: Vec<String> = (0..2_000).map(|_| random.decimal(25, 60)).collect();
    db.agrees(Numeric(None), natural, quoted(&generated))
        .await?;
    db.agrees(Numeric(Some((200, 7))), natural, quoted(&generated))
        .await?;
    db.agrees(Numeric(Some((100, 0))), natural, quoted(&generated))
        .await?;

    let version = db.column_of_text("SHOW server_version_num").await?;
    let version: u32 = version[0].as_deref().context("a version")?.parse()?;
    if version >= 150_000 {
        // Only from version 15 on may a scale be negative, or larger than the precision.
        db.agrees(Numeric(Some((100, -3))), natural, quoted(&generated))
            .await?;
        db.agrees(
            Numeric(Some((2, 5))),
            natural,
            bare(["0.00099", "0.000994", "0"]),
        )
        .await?;
        db.both_refuse(Numeric(Some((2, 5))), bare(["0.001", "0.000995", "1"]))
            .await?;
        db.agrees(
            Numeric(Some((3, -2))),
            natural,
            bare(["49", "50", "12350", "99949"]),
        )
        .await?;
        db.both_refuse(Numeric(Some((3, -2))), bare(["99950", "100000"]))
            .await?;
    }
    Ok(())
}

#[tokio::test]
async fn dates_and_times_are_what_postgresql_makes_of_them() -> Result<()> {
    use ColumnType as T;
    let db = Database::start().await?;
    let natural = Conversion::Natural;
    let dates = [
        "0001-01-01",
        "9999-12-31",
        "2000-01-01",
        "1999-12-31",
        "1970-01-01",
        "1969-12-31",
        "2024-02-29",
        "1900-02-28",
        "1582-10-15",
        "1582-10-04",
    ];
    db.agrees(T::Date, natural, quoted(dates)).await?;
    db.both_refuse(
        T::Date,
        quoted(["0000-01-01", "2023-02-29", "1900-02-29", "2024-13-01"]),
    )
    .await?;

    let clocks = [
        "0001-01-01T00:00:00",
        "9999-12-31T23:59:59.999999",
        "2000-01-01T00:00:00",
        "1999-12-31T23:59:59.999999",
        "1969-12-31 23:59:59.5",
        "2024-02-29T12:34:56.000001",
        "2024-06-30T23:59:60",
        "2024-01-01T00:00:00.1234564",
        "2024-01-01T00:00:00.9999999",
    ];
    db.agrees(T::Timestamp, natural, quoted(clocks)).await?;
    let zoned: Vec<String> = clocks
        .iter()
        .flat_map(|clock| ["Z", "z", "+00:00", "-00:00"].map(|zone| format!("{clock}{zone}")))
        .chain(
            ["+05:30", "-12:00", "+14:00", "-00:01", "+15:59"]
                .map(|zone| format!("2000-01-01T00:00:00.25{zone}")),
        )
        .collect();
    db.agrees(T::Timestamptz, natural, quoted(&zoned)).await?;
    // PostgreSQL drops the offset of a timestamp; here it leads to UTC, as timestamptz has it.
    let in_utc: Vec<Case> = db
        .cast(T::Timestamptz, &quoted(&zoned))
        .await?
        .into_iter()
        .zip(quoted(&zoned))
        .map(|(shown, case)| {
            let shown = shown.unwrap_or_default();
            Case {
                literal: shown.trim_end_matches("+00").to_owned(),
                ..case
            }
        })
        .collect();
    db.agrees(T::Timestamp, natural, in_utc).await?;

    let mut random = Random::new(0x5eed_0003);
    let generated: Vec<String> = (0..2_000)
        .map(|_| {
            let mut pick = |from, count| from + random.below(count);
            format!(
                "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}+{:02}:{:02}",
                pick(2, 9_997),
                pick(1, 12),
                pick(1, 28),
                pick(0, 24),
                pick(0, 60),
                pick(0, 60),
                pick(0, 1_000_000),
                pick(0, 15),
                pick(0, 60),
            )
        })
        .collect();
    db.agrees(T::Timestamptz, natural, quoted(generated))
        .await?;

    let seconds = pairs(&[
        ("0", "1970-01-01T00:00:00Z"),
        ("-0.000001", "1969-12-31T23:59:59.999999Z"),
        ("\"1700000000.123456\"", "2023-11-14T22:13:20.123456Z"),
        ("1.7e9", "2023-11-14T22:13:20Z"),
        ("-62135596800", "0001-01-01T00:00:00Z"),
        ("253402300799", "9999-12-31T23:59:59Z"),
    ]);
    db.agrees(T::Timestamptz, Conversion::UnixSeconds, seconds)
        .await?;
    let millis = pairs(&[
        ("946684799999", "1999-12-31"),
        ("946684800000", "2000-01-01"),
    ]);
    db.agrees(T::Date, Conversion::UnixMillis, millis).await?;
    Ok(())
}

#[tokio::test]
async fn the_other_types_are_what_postgresql_makes_of_them() -> Result<()> {
    use ColumnType as T;
    let db = Database::start().await?;
    let natural = Conversion::Natural;
    db.agrees(
        T::Uuid,
        natural,
        quoted([
            "00000000-0000-0000-0000-000000000000",
            "FFFFFFFF-ffff-ffff-FFFF-ffffffffffff",
            "424cdd21063a43a7b91b7ca1a833afae",
            "{424cdd21-063a-43a7-b91b-7ca1a833afae}",
        ]),
    )
    .await?;

    db.agrees(
        T::Inet,
        natural,
        quoted([
            "0.0.0.0",
            "255.255.255.255",
            "10.1.2.3/8",
            "10.1.2.3/0",
            "10.1.2.3/32",
            "::",
            "::1",
            "2001:db8::1",
            "2001:DB8::1/64",
            "::ffff:1.2.3.4",
            "::ffff:1.2.3.4/96",
            "fe80::/10",
            "1:2:3:4:5:6:7:8/128",
            "::1.2.3.4/0",
            "1::8",
        ]),
    )
    .await?;
    db.both_refuse(
        T::Inet,
        quoted(["", "1.2.3.4/33", "::1/129", "256.1.1.1", "fe80::1%eth0"]),
    )
    .await?;

    let deepest = format!("{}{}", "[".repeat(127), "]".repeat(127));
    db.agrees(
        T::Jsonb,
        natural,
        bare([
            "1",
            "-0",
            "1.50",
            "1e5",
            "1e-5",
            "1e131071",
            "true",
            r#""""#,
            r#""a\"\\\/\b\f\n\r\t""#,
            r#""\u00e9\ud83d\ude00\uffff é😀""#,
            "[]",
            "{}",
            r#"[1, [2, {"a": null}], "x"]"#,
            r#"{ "b" : 1, "a" : 2, "b" : {"c": [ ]} }"#,
            r#"{"": {"": ""}}"#,
            r#""\\u0000""#,
            "\"\u{7f}\u{2028}\"",
            &deepest,
        ]),
    )
    .await?;
    db.both_refuse(
        T::Jsonb,
        bare([
            r#""\u0000""#,
            r#"{"a\u0000": 1}"#,
            "[1e131072]",
            "1e-16384",
            "1e99999999999999999999",
        ]),
    )
    .await?;

    let base64 = pairs(&[
        (r#""""#, "\\x"),
        (r#""AA==""#, "\\x00"),
        (r#""AP+/XA""#, "\\x00ffbf5c"),
    ]);
    db.agrees(T::Bytea, natural, base64).await?;
    let hex = pairs(&[(r#""""#, "\\x"), (r#""00fFbF5c""#, "\\x00ffbf5c")]);
    db.agrees(T::Bytea, Conversion::Hex, hex).await?;
    Ok(())
}

#[tokio::test]
async fn null_is_null_in_every_type() -> Result<()> {
    use ColumnType as T;
    let db = Database::start().await?;
    for column_type in [
        T::Text,
        T::Varchar(Some(1)),
        T::Int2,
        T::Int4,
        T::Int8,
        T::Float8,
        T::Numeric(Some((5, 2))),
        T::Bool,
        T::Date,
        T::Timestamp,
        T::Timestamptz,
        T::Uuid,
        T::Inet,
        T::Jsonb,
        T::Bytea,
    ] {
        let loaded = db
            .loaded(column_type, Conversion::Natural, &bare(["null"]))
            .await?;
        assert_eq!(loaded, [None], "{column_type}");
    }
    Ok(())
}
