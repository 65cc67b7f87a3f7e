//! `veilstream plan`: what a run would do, without doing it.

use serde_json::{Value, json};
use testkit::{QUEUE, Scene, eventually};

use crate::{BINARY, assert_covered, assert_refused, received_before};

const PLAN: [&str; 3] = ["plan", "--output", "json"];
const CANARIES: [&str; 4] = ["canary", "Canary", "203.0.113", "593-47-"];

/// A login with canaries wherever people can be.
fn login(number: usize, locale: &str) -> Value {
    json!({
        "user_id": format!("424cdd21-063a-43a7-b91b-7ca1a833af{number:02}"), "app_version": "2.3.0",
        "device_type": "android", "ip": format!("203.0.113.{number}"), "locale": locale,
        "device_id": format!("593-47-59{number:02}"),
        "contact": {"mail": format!("canary{number}@example.com"), "note": "Canary said so"},
        "seen": {format!("canary{number}@example.org"): ["canary"]},
    })
}

/// Six logins, one of them with an address for a locale, and three messages that are no rows.
fn send_all(scene: &Scene) {
    for number in 0..5 {
        scene.send(&login(number, "RU").to_string());
    }
    scene.send(&login(5, "canary5@example.net").to_string());
    let mut nobody = login(6, "RU");
    nobody.as_object_mut().unwrap().remove("user_id");
    scene.send(&nobody.to_string());
    scene.send(&json!({"user_id": "u", "ip": "canary", "device_id": "d"}).to_string());
    scene.send("canary: no JSON");
}

#[tokio::test]
async fn what_is_planned_is_what_lands_and_nothing_personal_is_shown() {
    // GIVEN
    let scene = Scene::new(BINARY).await;
    send_all(&scene);

    // WHEN
    let planned = scene.binary().run(&PLAN).await;
    let drawn = scene.binary().run(&["plan"]).await;

    // THEN each message has its outcome
    assert_eq!(planned.code, Some(0), "{planned:#?}");
    let plan = planned.summary();
    assert_eq!(plan["sampled"], 9, "{plan:#}");
    assert_eq!(plan["loaded"], 6);
    assert_eq!(
        plan["rejected"],
        json!({"missing_field": 1, "not_canonical": 1, "not_json": 1})
    );
    assert_eq!(plan["personal_in_clear"], json!(["locale"]));
    let messages = plan["messages"].as_array().unwrap();
    let rejected = |reason: &str| messages.iter().find(|message| message["reason"] == reason);
    assert_eq!(rejected("missing_field").unwrap()["column"], "user_id");
    assert_eq!(rejected("not_canonical").unwrap()["column"], "masked_ip");
    assert_eq!(rejected("not_json").unwrap()["event"], json!([]));
    let event = messages[0]["event"].as_array().unwrap();
    let field = |name: &str| event.iter().find(|field| field["field"] == name).unwrap();
    assert_eq!(field("/device_type")["value"], "android");
    for covered in [
        "/ip",
        "/locale",
        "/contact/mail",
        "/contact/note",
        "/seen/*",
    ] {
        assert_eq!(field(covered)["value"], Value::Null, "{covered}");
    }
    // AND for people side by side
    for words in [
        "/device_type        android            │ device_type         android\n",
        "/ip                 ••• text           │ masked_ip           …",
        "/locale             ••• text           │ locale              ••• in clear\n",
        "/contact/mail       ••• text           │                     not loaded\n",
        "→ would be rejected: missing_field in column user_id\n",
        "9 messages: 6 would be loaded, 3 rejected (1 missing_field, 1 not_canonical, 1\nnot_json).\n",
        "9 given back to the queue; nothing was changed.\n",
    ] {
        assert!(drawn.stdout.contains(words), "{words}\n{}", drawn.stdout);
    }
    assert!(drawn.stdout.lines().all(|line| line.chars().count() <= 80));
    assert_covered(&planned, &CANARIES);
    assert_covered(&drawn, &CANARIES);
    assert!(!drawn.stdout.contains('\x1b'));

    // AND nothing has happened
    let rows =
        "SELECT (SELECT count(*) FROM user_logins) + (SELECT count(*) FROM veilstream.quarantine)";
    assert_eq!(scene.database.count(rows).await, 0);

    // AND a run makes the very rows
    assert_eq!(scene.run_once().await.total("loaded"), 6);
    let landed = "SELECT user_id, device_type, masked_ip, masked_device_id, app_version::text, \
                  create_date::text FROM user_logins ORDER BY user_id";
    let mut expected: Vec<Vec<Option<String>>> = Vec::new();
    for message in messages
        .iter()
        .filter(|message| message["outcome"] == "loaded")
    {
        let row = message["row"].as_array().unwrap();
        let fields = row.iter().filter(|field| field["column"] != "locale");
        let value = |field: &Value| field["value"].as_str().map(str::to_owned);
        expected.push(fields.map(value).collect());
    }
    expected.sort();
    assert_eq!(scene.database.rows(landed).await, expected);
}

