//! The real binary between real queues and a real PostgreSQL: what a user notices.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is not there fails it"
)]

mod both_queues;
mod canary;
mod configuration;
mod deliveries;
mod hashes;
mod leak_warnings;
mod leaks;
mod leaks_in_tables;
mod masks;
mod moto;
mod order;
mod outcomes;
mod query;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testkit::{Finished, Scene};

const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");
const RUN_ONCE: [&str; 4] = ["run", "--once", "--output", "json"];

/// The event that the documentation shows, with some fields set to other values.
fn event(changes: &[(&str, Value)]) -> String {
    let mut event = json!({
        "user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0",
        "device_type": "android", "ip": "199.172.111.135", "locale": "RU",
        "device_id": "593-47-5928",
    });
    for (field, value) in changes {
        event[field] = value.clone();
    }
    event.to_string()
}

/// A login of this user.
fn login(user: &str) -> String {
    event(&[("user_id", json!(user))])
}

/// The quarantine: reason and column of each message id.
async fn reasons(scene: &Scene) -> BTreeMap<String, (String, Option<String>)> {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let entries = scene.quarantine().await;
    let reasons = entries.iter().map(|entry| {
        let reason = (text(&entry["reason"]).unwrap(), text(&entry["column"]));
        (text(&entry["message_id"]).unwrap(), reason)
    });
    reasons.collect()
}

/// The user ids in `user_logins`, in order.
async fn users(scene: &Scene) -> Vec<String> {
    let rows = scene
        .database
        .rows("SELECT user_id::text FROM user_logins ORDER BY user_id")
        .await;
    let users = rows.into_iter().map(|mut row| row.remove(0).unwrap());
    users.collect()
}

/// Asserts that a run did its job, and what it counted: received, loaded, duplicates, quarantined,
/// left, deleted.
fn assert_counted(run: &Finished, [received, rest @ ..]: [u64; 6]) {
    assert_eq!(run.code, Some(0), "{run:#?}");
    let names = ["loaded", "duplicates", "quarantined", "left", "deleted"];
    assert_eq!(names.map(|name| run.total(name)), rest, "{run:#?}");
    assert_eq!(run.total("received"), received, "{run:#?}");
    assert_eq!(received, rest[..4].iter().sum::<u64>(), "{run:#?}");
}
