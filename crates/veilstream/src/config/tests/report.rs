//! How mistakes are told: all at once, each with its line and path.

use std::path::Path;

use proptest::prelude::*;

use super::{mistakes, read};
use crate::config::builtin::LOGINS_TOML;
use crate::config::{Configuration, ConfigurationError};

/// Every numbered line has one mistake.
const PLANTED: &str = r#"
qeueu = 1                                             # line 2
[queue]
url = "postgresql://joe:hunter2@localhost/q"          # line 4
endpoint_url = "localhost:4566"                       # line 5
region = 7                                            # line 6

[database]
url = "hunter2"                                       # line 9
password = "hunter2"                                  # line 10

[pipeline]
tabel = "user_logins"                                 # line 13, and no table: line 12

[[columns]]
name = "user_id"
type = "varchr(128)"                                  # line 17
path = "user_id"                                      # line 18

[[columns]]
name = "user_id"                                      # line 21
type = "text"
path = "/a"
required = "yes"                                      # line 24

[[columns]]                                           # no name: line 26
type = "integer"
path = "/ip"
mask = { domain = "IP", canonical = "ipv4" }          # line 29, twice

[[columns]]
name = "create_date"
type = "inet"
from = "sent_at"                                      # line 34
convert = "unix_milis"                                # line 35, twice
"#;

const REPORT: &str = r#"/etc/veilstream/veilstream.toml: 18 mistakes
  line 2: qeueu: unknown key (did you mean `queue`?); known here: queue, database, keyset, admin, pipeline, columns
  line 4: queue.url: this is no http:// or https:// URL; write the queue's URL, as in "https://sqs.eu-central-1.amazonaws.com/123456789012/login-queue"
  line 5: queue.endpoint_url: this is no http:// or https:// URL; write the address of the SQS service, as in "http://localhost:4566"
  line 6: queue.region: an integer where a string is due; write an AWS region, as in "eu-central-1"
  line 9: database.url: neither a postgresql:// URI nor key=value pairs; write a connection URI, as in "postgresql://veilstream@db.example.com/app?sslmode=verify-full"
  line 10: database.password: unknown key; known here: url
  line 12: pipeline.table: missing; write the table's name, as in "user_logins" or "my_schema.user_logins"
  line 13: pipeline.tabel: unknown key (did you mean `table`?); known here: name, table, identity, identity_retention, on_reject, reject_limit
  line 17: columns[0].type: `varchr(128)` is no type that can be loaded (did you mean `varchar`?); there are text, varchar, varchar(n), int2, int4, int8, float8, numeric, numeric(precision,scale), bool, date, timestamp, timestamptz, uuid, inet, jsonb, bytea
  line 18: columns[0].path: a path is a JSON Pointer and starts with a slash; write it as in "/user_id"
  line 21: columns[1].name: a second column of that name, after line 16; remove one
  line 24: columns[1].required: a string where a boolean is due; write true or false, without quotes
  line 26: columns[2].name: missing; write the column's name in the table, as in "user_id"
  line 29: columns[2].mask.domain: `IP`: a domain is named by a lower-case letter, then up to 62 lower-case letters, digits, `_` or `-`
  line 29: columns[2].mask.canonical: `ipv4`: no such canonical form; there are: exact, ip, email, uuid, phone, text
  line 34: columns[3].from: sent_at is a time and goes into date, timestamp, timestamptz or int8, not into inet
  line 35: columns[3].convert: `unix_milis` is no conversion (did you mean `unix_millis`?); there are version_digits, version_ordered, unix_seconds, unix_millis, hex; without one the column's type decides
  line 35: columns[3].convert: only a field of the event is converted; remove it, or from"#;

#[test]
fn every_planted_mistake_is_told_once_with_its_line_and_path() {
    let report = read(PLANTED).unwrap_err().to_string();
    assert_eq!(report, REPORT);
    assert!(!report.contains("hunter2"));
}

#[test]
fn text_that_is_no_toml_is_told_with_what_stands_before_it_and_no_guesses_after() {
    let text = "[queue]\nregion = 1\nurl = \"http://localhost/1/q\n[pipeline]\nname = 7";
    let told: Vec<_> = mistakes(text).iter().map(ToString::to_string).collect();
    assert_eq!(
        told[0],
        "line 2: queue.region: an integer where a string is due; write an AWS region, as in \"eu-central-1\""
    );
    assert!(told[1].starts_with("line 3: not TOML: "), "{told:?}");
    assert!(
        told[1..].iter().all(|line| line.contains("not TOML")),
        "{told:?}"
    );
}

