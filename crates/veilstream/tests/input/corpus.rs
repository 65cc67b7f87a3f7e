//! Each body of the corpus goes through the real binary, with a good neighbour on either side.

use std::{collections::BTreeMap, fs};

use masking::Keyset;
use serde_json::json;
use testkit::{Finished, Scene};
use uuid::Uuid;

use crate::{
    BINARY,
    cases::{self, Body, CANARY, Case, Outcome},
    forger::{Forger, Forgery, Length},
};

/// A table with a column of each type.
const CONFIGURATION: &str = r#"columns = [
    { name = "message", type = "text", from = "message_id" },
    { name = "id", type = "text", path = "/id", required = true },
    { name = "note", type = "text", path = "/note" },
    { name = "short", type = "varchar(5)", path = "/short" },
    { name = "inner", type = "text", path = "/outer/inner" },
    { name = "escaped", type = "text", path = "/a\"b\\c\u00E9" },
    { name = "small", type = "smallint", path = "/small" },
    { name = "whole", type = "integer", path = "/whole" },
    { name = "big", type = "bigint", path = "/big" },
    { name = "real", type = "double precision", path = "/real" },
    { name = "number", type = "numeric", path = "/number" },
    { name = "money", type = "numeric(5,2)", path = "/money" },
    { name = "flag", type = "boolean", path = "/flag" },
    { name = "day", type = "date", path = "/day" },
    { name = "clock", type = "timestamp", path = "/clock" },
    { name = "at", type = "timestamptz", path = "/at" },
    { name = "key", type = "uuid", path = "/key" },
    { name = "net", type = "inet", path = "/net" },
    { name = "doc", type = "jsonb", path = "/doc" },
    { name = "raw", type = "bytea", path = "/raw" },
    { name = "secret", type = "text", path = "/secret", mask = { domain = "device_id" } },
    { name = "address", type = "text", path = "/address", mask = { domain = "ip", canonical = "ip" } },
]
[pipeline]
name = "corpus"
table = "corpus"
"#;

type Row = BTreeMap<String, String>;

/// What was put into the queue: the id of each case's message, and how many good ones there are.
struct Sent {
    ids: Vec<String>,
    good: usize,
}