#[tokio::test]
async fn all_messages_are_given_back_also_on_errors_and_ctrl_c() {
    let scene = Scene::new(BINARY).await;
    send_all(&scene);
    // An error that is found beforehand costs no receive.
    let lost = scene.binary().with("VEILSTREAM_KEYSET", "/nonexistent");
    assert_eq!(lost.run(&PLAN).await.code, Some(5));
    // A sample of fewer than there are gives back what it did not ask for, too.
    let few = [&PLAN[..], &["--sample", "3"]].concat();
    let planned = scene.binary().run(&few).await;
    assert_eq!(planned.total("sampled"), 3, "{planned:#?}");
    // It waits for more messages than there are.
    let planning = scene.binary().start(&PLAN);
    eventually("all messages are looked at", || async {
        scene.queue.counts(QUEUE).unwrap().in_flight == 9
    })
    .await;
    planning.signal("INT").await;
    let ended = planning.finish().await;
    assert_eq!(
        (ended.code, ended.stdout.as_str()),
        (Some(130), ""),
        "{ended:#?}"
    );

    assert_eq!(received_before(&scene).await, [2; 9]);
}

#[tokio::test]
async fn queues_that_a_look_can_harm_are_refused() {
    assert_refused("plan", &["plan", "--force"]).await;
}

#[tokio::test]
async fn an_empty_queue_is_told_and_an_unmigrated_database_refused() {
    let scene = Scene::new(BINARY).await;
    let empty = scene.binary().run(&["plan"]).await;
    assert_eq!(empty.code, Some(0), "{empty:#?}");
    assert!(empty.stdout.contains("no message"), "{empty:#?}");
    for wrong in ["0", "101"] {
        let refused = scene.binary().run(&["plan", "--sample", wrong]).await;
        assert_eq!(refused.code, Some(2), "{refused:#?}");
    }
    let unmigrated = Scene::unmigrated(BINARY, &[]).await;
    assert_eq!(unmigrated.binary().run(&["plan"]).await.code, Some(4));
}

#[tokio::test]
async fn what_single_values_betray_is_covered_too() {
    // GIVEN columns in clear that are harmless in most events, and personal in one
    let scene = Scene::new(BINARY).await;
    let config = scene.folder.path().join("orders.toml");
    let column = |name: &str, kind: &str| {
        format!("[[columns]]\nname = \"{name}\"\ntype = \"{kind}\"\npath = \"/{name}\"\n")
    };
    let columns = [
        column("quantity", "integer"),
        column("payout", "text"),
        column("remark", "text"),
        column("customer_id", "text"),
        column("meta", "jsonb"),
    ];
    let text = format!("[pipeline]\ntable = \"orders\"\n{}", columns.concat());
    std::fs::write(&config, text).unwrap();
    let config = config.display().to_string();
    let migrated = scene.binary().run(&["migrate", "--config", &config]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    for number in 0..9 {
        scene.send(&format!(
            r#"{{"quantity": {number}, "payout": "card", "remark": "none", "customer_id": "c-{number}", "meta": {{"a": 1}}}}"#
        ));
    }
    // An account, a sentence, a name for an id, an address under a key that comes again.
    scene.send(
        r#"{"quantity": 1, "payout": "DE89370400440532013000", "remark": "Canary called us twice",
            "customer_id": "Canary", "meta": {"a": "canary@example.com", "a": 1}}"#,
    );
    scene.send(r#"{"quantity": "Canary"}"#);

    // WHEN
    let arguments = [
        "plan", "--config", &config, "--sample", "20", "--output", "json",
    ];
    let planned = scene.binary().run(&arguments).await;

    // THEN none of it is shown, and the row has what the table would have
    assert_eq!(planned.code, Some(0), "{planned:#?}");
    assert_covered(&planned, &["Canary", "canary", "DE8937"]);
    let plan = planned.summary();
    assert_eq!(plan["rejected"], json!({"bad_conversion": 1}));
    let named = plan["personal_in_clear"].as_array().unwrap();
    for name in ["payout", "remark", "customer_id"] {
        assert!(named.contains(&json!(name)), "{name}: {named:?}");
    }
    assert!(planned.stdout.contains(r#""{\"a\":1}""#), "{planned:#?}");
    assert!(planned.stdout.contains("c-8"), "{planned:#?}");
}