#[test]
fn text_that_is_no_toml_is_never_repeated() {
    for secret in [
        "hunter2",
        "1hunter2",
        "1979-hunter2",
        "\"\\hunter2\"",
        "'hunter2",
        "{ hunter2 }",
    ] {
        let told = read(&format!("[database]\nurl = {secret}\n"))
            .unwrap_err()
            .to_string();
        assert!(told.contains("line 2: not TOML: "), "{secret}: {told}");
        assert!(!told.contains("hunter"), "{secret}: {told}");
    }
}

#[test]
fn a_key_that_is_there_twice_is_told_beside_the_other_mistakes() {
    let text = "[queue]\nregion = 'a'\nregion = 'b'\n[pipeline]\ntable = 7\n[[columns]]\n\
                name = 'c'\ntype = 'text'\npath = '/a'";
    let told = mistakes(text);
    assert_eq!(told.len(), 2, "{told:#?}");
    assert_eq!((told[0].line, told[0].column), (3, 1));
    assert!(told[0].problem.contains("twice"));
    assert_eq!((told[1].line, told[1].path.as_str()), (5, "pipeline.table"));
}

#[test]
fn columns_of_the_place_are_counted_in_characters() {
    let told = mistakes(
        "columns = [{ name = 'é', nmae = 1, type = 'text', path = '/a' }]\n[pipeline]\ntable = 't'",
    );
    assert_eq!((told[0].line, told[0].column), (1, 26));
    assert_eq!(told[0].path, "columns[0].nmae");
}

#[test]
fn strange_keys_are_told_shortened_and_escaped() {
    let text = format!("\"a\\nb\" = 1\n'{}' = 2", "x".repeat(500));
    let told = mistakes(&text);
    assert_eq!(told[0].path, "\"a\\nb\"");
    assert_eq!(told[1].path, format!("\"{}\"", "x".repeat(63)));
}

#[test]
fn a_file_that_cannot_be_read_is_told_by_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("veilstream.toml");
    let error = Configuration::from_file(&path).unwrap_err();
    assert!(matches!(error, ConfigurationError::Unreadable { .. }));
    assert!(error.to_string().contains("veilstream.toml"));

    std::fs::write(&path, b"[keyset]\nfile = \"\xff\"").unwrap();
    let told = Configuration::from_file(&path).unwrap_err().to_string();
    assert!(told.ends_with(": 1 mistake\n  line 2: not UTF-8; save the file with that encoding"));

    std::fs::write(&path, vec![b'#'; 1024 * 1024 + 1]).unwrap();
    let told = Configuration::from_file(&path).unwrap_err().to_string();
    assert!(told.contains("more than 1 MiB"), "{told}");

    std::fs::write(&path, "[keyset]\nfile = \"keys.json\"").unwrap();
    let configuration = Configuration::from_file(&path).unwrap();
    assert_eq!(configuration.keyset, Some(folder.path().join("keys.json")));
}

/// Texts that look enough like a configuration to get past the parser.
fn nearly_configurations() -> impl Strategy<Value = String> {
    let lines: Vec<&'static str> = PLANTED.lines().chain(LOGINS_TOML.lines()).collect();
    let line = prop_oneof![4 => proptest::sample::select(lines).prop_map(str::to_owned), 1 => ".*"];
    proptest::collection::vec(line, 0..40).prop_map(|lines| lines.join("\n"))
}

fn is_taken_or_told(text: &str) {
    match Configuration::from_toml(text, Path::new("x.toml")) {
        Ok(configuration) => assert!(!configuration.pipeline.columns.is_empty()),
        Err(ConfigurationError::Mistakes { mistakes, .. }) => {
            assert!(!mistakes.is_empty());
            let lines = text.matches('\n').count() + 1;
            assert!(
                mistakes
                    .iter()
                    .all(|mistake| (1..=lines).contains(&mistake.line))
            );
        }
        Err(ConfigurationError::Unreadable { .. }) => panic!("nothing was to be read"),
    }
}

proptest! {
    #[test]
    fn any_text_is_taken_or_its_mistakes_are_told(text in any::<String>()) {
        is_taken_or_told(&text);
    }

    #[test]
    fn any_shuffled_configuration_is_taken_or_its_mistakes_are_told(text in nearly_configurations()) {
        is_taken_or_told(&text);
    }
}
