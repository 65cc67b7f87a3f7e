//! Every rule of the file, by a file that breaks it and nothing else.

use super::{only_mistake, read, with_column};
use crate::{
    config::{ColumnSource, ColumnType, Conversion, Fleets},
    source::Protocol,
};

/// Each column has just the mistake whose path and words stand beside it.
fn assert_refused(cases: &[(&str, &str, &str)]) {
    for (settings, path, words) in cases {
        let mistake = only_mistake(&with_column(settings));
        let expected = format!("columns[0]{path}: ");
        assert!(mistake.starts_with(&expected), "{settings}\n{mistake}");
        assert!(mistake.contains(words), "{settings}\n{mistake}");
    }
}

#[test]
fn every_type_and_source_that_go_together_are_taken() {
    for (column_type, source) in [
        ("date", "from = 'sent_at'"),
        ("timestamp", "from = 'sent_at'"),
        ("timestamptz", "from = 'sent_at'"),
        ("int8", "from = 'sent_at'"),
        ("text", "from = 'message_id'"),
        ("varchar(100)", "from = 'message_id'"),
        ("uuid", "from = 'message_id'"),
        ("int2", "path = '/a'\nconvert = 'version_digits'"),
        ("int4", "path = '/a'\nconvert = 'version_ordered'"),
        ("int8", "path = '/a'\nconvert = 'version_ordered'"),
        ("date", "path = '/a'\nconvert = 'unix_seconds'"),
        ("timestamp", "path = '/a'\nconvert = 'unix_millis'"),
        ("timestamptz", "path = '/a'\nconvert = 'unix_millis'"),
        ("bytea", "path = '/a'\nconvert = 'hex'"),
        ("text", "path = '/a'\nmask = { domain = 'd' }"),
        (
            "varchar",
            "path = '/a'\nmask = { method = 'siv', domain = 'd', canonical = 'exact' }",
        ),
    ] {
        let text = with_column(&format!("name = 'c'\ntype = '{column_type}'\n{source}"));
        assert!(read(&text).is_ok(), "{text}\n{:?}", read(&text));
    }
}

#[test]
fn every_type_is_taken_from_a_field_of_the_event() {
    let names = "text, varchar, varchar(12), character varying(12), int2, smallint, int4, integer, \
                 int, int8, bigint, float8, double precision, numeric, numeric(5), decimal(5), \
                 decimal, bool, boolean, date, timestamp, timestamp without time zone, \
                 timestamptz, timestamp with time zone, uuid, inet, jsonb, bytea";
    for name in names.split(", ") {
        let text = with_column(&format!("name = 'c'\ntype = '{name}'\npath = '/a/b~1c'"));
        let pipeline = read(&text).unwrap().pipeline;
        let expected: ColumnType = name.parse().unwrap();
        let tokens = vec!["a".to_owned(), "b/c".to_owned()];
        assert_eq!(pipeline.columns[0].column_type, expected);
        assert_eq!(pipeline.columns[0].source, ColumnSource::Field(tokens));
        assert_eq!(pipeline.columns[0].conversion, Conversion::Natural);
    }
}

#[test]
fn a_column_without_its_three_parts_is_refused() {
    assert_refused(&[
        ("type = 'text'\npath = '/a'", ".name", "missing"),
        ("name = 'c'\npath = '/a'", ".type", "missing"),
        ("name = 'c'\ntype = 'text'", ".path", "missing"),
        ("name = ''\ntype = 'text'\npath = '/a'", ".name", "empty"),
        ("name = 'c'\ntype = ''\npath = '/a'", ".type", "empty"),
        ("name = 'c'\ntype = 'text'\npath = ''", ".path", "empty"),
        (
            "name = 1\ntype = 'text'\npath = '/a'",
            ".name",
            "an integer where a string is due",
        ),
        (
            "name = \"a\\u0000\"\ntype = 'text'\npath = '/a'",
            ".name",
            "NUL",
        ),
        (
            "name = 'c'\ntype = 'json'\npath = '/a'",
            ".type",
            "did you mean `jsonb`?",
        ),
        (
            "name = 'c'\ntype = 'varchar(0)'\npath = '/a'",
            ".type",
            "from 1 to 10485760",
        ),
        (
            "name = 'c'\ntype = 'text'\npath = 'a.b'",
            ".path",
            "\"/a/b\"",
        ),
        (
            "name = 'c'\ntype = 'text'\npath = '/a~'",
            ".path",
            "~0 for ~",
        ),
        (
            "name = 'c'\ntype = 'text'\npath = '/a'\nrequired = 'yes'",
            ".required",
            "true or false",
        ),
        (
            "name = 'c'\ntype = 'text'\npath = '/a'\nmaks = {}",
            ".maks",
            "did you mean `mask`?",
        ),
    ]);
    let long = format!("name = '{}'\ntype = 'text'\npath = '/a'", "é".repeat(32));
    assert_refused(&[(&long, ".name", "64 bytes")]);
}

