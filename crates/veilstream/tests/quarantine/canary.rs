//! Personal data that was planted is looked for wherever a keeper of the quarantine leaves something.

use serde_json::json;
use testkit::{Finished, Scene};

use crate::{BINARY, corrected, event, open};

const CANARY: &str = "canary-7c1f";

#[tokio::test]
async fn planted_personal_data_is_in_no_table_log_or_error() {
    // GIVEN canaries in originals that are loaded, still rejected, refused, do not open
    let scene = Scene::new(BINARY).await;
    let not_xx = "ALTER TABLE user_logins ADD CONSTRAINT not_xx CHECK (locale <> 'XX')";
    scene.database.execute(not_xx).await;
    let device = format!("{CANARY}-device");
    scene.send(&event(&device).to_string());
    let mut other = event(&device);
    other["ip"] = json!(format!("{CANARY}-ip"));
    scene.send(&other.to_string());
    let mut refused = event(&format!("{CANARY}-refused"));
    refused["locale"] = json!("XX");
    scene.send(&refused.to_string());
    scene.send(&format!("{CANARY} is no JSON"));
    assert_eq!(scene.run_once().await.total("quarantined"), 4);
    let ids = open(&scene).await;
    let tampered = format!(
        "ALTER TABLE veilstream.quarantine DISABLE TRIGGER guard_entry; \
         UPDATE veilstream.quarantine SET nonce = sha256(nonce)::bytea WHERE id = '{}'",
        ids[0]
    );
    scene.database.execute(&tampered).await;

    // WHEN everything is done that can be done
    let debug = corrected(&scene).with("VEILSTREAM_LOG", "debug");
    let mut runs: Vec<Finished> = Vec::new();
    for arguments in [
        &["replay", "--all"][..],
        &[
            "replay",
            "--code",
            "refused_by_database",
            "--output",
            "json",
        ],
        &["replay", &ids[0]],
        &["show", "--reason", "r", &ids[0]],
        &["list", "--state", "all"],
        &["list", "--state", "all", "--output", "json"],
        &["discard", "--yes", &ids[0]],
        &["purge", "--older-than", "1s"],
    ] {
        runs.push(debug.run(&[&["quarantine"], arguments].concat()).await);
    }
    assert!(runs[0].stderr.contains("DEBUG"), "{runs:#?}");
    assert_eq!(runs[0].code, Some(8), "{runs:#?}");

    // THEN none of it is anywhere, but in what was asked to be shown
    let printed = format!("{runs:?}").to_lowercase();
    assert!(!printed.contains(CANARY), "{printed}");
    let digits: Vec<_> = CANARY.bytes().map(|byte| format!("{byte:02x}")).collect();
    let digits = digits.concat();
    for table in ["user_logins", "veilstream.quarantine", "veilstream.audit"] {
        let rows = format!("SELECT one::text FROM {table} AS one");
        let rows = format!("{:?}", scene.database.rows(&rows).await).to_lowercase();
        assert!(!rows.contains(CANARY) && !rows.contains(&digits), "{rows}");
    }
}
