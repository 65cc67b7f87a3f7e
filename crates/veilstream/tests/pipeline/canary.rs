//! Personal data that was planted is looked for wherever something was written.
//!
//! The server's own log is left out: for a row that it refuses, PostgreSQL quotes the row there
//! unless it is told not to, and that is its operator's decision.

use std::fs;

use base64::{
    Engine,
    engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD},
};
use serde_json::{Value, json};
use testkit::{Database, Finished, Scene};

use crate::{BINARY, assert_counted, event};

/// Everything that was written somewhere, and where.
pub(crate) struct Written(pub(crate) Vec<(String, String)>);

impl Written {
    /// Every row of every table of every schema, as text: bytea is in hexadecimal digits. Of
    /// PostgreSQL's own catalogue, the tables that keep values of other tables' rows.
    pub(crate) async fn in_tables(database: &Database) -> Self {
        let tables = "SELECT format('%I.%I', nspname, relname) FROM pg_class \
                      JOIN pg_namespace n ON n.oid = relnamespace \
                      WHERE relkind IN ('r', 'm') AND (nspname NOT IN ('pg_catalog', \
                      'information_schema') OR relname IN ('pg_statistic', \
                      'pg_statistic_ext_data', 'pg_largeobject')) ORDER BY 1";
        let client = database.connect().await;
        let mut written = Vec::new();
        for table in database.rows(tables).await.concat() {
            let table = table.unwrap();
            let sql = format!("SELECT one::text FROM {table} AS one");
            let rows = client.query(&sql, &[]).await.unwrap();
            let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
            let text = rows.join("\n").to_lowercase();
            // A UUID may be sixteen bytes of anything.
            written.push((table.clone(), text.replace('-', "")));
            written.push((table, text));
        }
        Self(written)
    }

    /// What runs of the binary have printed.
    fn by_runs(runs: &[Finished]) -> Self {
        let text = |run: &Finished| format!("{}\n{}", run.stdout, run.stderr).to_lowercase();
        let runs = runs.iter().map(|run| ("a run".to_owned(), text(run)));
        Self(runs.collect())
    }

    /// The first place that shows the canary, and how it is spelt there.
    pub(crate) fn find(&self, canary: &[u8]) -> Option<String> {
        let spellings = spellings(canary);
        self.0.iter().find_map(|(place, text)| {
            let spelling = spellings.iter().find(|one| text.contains(*one))?;
            Some(format!("{spelling} in {place}"))
        })
    }
}

/// A canary as it is, in hexadecimal digits, and in base64 wherever it may stand in a longer text;
/// all in small letters.
pub(crate) fn spellings(canary: &[u8]) -> Vec<String> {
    let digits = canary.iter().map(|byte| format!("{byte:02x}"));
    let mut spellings = vec![digits.collect::<Vec<_>>().concat()];
    spellings.extend(String::from_utf8(canary.to_owned()));
    for (bytes_before, characters_before) in [(0, 0), (1, 2), (2, 3)] {
        let mut text = vec![0; bytes_before];
        text.extend(canary);
        let whole_characters = text.len() * 8 / 6;
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            let encoded = engine.encode(&text);
            spellings.push(encoded[characters_before..whole_characters].to_owned());
        }
    }
    for spelling in &mut spellings {
        *spelling = spelling.to_lowercase();
    }
    spellings
}

