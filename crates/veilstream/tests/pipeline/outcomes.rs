//! Every kind of input and what becomes of it.

use serde_json::{Value, json};
use testkit::Scene;

use crate::{BINARY, assert_counted, event, login, reasons, users};

/// A message that SQS still takes.
const MEBIBYTE: usize = 1 << 20;

/// Puts each body into the queue beside two good events and asserts that a run quarantines all of
/// them for the reason that stands with them, and loads the good ones.
async fn assert_quarantined(cases: &[(String, &str, Option<&str>)]) {
    // GIVEN messages that are no rows, between good ones
    let scene = Scene::new(BINARY).await;
    scene.send(&login("before"));
    let ids: Vec<_> = cases.iter().map(|(body, ..)| scene.send(body)).collect();
    scene.send(&login("behind"));

    // WHEN
    let run = scene.run_once().await;

    // THEN each is in quarantine for its own reason, and its neighbours are loaded
    let bad = cases.len() as u64;
    assert_counted(&run, [bad + 2, 2, 0, bad, 0, bad + 2]);
    assert_eq!(users(&scene).await, ["before", "behind"]);
    let reasons = reasons(&scene).await;
    assert_eq!(reasons.len(), cases.len());
    for ((body, reason, column), id) in cases.iter().zip(&ids) {
        let expected = ((*reason).to_owned(), column.map(str::to_owned));
        let start: String = body.chars().take(200).collect();
        assert_eq!(reasons.get(id), Some(&expected), "{start}");
    }
    assert_eq!(scene.queued(), 0);
}

/// The example with one field set to each of the values.
fn with_field<'c>(
    field: &str,
    values: &[Value],
    reason: &'c str,
    column: &'c str,
) -> Vec<(String, &'c str, Option<&'c str>)> {
    let case = |value: &Value| (event(&[(field, value.clone())]), reason, Some(column));
    values.iter().map(case).collect()
}

#[tokio::test]
async fn the_example_becomes_the_row_that_the_documentation_promises() {
    // GIVEN the message to the letter
    let scene = Scene::new(BINARY).await;
    let today = "SELECT (now() AT TIME ZONE 'UTC')::date::text";
    let before = scene.database.rows(today).await;
    scene.send(
        r#"{"user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0",
            "device_type": "android", "ip": "199.172.111.135", "locale": "RU",
            "device_id": "593-47-5928"}"#,
    );
    let after = scene.database.rows(today).await;

    // WHEN
    let run = scene.run_once().await;

    // THEN
    assert_counted(&run, [1, 1, 0, 0, 0, 1]);
    let rows = scene
        .database
        .rows(
            "SELECT user_id::text, device_type::text, locale::text, app_version::text, \
             create_date::text, masked_ip::text, masked_device_id::text FROM user_logins",
        )
        .await;
    let [row] = &rows[..] else { panic!("{rows:?}") };
    let row: Vec<&str> = row.iter().map(|cell| cell.as_deref().unwrap()).collect();
    let id = "424cdd21-063a-43a7-b91b-7ca1a833afae";
    assert_eq!(row[..4], [id, "android", "RU", "230"]);
    let sent_on = Some(row[4].to_owned());
    assert!([&before[0][0], &after[0][0]].contains(&&sent_on), "{row:?}");
    assert!(row[5..].iter().all(|token| token.starts_with("vs1s.")));
    assert_eq!(scene.unmask(row[5]).await, "199.172.111.135");
    assert_eq!(scene.unmask(row[6]).await, "593-47-5928");
    assert_eq!(scene.queued(), 0);
}

