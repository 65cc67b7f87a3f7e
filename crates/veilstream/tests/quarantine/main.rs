//! The quarantine as its keepers see it: listed, shown, replayed, discarded, purged.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is not there fails it"
)]

mod canary;
mod faults;
mod list;
mod lost_answer;
mod refused;
mod replay;
mod settled;
mod show;
mod terminal;
mod trail;

use std::fs;

use serde_json::{Value, json};
use testkit::{Binary, Finished, Scene};

/// The binary under test.
const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");

/// The address of every event here.
const IP: &str = "203.0.113.77";

/// An id that no entry has.
const NOT_THERE: &str = "018bcfe5-687b-0000-0000-000000000001";

const ROWS: &str = "SELECT count(*) FROM user_logins";
const DEVICES: &str = "SELECT count(DISTINCT masked_device_id) FROM user_logins";

/// The built-in pipeline, where an event may do without a `user_id`.
const CORRECTED: &str = r#"
[pipeline]
name = "logins"
table = "user_logins"
[[columns]]
name = "masked_ip"
type = "varchar(256)"
path = "/ip"
required = true
mask = { domain = "ip" }
[[columns]]
name = "masked_device_id"
type = "varchar(256)"
path = "/device_id"
required = true
mask = { domain = "device_id" }
[[columns]]
name = "user_id"
type = "varchar(128)"
path = "/user_id"
[[columns]]
name = "locale"
type = "varchar(32)"
path = "/locale"
[[columns]]
name = "app_version"
type = "int4"
path = "/app_version"
convert = "version_digits"
[[columns]]
name = "create_date"
type = "date"
from = "sent_at"
"#;

/// The binary with a configuration of its own.
fn configured(scene: &Scene, text: &str) -> Binary {
    let path = scene.folder.path().join("veilstream.toml");
    fs::write(&path, text).unwrap();
    scene
        .binary()
        .with("VEILSTREAM_CONFIG", path.to_str().unwrap())
}

/// The binary with the corrected configuration.
fn corrected(scene: &Scene) -> Binary {
    configured(scene, CORRECTED)
}

/// An event of a device; without its `user_id` the built-in pipeline rejects it.
fn event(device: &str) -> Value {
    json!({"ip": IP, "device_id": device, "locale": "RU", "app_version": "2.3.0"})
}

/// A scene with so many events in quarantine that lack a `user_id`, of devices `device-0` and so on.
async fn rejected(events: usize) -> Scene {
    let scene = Scene::new(BINARY).await;
    for number in 0..events {
        scene.send(&event(&format!("device-{number}")).to_string());
    }
    // That most are rejected is wanted here.
    let run = ["run", "--once", "--no-reject-limit", "--output", "json"];
    let run = scene.binary().run(&run).await;
    assert_eq!(run.total("quarantined"), events as u64, "{run:#?}");
    scene
}

/// The ids of what is open, the newest first.
async fn open(scene: &Scene) -> Vec<String> {
    let entries = scene.quarantine().await;
    let ids = entries.iter().map(|entry| entry["id"].as_str().unwrap());
    ids.map(str::to_owned).collect()
}

async fn replay(binary: &Binary, which: &[&str]) -> Finished {
    let arguments = [&["quarantine", "replay", "--output", "json"], which].concat();
    binary.run(&arguments).await
}

/// Replayed, duplicates, settled before, still rejected of each reason, not opened.
fn assert_replayed(finished: &Finished, code: i32, totals: (u64, u64, u64, Value, u64)) {
    assert_eq!(finished.code, Some(code), "{finished:#?}");
    let (replayed, duplicates, settled_before, still_rejected, unopened) = totals;
    let expected = json!({
        "replayed": replayed, "duplicates": duplicates, "settled_before": settled_before,
        "still_rejected": still_rejected, "unopened": unopened,
    });
    assert_eq!(finished.summary(), expected, "{finished:#?}");
}

/// Nothing was done, for a reason that is told, with a code.
fn assert_refused(finished: &Finished, code: i32, said: &[&str]) {
    assert_eq!(finished.code, Some(code), "{finished:#?}");
    assert_eq!(finished.stdout, "", "{finished:#?}");
    for part in said {
        assert!(finished.stderr.contains(part), "{part}: {finished:#?}");
    }
}