#[test]
fn a_source_has_one_place_and_fits_the_type() {
    assert_refused(&[
        (
            "name = 'c'\ntype = 'date'\npath = '/a'\nfrom = 'sent_at'",
            ".from",
            "one place",
        ),
        (
            "name = 'c'\ntype = 'date'\nfrom = 'sent-at'",
            ".from",
            "did you mean `sent_at`?",
        ),
        (
            "name = 'c'\ntype = 'text'\nfrom = 'sent_at'",
            ".from",
            "not into text",
        ),
        (
            "name = 'c'\ntype = 'int4'\nfrom = 'sent_at'",
            ".from",
            "not into int4",
        ),
        (
            "name = 'c'\ntype = 'int8'\nfrom = 'message_id'",
            ".from",
            "not into int8",
        ),
    ]);
}

#[test]
fn a_conversion_fits_its_type_and_takes_a_field() {
    let column = |column_type: &str, convert: &str| {
        format!("name = 'c'\ntype = '{column_type}'\npath = '/a'\nconvert = '{convert}'")
    };
    for (column_type, convert, words) in [
        (
            "text",
            "version_digits",
            "int2, int4 and int8, not for text",
        ),
        (
            "numeric",
            "version_ordered",
            "int2, int4 and int8, not for numeric",
        ),
        (
            "int8",
            "unix_seconds",
            "date, timestamp and timestamptz, not for int8",
        ),
        (
            "text",
            "unix_millis",
            "date, timestamp and timestamptz, not for text",
        ),
        ("text", "hex", "bytea, not for text"),
        ("text", "upper", "there are version_digits"),
    ] {
        assert_refused(&[(&column(column_type, convert), ".convert", words)]);
    }
    let of_message = "name = 'c'\ntype = 'date'\nfrom = 'sent_at'\nconvert = 'unix_millis'";
    assert_refused(&[(of_message, ".convert", "only a field")]);
}

#[test]
fn a_masked_field_does_not_reach_another_column_in_clear() {
    let masked = "name = 'm'\ntype = 'text'\npath = '/user/email'\nmask = { domain = 'd' }\n";
    for leak in ["/user/email", "/user", "/user/email/host"] {
        let clear = format!("[[columns]]\nname = 'c'\ntype = 'jsonb'\npath = '{leak}'");
        let mistake = only_mistake(&with_column(&format!("{masked}{clear}")));
        assert!(mistake.starts_with("columns[1].path: "), "{mistake}");
        assert!(mistake.contains("column `m` masks (line 6)"), "{mistake}");
    }
    for fine in ["/user/email2", "/users", "/user/name"] {
        let clear = format!("[[columns]]\nname = 'c'\ntype = 'jsonb'\npath = '{fine}'");
        assert!(
            read(&with_column(&format!("{masked}{clear}"))).is_ok(),
            "{fine}"
        );
    }
}

#[test]
fn pipeline_and_columns_come_together_and_are_not_empty() {
    let column = "[[columns]]\nname = 'c'\ntype = 'text'\npath = '/a'\n";
    for (text, expected) in [
        (
            "[pipeline]\ntable = 't'".to_owned(),
            "columns: missing beside [pipeline]",
        ),
        (column.to_owned(), "pipeline: missing beside [[columns]]"),
        (
            "columns = []\n[pipeline]\ntable = 't'".to_owned(),
            "columns: empty; write [[columns]]",
        ),
        (
            "columns = 1\n[pipeline]\ntable = 't'".to_owned(),
            "columns: an integer where an array",
        ),
        (
            "columns = [1]\n[pipeline]\ntable = 't'".to_owned(),
            "columns[0]: an integer where a table",
        ),
        (
            "[columns]\n[pipeline]\ntable = 't'".to_owned(),
            "columns: a table where an array",
        ),
        (format!("[pipeline]\n{column}"), "pipeline.table: missing"),
        (
            format!("[pipeline]\ntable = 'a.b.c'\n{column}"),
            "pipeline.table: more than one dot",
        ),
        (
            format!("[pipeline]\ntable = 'a.'\n{column}"),
            "pipeline.table: an empty name",
        ),
        (
            format!("[pipeline]\ntable = 'Logins'\n{column}"),
            "pipeline.table: the table's name is",
        ),
        (
            format!("[pipeline]\nname = 'A'\ntable = 't'\n{column}"),
            "pipeline.name: no pipeline's",
        ),
        (
            format!("pipeline = 't'\n{column}"),
            "pipeline: a string where a table is due",
        ),
    ] {
        let mistake = only_mistake(&text);
        assert!(mistake.starts_with(expected), "{text}\n{mistake}");
    }
    let named = read(&format!(
        "[pipeline]\nname = 'l'\ntable = 'App.Logins'\n{column}"
    ))
    .unwrap();
    assert_eq!(named.pipeline.table.schema.as_deref(), Some("App"));
    assert_eq!(
        read(&format!("[pipeline]\ntable = 's.t_1'\n{column}"))
            .unwrap()
            .pipeline
            .name,
        "t_1"
    );
}