#[tokio::test(flavor = "multi_thread")]
async fn every_nasty_body_ends_where_it_belongs_and_its_neighbours_are_loaded() {
    // GIVEN a corpus, each body between two good ones
    let cases = cases::all();
    assert!(cases.len() >= 300, "{}", cases.len());
    let scene = Scene::unmigrated(BINARY, &[("VisibilityTimeout", "600")]).await;
    let path = scene.folder.path().join("corpus.toml");
    fs::write(&path, CONFIGURATION).unwrap();
    let (sent, forgeries) = send(&scene, &cases);
    let forger = Forger::start(&scene, forgeries, Length::Stated).await;

    // WHEN the real binary takes it
    let binary = scene
        .binary()
        .with("VEILSTREAM_CONFIG", &path.display().to_string())
        .with("VEILSTREAM_QUEUE_URL", &forger.queue_url());
    let migrated = binary.run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    let arguments = ["run", "--once", "--no-reject-limit", "--output", "json"];
    let run = binary.run(&arguments).await;

    // THEN each is in the one place where it should be, whole
    let (mut rows, quarantined) = (rows(&scene).await, quarantine(&scene).await);
    let mut wrong = Vec::new();
    for (case, id) in cases.iter().zip(&sent.ids) {
        let found = match (rows.remove(id), quarantined.get(id)) {
            (Some(row), None) => Found::Row(row),
            (None, Some((reason, column, original))) => {
                assert_eq!(&original[..], case.bytes(), "{}: the original", case.name);
                Found::Quarantined(reason.clone(), column.clone())
            }
            (None, None) => Found::Left,
            (Some(_), Some(_)) => panic!("{} is in two places", case.name),
        };
        if found != Found::expected(&case.outcome) {
            wrong.push(format!(
                "{}: {found:.300?}, not {:.300?}",
                case.name, case.outcome
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} wrong:\n{}\n{run:#?}",
        wrong.len(),
        wrong.join("\n")
    );
    assert_eq!(rows.len(), sent.good, "good neighbours");
    assert!(rows.values().all(|row| row["id"].starts_with("good-")));

    // AND the books balance, and nothing of them was said
    assert_books(&run, &scene, &cases, sent.good);
    for secret in [CANARY, "DROP TABLE", "forge-", "\u{202e}"] {
        assert!(!run.stderr.contains(secret), "{secret:?} in {}", run.stderr);
    }
    assert!(!run.stderr.contains("panicked"), "{}", run.stderr);
}

#[derive(Debug, PartialEq)]
enum Found {
    Row(Row),
    Quarantined(String, Option<String>),
    Left,
}

impl Found {
    fn expected(outcome: &Outcome) -> Self {
        match outcome {
            Outcome::Loaded(fields) => {
                let fields = fields.iter();
                Self::Row(
                    fields
                        .map(|(name, text)| ((*name).to_owned(), text.clone()))
                        .collect(),
                )
            }
            Outcome::Quarantined(reason, column) => {
                Self::Quarantined((*reason).to_owned(), column.map(str::to_owned))
            }
            Outcome::Left => Self::Left,
        }
    }
}

/// Good and nasty messages by turns.
fn send(scene: &Scene, cases: &[Case]) -> (Sent, Vec<Forgery>) {
    let mut sent = Sent {
        ids: Vec::new(),
        good: 0,
    };
    let mut forgeries = Vec::new();
    let mut send_good = || {
        scene.send(&json!({"id": format!("good-{}", sent.good), "secret": CANARY}).to_string());
        sent.good += 1;
    };
    for case in cases {
        send_good();
        sent.ids.push(match &case.body {
            Body::Sent(text) => scene.send(text),
            Body::Forged(forgery, _) => {
                forgeries.push(forgery.clone());
                scene.send(&Forgery::placeholder(forgeries.len() - 1))
            }
        });
    }
    send_good();
    (sent, forgeries)
}

fn assert_books(run: &Finished, scene: &Scene, cases: &[Case], good: usize) {
    assert_eq!(run.code, Some(0), "{run:#?}");
    let count = |is: fn(&Outcome) -> bool| cases.iter().filter(|case| is(&case.outcome)).count();
    let loaded = good + count(|outcome| matches!(outcome, Outcome::Loaded(_)));
    let quarantined = count(|outcome| matches!(outcome, Outcome::Quarantined(..)));
    let left = count(|outcome| matches!(outcome, Outcome::Left));
    let names = [
        "received",
        "loaded",
        "duplicates",
        "quarantined",
        "left",
        "deleted",
    ];
    let settled = loaded + quarantined;
    let expected = [settled + left, loaded, 0, quarantined, left, settled];
    let counted = names.map(|name| usize::try_from(run.total(name)).unwrap());
    assert_eq!(counted, expected, "{names:?} {run:#?}");
    assert_eq!(scene.queued(), left);
}

/// What was loaded by message id: each column that is not null as text, tokens opened.
async fn rows(scene: &Scene) -> BTreeMap<String, Row> {
    let mut unmasker = keyset(scene).unmasker();
    let client = scene.database.connect().await;
    let names = "SELECT string_agg(format('%I::text', column_name), ',' ORDER BY ordinal_position), \
                 array_agg(column_name::text ORDER BY ordinal_position) \
                 FROM information_schema.columns WHERE table_name = 'corpus'";
    let columns = client.query_one(names, &[]).await.unwrap();
    let (list, names): (String, Vec<String>) = (columns.get(0), columns.get(1));
    let settings = "SET TIME ZONE 'UTC'; SET bytea_output = 'hex'; SET datestyle = 'ISO'";
    client.batch_execute(settings).await.unwrap();
    let rows = client
        .query(&format!("SELECT {list} FROM corpus"), &[])
        .await;
    let rows = rows.unwrap().into_iter().map(|row| {
        let mut fields = Row::new();
        for (place, name) in names.iter().enumerate() {
            let Some(mut text) = row.get::<_, Option<String>>(place) else {
                continue;
            };
            if name == "secret" || name == "address" {
                text = unmasker.unmask(&text).unwrap().value.to_string();
            }
            fields.insert(name.clone(), text);
        }
        (fields.remove("message").unwrap(), fields)
    });
    rows.collect()
}

/// What is in quarantine by message id: reason, column and the original, opened.
async fn quarantine(scene: &Scene) -> BTreeMap<String, (String, Option<String>, Vec<u8>)> {
    let mut sealer = keyset(scene).sealer();
    let client = scene.database.connect().await;
    let entries = "SELECT message_id, reason, column_name, id, queue_arn, key_id, nonce, sealed \
                   FROM veilstream.quarantine";
    let entries = client.query(entries, &[]).await.unwrap().into_iter();
    let opened = entries.map(|entry| {
        let (id, arn): (Uuid, String) = (entry.get(3), entry.get(4));
        let key_id = u32::try_from(entry.get::<_, i64>(5)).unwrap();
        let (nonce, sealed): (Vec<u8>, Vec<u8>) = (entry.get(6), entry.get(7));
        let place = [id.as_bytes(), arn.as_bytes()];
        let original = sealer.open(key_id, &nonce.try_into().unwrap(), &place, &sealed);
        let original = original.unwrap().to_vec();
        (entry.get(0), (entry.get(1), entry.get(2), original))
    });
    opened.collect()
}

fn keyset(scene: &Scene) -> Keyset {
    Keyset::from_json(&fs::read(scene.keyset()).unwrap()).unwrap()
}