#[tokio::test]
async fn planted_personal_data_is_in_no_table_and_no_output() {
    // GIVEN canaries in every place from which they could escape
    let scene = Scene::new(BINARY).await;
    let (ip, device) = ("203.0.113.217", "canary-device-7f3a9c21");
    scene.send(&event(&[
        ("user_id", json!("visible-user")),
        ("ip", json!(ip)),
        ("device_id", json!(device)),
        ("extra", json!({"deep": ["canary-extra-5e1d"]})),
    ]));
    let spelt_out = "2001:0DB8:00CA:00A2:0:0:5EC7:001D";
    scene.send(&event(&[("ip", json!(spelt_out))]));
    scene.send("canary-body-51bb20 {");
    scene.send(r#"{"canary-key-0c9f": "canary-stray-2b7e"}"#);
    let long = format!("canary-long-9d2e{}", "x".repeat(120));
    for (field, value) in [
        ("user_id", long.as_str()),
        ("ip", "canary-no-address-77aa"),
        ("app_version", "canary-version"),
        ("device_type", "canary-nul-\0"),
    ] {
        scene.send(&event(&[(field, json!(value))]));
    }
    // AND, for a second run, one in a row that PostgreSQL refuses
    let refused = event(&[
        ("user_id", json!("canary-refused-user-41d8")),
        ("ip", json!("203.0.113.218")),
        ("device_id", json!("canary-refused-device-6ac0")),
        ("locale", json!("XX")),
    ]);

    // WHEN everything is said that can be said
    let debug = scene.binary().with("VEILSTREAM_LOG", "debug");
    let run_once = ["run", "--once", "--output", "json"];
    let run = debug.run(&run_once).await;
    assert_counted(&run, [8, 2, 0, 6, 0, 8]);
    assert!(run.stderr.contains("DEBUG"), "{run:#?}");
    let no_xx = "ALTER TABLE user_logins ADD CONSTRAINT no_xx CHECK (locale <> 'XX')";
    scene.database.execute(no_xx).await;
    scene.send(&refused);
    let refusing = debug.run(&run_once).await;
    assert_counted(&refusing, [1, 0, 0, 1, 0, 1]);
    let entries = scene.quarantine().await;
    let named = |entry: &&Value| entry["sqlstate"] == "23514" && entry["column"] == "no_xx";
    assert_eq!(entries.iter().filter(named).count(), 1, "{entries:#?}");
    let runs = [
        run,
        refusing,
        debug.run(&["run", "--once"]).await,
        debug.run(&["check"]).await,
        debug.run(&["migrate"]).await,
        debug.run(&["quarantine", "list"]).await,
        debug.run(&["quarantine", "list", "--output", "json"]).await,
        debug.run(&["quarantine", "replay", "--all"]).await,
    ];

    // THEN none of it is anywhere
    let tables = Written::in_tables(&scene.database).await;
    let outputs = Written::by_runs(&runs);
    let address: std::net::Ipv6Addr = spelt_out.parse().unwrap();
    let shortest = address.to_string();
    let keyset: Value = serde_json::from_slice(&fs::read(scene.keyset()).unwrap()).unwrap();
    let root = keyset["keys"][0]["root"].as_str().unwrap();
    let root_bytes = STANDARD_NO_PAD.decode(root.trim_end_matches('=')).unwrap();
    let canaries: [&[u8]; 19] = [
        ip.as_bytes(),
        device.as_bytes(),
        b"canary-extra-5e1d",
        spelt_out.as_bytes(),
        shortest.as_bytes(),
        &address.octets(),
        b"canary-body-51bb20",
        b"canary-key-0c9f",
        b"canary-stray-2b7e",
        b"canary-long-9d2e",
        b"canary-no-address-77aa",
        b"canary-version",
        b"canary-nul-",
        b"canary-refused-user-41d8",
        b"203.0.113.218",
        b"canary-refused-device-6ac0",
        b"canary-",
        root.as_bytes(),
        &root_bytes,
    ];
    for canary in canaries {
        assert_eq!(tables.find(canary), None);
        assert_eq!(outputs.find(canary), None);
    }
}

#[tokio::test]
async fn the_search_finds_what_is_not_masked() {
    // GIVEN canaries in clear, in bytes and in base64 in the midst of something else
    let scene = Scene::new(BINARY).await;
    scene
        .database
        .execute(
            "CREATE SCHEMA hidden; CREATE TABLE hidden.control AS SELECT \
             'a canary-in-clear' AS clear, convert_to('a canary-in-bytes', 'UTF8') AS bytes, \
             encode('a canary-in-base64, and more', 'base64') AS text",
        )
        .await;
    scene.send(&event(&[("user_id", json!("canary-in-user"))]));
    let run = scene.run_once().await;
    assert_counted(&run, [1, 1, 0, 0, 0, 1]);

    // WHEN
    let tables = Written::in_tables(&scene.database).await;

    // THEN
    for canary in ["in-clear", "in-bytes", "in-base64", "in-user"] {
        let canary = format!("canary-{canary}");
        assert!(tables.find(canary.as_bytes()).is_some(), "{canary}");
    }
}
