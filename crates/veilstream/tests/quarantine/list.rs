//! What a list tells.

use testkit::Scene;

use crate::{BINARY, assert_refused, corrected, event, open, rejected, replay};

#[tokio::test]
async fn a_list_shows_states_and_reasons_and_sums_them_up() {
    // GIVEN entries of two reasons, one of which is replayed
    let scene = Scene::new(BINARY).await;
    scene.send("no json");
    for device in ["a", "b"] {
        scene.send(&event(device).to_string());
    }
    assert_eq!(scene.run_once().await.total("quarantined"), 3);
    let missing = scene.quarantine().await;
    let missing = missing.iter().find(|one| one["reason"] == "missing_field");
    let id = missing.unwrap()["id"].as_str().unwrap().to_owned();
    assert_eq!(replay(&corrected(&scene), &[&id]).await.code, Some(0));
    let list = async |more: &[&str]| {
        let listed = scene
            .binary()
            .run(&[&["quarantine", "list"], more].concat())
            .await;
        assert_eq!(listed.code, Some(0), "{listed:#?}");
        let lines = listed.stdout.lines();
        let narrow = lines
            .filter(|line| !line.starts_with('['))
            .all(|line| line.chars().count() <= 80);
        assert!(narrow, "{listed:#?}");
        listed.stdout
    };

    // WHEN, THEN
    let all = list(&["--state", "all"]).await;
    assert!(
        all.ends_with("3 entries\n  2 missing_field\n  1 not_json\n"),
        "{all}"
    );
    assert!(all.contains("replayed") && all.contains("user_id"), "{all}");
    let newest = list(&["--state", "all", "--limit", "1"]).await;
    assert!(
        newest.contains("3 entries (the newest is shown)\n"),
        "{newest}"
    );
    assert!(newest.contains("(UTC)"), "{newest}");
    let open = list(&[]).await;
    assert!(
        open.ends_with("2 entries\n  1 missing_field\n  1 not_json\n"),
        "{open}"
    );
    assert!(!open.contains(&id), "{open}");
    let replayed = list(&["--state", "replayed"]).await;
    assert!(replayed.contains(&id), "{replayed}");
    let not_json = list(&["--code", "not_json"]).await;
    assert!(not_json.ends_with("1 entry\n  1 not_json\n"), "{not_json}");
    let none = list(&["--state", "discarded"]).await;
    assert_eq!(none, "no such entry of pipeline logins is in quarantine\n");
    let json = list(&["--state", "replayed", "--output", "json"]).await;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json[0]["state"], "replayed");
    assert!(json[0]["settled_at"].as_str().unwrap().ends_with('Z'));
}

#[tokio::test]
async fn what_is_settled_does_not_make_the_quarantine_empty() {
    let scene = rejected(1).await;
    let id = open(&scene).await.remove(0);
    assert_eq!(replay(&corrected(&scene), &[&id]).await.code, Some(0));
    let list = async |more: &[&str]| {
        let list = [&["quarantine", "list"], more].concat();
        scene.binary().run(&list).await
    };
    let open = list(&[]).await;
    let said = "nothing of pipeline logins is open\n";
    assert_eq!(open.stdout, said, "{open:#?}");
    // A mistyped code and a limit of none are mistakes, and the codes are told.
    let mistyped = list(&["--code", "mising_field"]).await;
    assert_refused(&mistyped, 2, &["missing_field", "refused_by_database"]);
    assert_refused(&list(&["--limit", "0"]).await, 2, &["1 or more"]);
}

#[tokio::test]
async fn what_is_open_has_no_time_of_settling() {
    let scene = rejected(1).await;
    assert_eq!(open(&scene).await.len(), 1);
    let entry = scene.quarantine().await.remove(0);
    assert_eq!(entry["state"], "open");
    assert!(entry["settled_at"].is_null());
}
