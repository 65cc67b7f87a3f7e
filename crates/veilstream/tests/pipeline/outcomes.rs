//! Every kind of input and what becomes of it.

use serde_json::{Value, json};

use crate::{
    both_queues::{Stage, on_both_queues},
    event, login, reasons, users,
};

on_both_queues!(
    the_example_becomes_the_row_that_the_documentation_promises,
    a_run_sums_itself_up_in_one_line_of_json,
    what_is_no_json_object_is_quarantined_and_its_neighbours_are_loaded,
    a_missing_field_is_quarantined_and_its_column_is_named,
    an_ip_that_is_no_address_is_quarantined,
    what_does_not_become_its_column_s_type_is_quarantined,
    text_that_postgresql_cannot_store_is_quarantined,
    unusual_events_that_are_sound_are_loaded,
    equal_values_have_equal_tokens_however_they_are_spelt,
);

/// A message that SQS still takes.
const MEBIBYTE: usize = 1 << 20;

/// Puts each body into the queue beside two good events and asserts that a run quarantines all of
/// them for the reason that stands with them, and loads the good ones.
async fn assert_quarantined(stage: &Stage, cases: &[(String, &str, Option<&str>)]) {
    // GIVEN messages that are no rows, between good ones
    stage.send(&login("before")).await;
    let mut ids = Vec::new();
    for (body, ..) in cases {
        ids.push(stage.send(body).await);
    }
    stage.send(&login("behind")).await;

    // WHEN
    stage.assert_settles([2, cases.len() as u64]).await;

    // THEN each is in quarantine for its own reason, and its neighbours are loaded
    assert_eq!(users(&stage.scene).await, ["before", "behind"]);
    let reasons = reasons(&stage.scene).await;
    assert_eq!(reasons.len(), cases.len());
    for ((body, reason, column), id) in cases.iter().zip(&ids) {
        let expected = ((*reason).to_owned(), column.map(str::to_owned));
        let start: String = body.chars().take(200).collect();
        assert_eq!(reasons.get(id), Some(&expected), "{start}");
    }
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

async fn the_example_becomes_the_row_that_the_documentation_promises(stage: &Stage) {
    // GIVEN the message to the letter
    let today = "SELECT (now() AT TIME ZONE 'UTC')::date::text";
    let before = stage.scene.database.rows(today).await;
    stage
        .send(
            r#"{"user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0",
            "device_type": "android", "ip": "199.172.111.135", "locale": "RU",
            "device_id": "593-47-5928"}"#,
        )
        .await;
    let after = stage.scene.database.rows(today).await;

    // WHEN
    stage.assert_settles([1, 0]).await;

    // THEN
    let rows = stage
        .scene
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
    assert_eq!(stage.scene.unmask(row[5]).await, "199.172.111.135");
    assert_eq!(stage.scene.unmask(row[6]).await, "593-47-5928");
}

async fn a_run_sums_itself_up_in_one_line_of_json(stage: &Stage) {
    // GIVEN one event for each of two outcomes
    stage.send(&login("someone")).await;
    stage
        .send(r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#)
        .await;

    // WHEN
    let run = stage.assert_settles([1, 1]).await;

    // THEN the line has exactly the documented keys, and nothing else is on standard output
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

async fn what_is_no_json_object_is_quarantined_and_its_neighbours_are_loaded(stage: &Stage) {
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
    assert_quarantined(stage, &[&not_json[..], &not_an_object[..]].concat()).await;
}

async fn a_missing_field_is_quarantined_and_its_column_is_named(stage: &Stage) {
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
    assert_quarantined(stage, &cases).await;
}

async fn an_ip_that_is_no_address_is_quarantined(stage: &Stage) {
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
    assert_quarantined(
        stage,
        &with_field("ip", &no_addresses, "not_canonical", "masked_ip"),
    )
    .await;
}

async fn what_does_not_become_its_column_s_type_is_quarantined(stage: &Stage) {
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
    assert_quarantined(stage, &cases).await;
}

async fn text_that_postgresql_cannot_store_is_quarantined(stage: &Stage) {
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
    assert_quarantined(stage, &cases).await;
}

async fn unusual_events_that_are_sound_are_loaded(stage: &Stage) {
    // GIVEN
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
        stage.send(body).await;
    }

    // WHEN
    stage.assert_settles([10, 0]).await;

    // THEN
    let columns = "SELECT concat_ws('|', user_id, coalesce(device_type, 'NULL'), \
                   coalesce(locale, 'NULL'), coalesce(app_version::text, 'NULL')) \
                   FROM user_logins ORDER BY user_id COLLATE \"C\"";
    let rows = stage.scene.database.rows(columns).await.concat();
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
        let token = stage.scene.database.rows(&of(user, column)).await.concat();
        assert_eq!(
            stage.scene.unmask(token[0].as_deref().unwrap()).await,
            plain
        );
    }
}

async fn equal_values_have_equal_tokens_however_they_are_spelt(stage: &Stage) {
    // GIVEN one address in three spellings, and another one
    for ip in ["1.2.3.4", "::ffff:1.2.3.4", "::FFFF:102:304", "1.2.3.5"] {
        stage.send(&event(&[("ip", json!(ip))])).await;
    }

    // WHEN
    stage.assert_settles([4, 0]).await;

    // THEN
    let groups = "SELECT count(*)::text FROM user_logins GROUP BY masked_ip ORDER BY 1";
    let counts = stage.scene.database.rows(groups).await.concat();
    assert_eq!(counts, [Some("1".to_owned()), Some("3".to_owned())]);
    let devices = "SELECT count(DISTINCT masked_device_id) FROM user_logins";
    assert_eq!(stage.scene.database.count(devices).await, 1);
}