#[tokio::test]
async fn a_run_sums_itself_up_in_one_line_of_json() {
    // GIVEN one event for each of two outcomes
    let scene = Scene::new(BINARY).await;
    scene.send(&login("someone"));
    scene.send(r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#);

    // WHEN
    let run = scene.run_once().await;

    // THEN the line has exactly the documented keys, and nothing else is on standard output
    assert_counted(&run, [2, 1, 0, 1, 0, 2]);
    assert_eq!(run.stdout.lines().count(), 1, "{run:#?}");
    let summary = run.summary();
    let mut keys: Vec<_> = summary.as_object().unwrap().keys().collect();
    keys.sort();
    assert_eq!(
        keys,
        [
            "deleted",
            "duplicates",
            "left",
            "loaded",
            "quarantined",
            "received",
            "seconds"
        ]
    );
    assert!(summary["seconds"].as_f64().unwrap() > 0.0);
}

#[tokio::test]
async fn what_is_no_json_object_is_quarantined_and_its_neighbours_are_loaded() {
    let lone_surrogate = r#"{"user_id": "\ud800", "ip": "1.2.3.4", "device_id": "d"}"#;
    let deep_objects = r#"{"a":"#.repeat(MEBIBYTE / 5);
    let deep_in_good = format!(
        r#"{{"user_id": "u", "ip": "1.2.3.4", "device_id": "d", "extra": {}{}}}"#,
        "[".repeat(10_000),
        "]".repeat(10_000)
    );
    let not_json = [
        "oops",
        " ",
        "{",
        r#"{"user_id": "u",}"#,
        r#"{"user_id": NaN}"#,
        "{} {}",
        "\u{feff}{}",
        lone_surrogate,
        &"[".repeat(MEBIBYTE),
        &deep_objects,
        &deep_in_good,
    ];
    let not_an_object = [
        "[]",
        r#"["user_id"]"#,
        "123",
        "-0.5e3",
        r#""text""#,
        "true",
        "null",
    ];
    let not_json = not_json.map(|body| (body.to_owned(), "not_json", None));
    let not_an_object = not_an_object.map(|body| (body.to_owned(), "not_an_object", None));
    assert_quarantined(&[&not_json[..], &not_an_object[..]].concat()).await;
}

#[tokio::test]
async fn a_missing_field_is_quarantined_and_its_column_is_named() {
    let mut cases = vec![(
        r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#.to_owned(),
        "missing_field",
        Some("user_id"),
    )];
    for (field, column) in [
        ("user_id", "user_id"),
        ("ip", "masked_ip"),
        ("device_id", "masked_device_id"),
    ] {
        let mut absent: Value = serde_json::from_str(&event(&[])).unwrap();
        absent.as_object_mut().unwrap().remove(field);
        for body in [absent.to_string(), event(&[(field, Value::Null)])] {
            cases.push((body, "missing_field", Some(column)));
        }
    }
    assert_quarantined(&cases).await;
}

#[tokio::test]
async fn an_ip_that_is_no_address_is_quarantined() {
    let no_addresses = [
        json!("010.1.1.1"),
        json!("fe80::1%eth0"),
        json!("1.2.3"),
        json!(""),
        json!("1.2.3.4/32"),
        json!("1.2.3.4:80"),
        json!("example.org"),
        json!(16_909_060),
    ];
    assert_quarantined(&with_field(
        "ip",
        &no_addresses,
        "not_canonical",
        "masked_ip",
    ))
    .await;
}

#[tokio::test]
async fn what_does_not_become_its_column_s_type_is_quarantined() {
    let no_versions = [
        json!("abc"),
        json!(""),
        json!("2147483648"),
        json!("99999999999999999999999"),
        json!(2_147_483_648_u64),
        json!(true),
        json!(["2", "3"]),
        json!({"major": 2}),
    ];
    let no_text = [json!(["RU"]), json!({"locale": "RU"})];
    let mut cases = with_field("app_version", &no_versions, "bad_conversion", "app_version");
    for (field, column) in [
        ("user_id", "user_id"),
        ("locale", "locale"),
        ("ip", "masked_ip"),
        ("device_id", "masked_device_id"),
    ] {
        cases.extend(with_field(field, &no_text, "bad_conversion", column));
    }
    assert_quarantined(&cases).await;
}

#[tokio::test]
async fn text_that_postgresql_cannot_store_is_quarantined() {
    let long = json!("u".repeat(129));
    let long_in_characters = json!("ü".repeat(129));
    let mut cases = with_field(
        "user_id",
        &[long, long_in_characters],
        "too_long",
        "user_id",
    );
    // A token of it would not fit its column.
    let long_device = json!("d".repeat(168));
    cases.extend(with_field(
        "device_id",
        &[long_device],
        "too_long",
        "masked_device_id",
    ));
    for (field, column) in [
        ("user_id", "user_id"),
        ("locale", "locale"),
        ("device_id", "masked_device_id"),
    ] {
        cases.extend(with_field(field, &[json!("a\0b")], "nul_in_text", column));
    }
    assert_quarantined(&cases).await;
}

#[tokio::test]
async fn unusual_events_that_are_sound_are_loaded() {
    // GIVEN
    let scene = Scene::new(BINARY).await;
    let bodies = [
        event(&[("user_id", json!("a")), ("app_version", json!(230))]),
        event(&[
            ("user_id", json!("b")),
            ("app_version", json!("v2.3.0-rc1")),
        ]),
        event(&[
            ("user_id", json!("c")),
            ("app_version", json!(2_147_483_647)),
        ]),
        // A number and a boolean keep their JSON spelling in text.
        r#"{"user_id": 1.50, "ip": "1.2.3.4", "device_id": 7, "locale": true}"#.to_owned(),
        event(&[
            ("user_id", json!("d")),
            ("locale", Value::Null),
            ("device_type", Value::Null),
            ("app_version", Value::Null),
        ]),
        r#"{"user_id": "e", "ip": "1.2.3.4", "device_id": ""}"#.to_owned(),
        // Keys twice: the last one wins.
        r#"{"user_id": "not f", "ip": "x", "device_id": "d", "ip": "::1", "user_id": "f"}"#
            .to_owned(),
        event(&[
            ("user_id", json!("g")),
            ("unknown", json!({"user_id": "x", "ip": [1, 2]})),
        ]),
        event(&[("user_id", json!("ü".repeat(128)))]),
        "\n\t { \"user_id\" : \"\\u0068\" , \"ip\":\"1.2.3.4\",\"device_id\":\"d\"}\r\n".to_owned(),
    ];
    for body in &bodies {
        scene.send(body);
    }

    // WHEN
    let run = scene.run_once().await;

    // THEN
    assert_counted(&run, [10, 10, 0, 0, 0, 10]);
    let columns = "SELECT concat_ws('|', user_id, coalesce(device_type, 'NULL'), \
                   coalesce(locale, 'NULL'), coalesce(app_version::text, 'NULL')) \
                   FROM user_logins ORDER BY user_id COLLATE \"C\"";
    let rows = scene.database.rows(columns).await.concat();
    let rows: Vec<_> = rows.iter().map(|row| row.as_deref().unwrap()).collect();
    let longest = format!("{}|android|RU|230", "ü".repeat(128));
    assert_eq!(
        rows,
        [
            "1.50|NULL|true|NULL",
            "a|android|RU|230",
            "b|android|RU|2301",
            "c|android|RU|2147483647",
            "d|NULL|NULL|NULL",
            "e|NULL|NULL|NULL",
            "f|NULL|NULL|NULL",
            "g|android|RU|230",
            "h|NULL|NULL|NULL",
            &longest,
        ]
    );
    let of = |user: &str, column: &str| {
        format!("SELECT {column}::text FROM user_logins WHERE user_id = '{user}'")
    };
    for (user, column, plain) in [
        ("f", "masked_ip", "::1"),
        ("e", "masked_device_id", ""),
        ("1.50", "masked_device_id", "7"),
    ] {
        let token = scene.database.rows(&of(user, column)).await.concat();
        assert_eq!(scene.unmask(token[0].as_deref().unwrap()).await, plain);
    }
}

#[tokio::test]
async fn equal_values_have_equal_tokens_however_they_are_spelt() {
    // GIVEN one address in three spellings, and another one
    let scene = Scene::new(BINARY).await;
    for ip in ["1.2.3.4", "::ffff:1.2.3.4", "::FFFF:102:304", "1.2.3.5"] {
        scene.send(&event(&[("ip", json!(ip))]));
    }

    // WHEN
    let run = scene.run_once().await;

    // THEN
    assert_counted(&run, [4, 4, 0, 0, 0, 4]);
    let groups = "SELECT count(*)::text FROM user_logins GROUP BY masked_ip ORDER BY 1";
    let counts = scene.database.rows(groups).await.concat();
    assert_eq!(counts, [Some("1".to_owned()), Some("3".to_owned())]);
    let devices = "SELECT count(DISTINCT masked_device_id) FROM user_logins";
    assert_eq!(scene.database.count(devices).await, 1);
}
