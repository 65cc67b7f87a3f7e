//! `veilstream init`: a configuration that runs, for events that nobody has described.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
};

use serde_json::{Value, json};
use testkit::{Binary, QUEUE, Scene};

use crate::{BINARY, assert_covered, assert_refused, received_before};

const CANARIES: [&str; 6] = [
    "canary",
    "Canary",
    "203.0.113",
    "901820",
    "DE8937",
    "52.9041",
];

fn order(number: usize) -> Value {
    json!({
        "orderId": format!("0f6d1f8e-58b0-4d2c-9d0a-0a1c7a3c9c{number:02}"),
        "placedAt": 1_767_225_600_500_i64 + i64::try_from(number).unwrap(),
        "total": if number.is_multiple_of(2) { json!(129.9) } else { json!(130) }, "currency": "EUR",
        "customer": {
            "name": format!("Canary Smith {number}"), "email": format!("canary{number}@example.com"),
            "phone": format!("+49 30 901820{number:02}"), "userId": format!("canary-{number}"),
            "address": {"street": format!("Canary Street {number}"), "zip": format!("canary{number}"), "floor": null},
        },
        "payment": {"iban": "DE89370400440532013000", "paid": true},
        "lines": [{"sku": "A-17", "quantity": number, "options": []}],
        "remark": if number == 3 { json!(null) } else { json!(format!("Canary rang twice, {number}")) },
    })
}

fn reading(number: usize) -> Value {
    let lat = [52.9041, 52.904_15][number % 2];
    json!({
        "sensor": format!("s-{}", number % 3), "seq": 9_007_199_254_740_993_usize + number,
        "huge": 18_446_744_073_709_551_615_u64,
        "reading": {"temperature": 21.5, "humidity": number, "alarm": number.is_multiple_of(2)},
        "measured_at": 1_767_225_600 + number, "sent": format!("2026-01-01T00:00:{number:02}+01:00"),
        "day": "2026-01-01", "firmware": "1.2.3.4", "mac": format!("00:1b:44:11:3a:{number:02}"),
        "location": {"lat": lat, "lon": 13.4}, "calibration": [[1, 2], [3, 4]],
        "by_login": {format!("canary{}", "x".repeat(number + 1)): {"since": "2026"}},
    })
}

fn click(number: usize) -> Value {
    let mixed = [json!("s"), json!(7)][number % 2].clone();
    json!({
        "user-agent": format!("Canary/5.0 (X11; build {number})"), "select": "x", "ctid": number,
        "Größe": number, "ключ 1": "v", "a/b~c": true, "tags": ["a", "b"], "URL": "https://example.com/",
        "url": {"path": "/"}, "ip": format!("203.0.113.{number}"),
        "visitors": [{"email": format!("canary{number}@example.com")}],
        "x".repeat(70): 1,
        format!("{}y", "x".repeat(70)): 2, "\"quoted\"\\": number, "mixed": mixed,
        "page": if number.is_multiple_of(2) { json!({"id": 1}) } else { json!("home") },
    })
}

/// Follows the file: keys, table, check, run. All of the events are loaded, and nothing personal in clear.
async fn assert_runs(events: &[Value], masked: &[&str]) {
    // GIVEN
    let scene = Scene::unmigrated(BINARY, &[]).await;
    for event in events {
        scene.send(&event.to_string());
    }
    let file = scene.folder.path().join("proposed.toml");
    let path = file.display().to_string();

    // WHEN
    let proposed = scene.binary().run(&["init", "--out", &path]).await;

    // THEN everything that it says works, in a shell that knows only the database
    assert_eq!(proposed.code, Some(0), "{proposed:#?}");
    let toml = fs::read_to_string(&file).unwrap();
    let binary = scene
        .binary()
        .without("VEILSTREAM_QUEUE_URL")
        .without("VEILSTREAM_KEYSET");
    let commands = proposed
        .stdout
        .lines()
        .filter_map(|line| line.strip_prefix("  veilstream "));
    let commands: Vec<_> = commands.collect();
    assert_eq!(commands.len(), 5, "{proposed:#?}");
    for command in &commands {
        assert!(
            toml.contains(&format!("#   veilstream {command}\n")),
            "{toml}"
        );
        let mut words: Vec<_> = command.split(' ').collect();
        match words[0] {
            "keys" => words.push("--plaintext"),
            "run" => words.extend(["--once", "--output", "json"]),
            _ => {}
        }
        let done = binary.run(&words).await;
        assert_eq!(done.code, Some(0), "{command}: {done:#?}\n{toml}");
        assert_covered(&done, &CANARIES);
        match words[0] {
            "check" => assert!(!done.stdout.contains("loaded in clear"), "{done:#?}"),
            "run" => {
                assert_eq!(
                    done.total("loaded"),
                    events.len() as u64,
                    "{done:#?}\n{toml}"
                );
                assert!(!done.stderr.contains("loaded in clear"), "{done:#?}");
            }
            _ => {}
        }
    }
    // AND nobody can read in the table, or in the file, what is personal
    let dump = "SELECT to_jsonb(t)::text FROM login_queue t";
    let rows = scene.database.rows(dump).await;
    assert_eq!(rows.len(), events.len());
    for text in rows.iter().flatten().flatten().chain([&toml]) {
        for canary in CANARIES {
            assert!(!text.contains(canary), "{canary}: {text}\n{toml}");
        }
    }
    // AND it is there all the same
    for column in masked {
        let tokens = rows.iter().flatten().flatten().filter(|row| {
            let row: Value = serde_json::from_str(row).unwrap();
            row[column]
                .as_str()
                .is_some_and(|token| token.starts_with("vs1s."))
        });
        assert!(tokens.count() + 1 >= events.len(), "{column}: {toml}");
    }
}