#[test]
fn connections_are_addresses_and_no_secret_is_repeated() {
    for (text, expected) in [
        ("queue = 'q'", "queue: a string where a table is due"),
        (
            "[queue]\nurl = ''",
            "queue.url: empty; write the queue's URL",
        ),
        (
            "[queue]\nurl = 'http://localhost/'",
            "queue.url: the URL does not end in a queue's name",
        ),
        (
            "[queue]\nendpoint_url = 'http://h?x=hunter2'",
            "queue.endpoint_url: this URL takes neither",
        ),
        (
            "[queue]\nregion = 'Frankfurt'",
            "queue.region: no AWS region",
        ),
        (
            "[queue]\nlongest_lease = 3600",
            "queue.longest_lease: an integer where a string is due",
        ),
        (
            "[queue]\nlongest_lease = '1 hour'",
            "queue.longest_lease: no duration; write a whole number and s, m, h or d",
        ),
        (
            "[queue]\nlongest_lease = '0s'",
            "queue.longest_lease: no time at all",
        ),
        (
            "[queue]\nlongest_lease = '43201s'",
            "queue.longest_lease: SQS hides a message for 12h at the most",
        ),
        (
            "[queue]\nmost_receivers = '64'",
            "queue.most_receivers: a string where an integer is due",
        ),
        (
            "[queue]\nmost_receivers = 0",
            "queue.most_receivers: not from 1 to 1000",
        ),
        (
            "[queue]\nmost_deleters = 1001",
            "queue.most_deleters: not from 1 to 1000",
        ),
        (
            "[queue]\nprotocol = 'jsn'",
            "queue.protocol: no protocol of SQS (did you mean `json`?); write \"auto\", \"json\" \
             or \"query\"",
        ),
        (
            "[queue]\nprotocol = true",
            "queue.protocol: a boolean where a string is due",
        ),
        (
            "[database]\nurl = 'mysql://joe:hunter2@h/x=1'",
            "database.url: neither a postgresql://",
        ),
        (
            "[database]\nurl = 1",
            "database.url: an integer where a string is due",
        ),
        ("[keyset]\nfile = ''", "keyset.file: empty"),
        (
            "[keyset]\nkey = 'hunter2'",
            "keyset.key: unknown key; known here: file",
        ),
    ] {
        let mistake = only_mistake(text);
        assert!(mistake.starts_with(expected), "{text}\n{mistake}");
        assert!(!mistake.contains("hunter2"));
    }
    let longest = read("[queue]\nlongest_lease = '12h'").unwrap();
    let longest = longest.queue.longest_lease.map(|time| time.as_secs());
    assert_eq!(longest, Some(43_200));
    let fleets = |text| read(text).unwrap().queue.fleets;
    let bounds = fleets("[queue]\nmost_receivers = 1\nmost_deleters = 1_000");
    assert_eq!((bounds.receivers, bounds.deleters), (1, 1_000));
    assert_eq!(
        fleets("[queue]\nregion = 'eu-central-1'"),
        Fleets::default()
    );
    for (protocol, meant) in [
        ("", None),
        ("protocol = 'auto'", None),
        ("protocol = 'json'", Some(Protocol::Json)),
        ("protocol = 'query'", Some(Protocol::Query)),
    ] {
        let read = read(&format!("[queue]\n{protocol}")).unwrap();
        assert_eq!(read.queue.protocol, meant, "{protocol}");
    }
    for url in [
        "host=/run/postgresql dbname=app",
        "postgres://h/app",
        "postgresql:///app",
    ] {
        let read = read(&format!("[database]\nurl = '{url}'")).unwrap();
        assert_eq!(read.database.url.as_deref(), Some(url));
    }
}
