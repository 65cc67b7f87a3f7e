//! Pipelines that a file describes.

use std::{fmt::Write, fs, path::PathBuf};

use serde_json::json;
use testkit::{Binary, Scene};

use crate::{BINARY, assert_counted, event, login, users};

const RUN_ONCE: [&str; 4] = ["run", "--once", "--output", "json"];

fn file(scene: &Scene, name: &str, text: &str) -> PathBuf {
    let path = scene.folder.path().join(name);
    fs::write(&path, text).unwrap();
    path
}

/// The binary with a configuration file named by its environment, the table migrated.
async fn configured(scene: &Scene, text: &str) -> Binary {
    let path = file(scene, "veilstream.toml", text);
    let binary = scene
        .binary()
        .with("VEILSTREAM_CONFIG", path.to_str().unwrap());
    let migrated = binary.run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    binary
}

/// Every type and conversion: type, further settings, JSON, and what PostgreSQL shows.
const EVERYTHING: [(&str, &str, &str, &str); 23] = [
    ("text", "", r#""süß \"\u2603\"\n""#, "süß \"\u{2603}\"\n"),
    ("text", "", "false", "false"),
    ("varchar", "", r#""any length""#, "any length"),
    ("varchar(8)", "", "12.50", "12.50"),
    ("int2", "", "-32768", "-32768"),
    ("int4", "", r#""2147483647""#, "2147483647"),
    ("int8", "", "-9223372036854775808", "-9223372036854775808"),
    ("float8", "", "1.5e-7", "1.5e-07"),
    (
        "numeric",
        "",
        "123456789012345678901234567890.5",
        "123456789012345678901234567890.5",
    ),
    ("numeric(12,2)", "", "129.90", "129.90"),
    ("bool", "", "true", "true"),
    ("date", "", r#""2026-02-28""#, "2026-02-28"),
    (
        "timestamp",
        "",
        r#""2026-02-28T12:34:56.789""#,
        "2026-02-28 12:34:56.789",
    ),
    (
        "timestamptz",
        "",
        r#""2026-02-28T12:34:56+02:00""#,
        "2026-02-28 10:34:56+00",
    ),
    (
        "uuid",
        "",
        r#""424CDD21-063A-43A7-B91B-7CA1A833AFAE""#,
        "424cdd21-063a-43a7-b91b-7ca1a833afae",
    ),
    ("inet", "", r#""192.0.2.1""#, "192.0.2.1/32"),
    (
        "jsonb",
        "",
        r#"{"b": [1, null], "a": "x"}"#,
        r#"{"a": "x", "b": [1, null]}"#,
    ),
    ("bytea", "", r#""wP/u""#, "\\xc0ffee"),
    ("bytea", "convert = \"hex\"", r#""c0ffee""#, "\\xc0ffee"),
    (
        "int4",
        "convert = \"version_ordered\"",
        r#""2.3.0""#,
        "2003000",
    ),
    ("int8", "convert = \"version_digits\"", r#""2.3.0""#, "230"),
    (
        "timestamptz",
        "convert = \"unix_millis\"",
        "1767225600500",
        "2026-01-01 00:00:00.5+00",
    ),
    (
        "date",
        "convert = \"unix_seconds\"",
        "1767225600",
        "2026-01-01",
    ),
];

#[tokio::test]
async fn every_type_and_conversion_is_loaded_from_nested_fields() {
    // GIVEN a column for each line of the table
    let mut config = "[pipeline]\nname = \"everything\"\ntable = \"everything\"\n".to_owned();
    let mut fields = Vec::new();
    for (place, (column_type, more, json, _)) in EVERYTHING.iter().enumerate() {
        write!(
            config,
            "[[columns]]\nname = \"c{place}\"\ntype = \"{column_type}\"\n\
             path = \"/deep/er/a~1b~0{place}\"\n{more}\n"
        )
        .unwrap();
        fields.push(format!(r#""a/b~{place}": {json}"#));
    }
    config += "[[columns]]\nname = \"message\"\ntype = \"uuid\"\nfrom = \"message_id\"\n";
    let scene = Scene::unmigrated(BINARY, &[]).await;
    let binary = configured(&scene, &config).await;
    let id = scene.send(&format!(
        r#"{{"deep": {{"er": {{{}}}}}}}"#,
        fields.join(", ")
    ));
    // AND an event without any of the fields, and one that has something else in their place
    let empty = scene.send(r#"{"deep": {"er": null}}"#);
    let shallow = scene.send(r#"{"deep": "er"}"#);

    // WHEN
    let run = binary.run(&RUN_ONCE).await;

    // THEN
    assert_counted(&run, [3, 3, 0, 0, 0, 3]);
    let shown: Vec<_> = (0..EVERYTHING.len())
        .map(|c| format!("c{c}::text"))
        .collect();
    let shown = shown.join(", ");
    let rows = async |id: &str| {
        let client = scene.database.connect().await;
        client.batch_execute("SET timezone = 'UTC'").await.unwrap();
        let sql = format!("SELECT {shown} FROM everything WHERE message = '{id}'");
        let row = client.query_one(&sql, &[]).await.unwrap();
        (0..EVERYTHING.len())
            .map(|column| row.get::<_, Option<String>>(column))
            .collect::<Vec<_>>()
    };
    let expected = EVERYTHING.map(|(.., shown)| Some(shown.to_owned()));
    assert_eq!(rows(&id).await, expected);
    for id in [empty, shallow] {
        assert!(rows(&id).await.iter().all(Option::is_none));
    }
}

#[tokio::test]
async fn a_flag_beats_the_environment_and_the_environment_beats_the_file() {
    // GIVEN a queue and a key set for each of the three
    let scene = Scene::new(BINARY).await;
    for level in ["file", "environment", "flag"] {
        scene.queue.create_queue(level, &[]).unwrap();
        scene.queue.send(level, &login(level)).unwrap();
        let keyset = scene.folder.path().join(format!("{level}.json"));
        let created = Binary::new(BINARY)
            .run(&["keys", "create", keyset.to_str().unwrap(), "--plaintext"])
            .await;
        assert_eq!(created.code, Some(0), "{created:#?}");
    }
    let config = format!(
        "[queue]\nurl = \"{}\"\n[database]\nurl = \"{}\"\n[keyset]\nfile = \"file.json\"\n",
        scene.queue.queue_url("file"),
        scene.database.url()
    );
    let config = file(&scene, "veilstream.toml", &config);
    let config = config.to_str().unwrap();
    let keyset = |level: &str| {
        let path = scene.folder.path().join(format!("{level}.json"));
        path.display().to_string()
    };
    let from_file = Binary::new(BINARY).with("VEILSTREAM_CONFIG", config);
    let environment = |binary: Binary| {
        binary
            .with(
                "VEILSTREAM_QUEUE_URL",
                &scene.queue.queue_url("environment"),
            )
            .with("VEILSTREAM_KEYSET", &keyset("environment"))
    };
    let with_environment = environment(Binary::new(BINARY).with("VEILSTREAM_CONFIG", config));
    // The flag's own file wins over one that is not even there.
    let with_flags = environment(Binary::new(BINARY).with("VEILSTREAM_CONFIG", "/nonexistent"));
    let (flag_url, flag_keyset) = (scene.queue.queue_url("flag"), keyset("flag"));
    let flags = [
        "--config",
        config,
        "--queue-url",
        &flag_url,
        "--keyset",
        &flag_keyset,
    ];

    // WHEN one more of them speaks each time
    let all = [&RUN_ONCE[..], &flags[..]].concat();
    let mut runs = Vec::new();
    for (binary, arguments) in [
        (&from_file, &RUN_ONCE[..]),
        (&with_environment, &RUN_ONCE),
        (&with_flags, &all),
    ] {
        // Each begins with another key set on the same table.
        let freed = scene.binary().run(&["migrate", "--new-key-set"]).await;
        assert_eq!(freed.code, Some(0), "{freed:#?}");
        runs.push(binary.run(arguments).await);
    }

    // THEN the strongest one names the queue and the key set
    for run in &runs {
        assert_counted(run, [1, 1, 0, 0, 0, 1]);
    }
    for level in ["file", "environment", "flag"] {
        assert_eq!(scene.queue.counts(level).unwrap().visible, 0);
        let token = format!("SELECT masked_ip::text FROM user_logins WHERE user_id = '{level}'");
        let token = scene.database.rows(&token).await[0].remove(0).unwrap();
        let unmasked = scene
            .binary()
            .run(&[
                "unmask",
                "--reason",
                "test",
                "--keyset",
                &keyset(level),
                &token,
            ])
            .await;
        assert_eq!(
            unmasked.stdout, "199.172.111.135\n",
            "{level} {unmasked:#?}"
        );
    }
}

#[tokio::test]
async fn every_mistake_in_a_file_is_told_at_once_with_its_line() {
    // GIVEN
    let scene = Scene::unmigrated(BINARY, &[]).await;
    let text = r#"[queue]
url = "login-queue"

[quarantine]
table = "bad"

[pipeline]
tabel = "user_logins"
table = "user_logins"

[[columns]]
name = "user_id"
type = "varchr(128)"
path = "/user_id"

[[columns]]
name = "masked_ip"
type = "varchar(20)"
path = "ip"
mask = { domain = "ip", method = "siv" }
"#;
    let path = file(&scene, "veilstream.toml", text);
    let config = ["--config", path.to_str().unwrap()];

    // WHEN
    let run = scene.binary().run(&[&["run"][..], &config].concat()).await;
    let check = scene
        .binary()
        .run(&[&["check"][..], &config].concat())
        .await;

    // THEN a run says it as its error, and a check in its report
    for (refused, told) in [(&run, &run.stderr), (&check, &check.stdout)] {
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        for mistake in [
            "veilstream.toml: 6 mistakes",
            "line 2: queue.url: ",
            "line 4: quarantine: unknown key",
            "line 8: pipeline.tabel: unknown key (did you mean `table`?)",
            "line 13: columns[0].type: ",
            "line 19: columns[1].path: ",
            "line 20: columns[1].mask: ",
        ] {
            assert!(told.contains(mistake), "{mistake} in {refused:#?}");
        }
    }
    assert_eq!(run.stdout, "");
}

#[tokio::test]
async fn schemas_and_names_that_need_quotes_are_loaded_into() {
    // GIVEN
    let scene = Scene::unmigrated(BINARY, &[]).await;
    scene
        .database
        .execute("CREATE SCHEMA \"Odd; Schema\"")
        .await;
    let config = r#"[pipeline]
name = "odd"
table = "Odd; Schema.Weird \"Table\""

[[columns]]
name = "User \"Id\", so to speak"
type = "text"
path = "/user id"
required = true

[[columns]]
name = "select"
type = "text"
path = "/ip"
mask = { domain = "ip" }
"#;
    let binary = configured(&scene, config).await;
    scene.send(r#"{"user id": "ann", "ip": "1.2.3.4"}"#);
    scene.send(r#"{"ip": "1.2.3.4"}"#);

    // WHEN
    let run = binary.run(&RUN_ONCE).await;

    // THEN
    assert_counted(&run, [2, 1, 0, 1, 0, 2]);
    let rows =
        r#"SELECT "User ""Id"", so to speak", "select" FROM "Odd; Schema"."Weird ""Table""""#;
    let rows = scene.database.rows(rows).await;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    assert_eq!(row[0].as_deref(), Some("ann"));
    assert_eq!(scene.unmask(row[1].as_deref().unwrap()).await, "1.2.3.4");
    let entries = scene.quarantine().await;
    assert_eq!(entries[0]["column"], json!("User \"Id\", so to speak"));
}

#[tokio::test]
async fn a_table_that_is_there_is_left_as_it_is_and_loaded_into() {
    // GIVEN a table with its columns in another order, other lengths, and some of its own
    let scene = Scene::unmigrated(BINARY, &[]).await;
    scene
        .database
        .execute(
            "CREATE TABLE user_logins (create_date date, note text, app_version integer, \
             locale text, masked_device_id varchar(300), masked_ip text, \
             loaded_at timestamptz NOT NULL DEFAULT now(), device_type varchar(7), \
             user_id varchar(10) NOT NULL)",
        )
        .await;
    let columns = "SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' \
                   ORDER BY attnum) FROM pg_attribute \
                   WHERE attrelid = 'user_logins'::regclass AND attnum > 0";
    let before = scene.database.rows(columns).await;
    let migrated = scene.binary().run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    assert!(migrated.stdout.contains("left as it is"), "{migrated:#?}");
    scene.send(&login("ann"));
    // The table's own length counts.
    scene.send(&login("somebody else"));
    scene.send(&event(&[
        ("user_id", json!("bob")),
        ("locale", json!("x".repeat(1_000))),
    ]));

    // WHEN
    let run = scene.run_once().await;

    // THEN
    assert_counted(&run, [3, 2, 0, 1, 0, 3]);
    assert_eq!(users(&scene).await, ["ann", "bob"]);
    assert_eq!(scene.database.rows(columns).await, before);
    let row = "SELECT concat_ws('|', note, app_version, locale, device_type) \
               FROM user_logins WHERE user_id = 'ann' AND loaded_at IS NOT NULL";
    let row = scene.database.rows(row).await.concat();
    assert_eq!(row, [Some("230|RU|android".to_owned())]);
    let entries = scene.quarantine().await;
    assert_eq!(entries[0]["reason"], json!("too_long"));
}