#[tokio::test]
async fn unknown_events_get_a_configuration_that_runs() {
    let events = |shape: fn(usize) -> Value| (0..24).map(shape).collect::<Vec<_>>();
    let of_order = [
        "customer_name",
        "customer_email",
        "customer_phone",
        "customer_user_id",
        "customer_address_street",
        "remark",
    ];
    assert_runs(&events(order), &of_order).await;
    assert_runs(&events(reading), &["mac"]).await;
    assert_runs(&events(click), &["ip"]).await;
    // All of them in one queue.
    let all = [events(order), events(reading), events(click)].concat();
    assert_runs(&all, &[]).await;
}

#[tokio::test]
async fn a_single_event_is_enough_to_begin_with() {
    assert_runs(&[order(7)], &["customer_email", "customer_phone"]).await;
}

#[tokio::test]
async fn print_writes_no_file_and_a_file_is_not_overwritten() {
    let scene = Scene::unmigrated(BINARY, &[]).await;
    for number in 0..12 {
        scene.send(&order(number).to_string());
    }
    let file = scene.folder.path().join("mine.toml");
    let path = file.display().to_string();

    // Shown only, and the same as would be written.
    let arguments = ["init", "--table", "sales.orders", "--out", &path];
    let printed = scene
        .binary()
        .run(&[&arguments[..], &["--print"]].concat())
        .await;
    assert_eq!(printed.code, Some(0), "{printed:#?}");
    assert!(!file.exists());
    assert!(
        printed.stdout.contains("table = \"sales.orders\"\n"),
        "{printed:#?}"
    );
    assert_covered(&printed, &CANARIES);

    // What is there stays, and the queue is not even asked.
    fs::write(&file, "mine").unwrap();
    let refused = scene.binary().run(&arguments).await;
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    assert!(refused.stderr.contains("--overwrite"), "{refused:#?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), "mine");
    let written = scene
        .binary()
        .run(&[&arguments[..], &["--overwrite"]].concat())
        .await;
    assert_eq!(written.code, Some(0), "{written:#?}");
    assert_eq!(fs::read_to_string(&file).unwrap(), printed.stdout);

    // A link stays one, and a file keeps its mode; nothing is left beside it.
    let link = scene.folder.path().join("link.toml");
    symlink(&file, &link).unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
    let linked = link.display().to_string();
    let over = ["init", "--overwrite", "--out", &linked];
    assert_eq!(scene.binary().run(&over).await.code, Some(0));
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    let written = fs::metadata(&file).unwrap();
    assert!(written.len() > 4);
    assert_eq!(written.permissions().mode() & 0o777, 0o640);
    let names = fs::read_dir(scene.folder.path()).unwrap();
    let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| !name.starts_with('.')));

    // What cannot be written is found before the queue is asked.
    let nowhere = scene.folder.path().join("none/mine.toml");
    for out in [nowhere.to_str().unwrap(), "/dev/null"] {
        let refused = ["init", "--overwrite", "--out", out];
        let refused = scene.binary().run(&refused).await;
        assert_eq!(refused.code, Some(1), "{refused:#?}");
        assert!(refused.stderr.contains("--out"), "{refused:#?}");
    }
    assert_eq!(received_before(&scene).await, [3; 12]);
}

#[tokio::test]
async fn a_queue_without_events_says_what_to_do() {
    let scene = Scene::unmigrated(BINARY, &[]).await;
    let file = scene.folder.path().join("none.toml");
    let path = file.display().to_string();
    let empty = scene.binary().run(&["init", "--out", &path]).await;
    assert_eq!(empty.code, Some(3), "{empty:#?}");
    assert!(empty.stderr.contains("send some events"), "{empty:#?}");
    scene.send("canary");
    let none = scene.binary().run(&["init", "--out", &path]).await;
    assert_eq!(none.code, Some(3), "{none:#?}");
    assert!(
        none.stderr
            .contains("no message of the sample is a JSON object"),
        "{none:#?}"
    );
    assert_covered(&none, &CANARIES);
    assert!(!file.exists());
    assert_eq!(scene.queue.counts(QUEUE).unwrap().visible, 1);
}

#[tokio::test]
async fn queues_that_a_look_can_harm_are_refused() {
    assert_refused("init", &["init", "--force", "--print"]).await;
}

#[tokio::test]
async fn help_has_examples() {
    for command in ["init", "plan"] {
        let help = Binary::new(BINARY).run(&[command, "--help"]).await;
        assert_eq!(help.code, Some(0));
        for words in ["Examples:", "--sample <N>", "--force"] {
            assert!(help.stdout.contains(words), "{words}: {help:#?}");
        }
    }
}
