//! What a replay loads, and what it leaves.

use serde_json::json;
use testkit::Scene;

use crate::{
    BINARY, CORRECTED, DEVICES, IP, ROWS, assert_replayed, configured, corrected, event, open,
    rejected, replay,
};

#[tokio::test]
async fn a_corrected_configuration_loads_the_row_that_run_would_have_made() {
    // GIVEN a message that the configuration rejects
    let scene = rejected(1).await;
    let id = open(&scene).await.remove(0);
    let rejected_again = replay(&scene.binary(), &["--all"]).await;
    assert_replayed(
        &rejected_again,
        8,
        (0, 0, 0, json!({"missing_field": 1}), 0),
    );
    assert_eq!(scene.database.count(ROWS).await, 0);

    // WHEN the configuration is corrected and the message replayed, by its id in capitals
    let corrected = corrected(&scene);
    let replayed = replay(&corrected, &[&id.to_uppercase()]).await;

    // THEN there is its row, with the date on which it was sent
    assert_replayed(&replayed, 0, (1, 0, 0, json!({}), 0));
    let rows = "SELECT masked_ip, masked_device_id, user_id, locale, app_version::text FROM user_logins \
        WHERE create_date = (SELECT (sent_at AT TIME ZONE 'UTC')::date FROM veilstream.quarantine)";
    let row = scene.database.rows(rows).await.remove(0);
    assert_eq!(scene.unmask(row[0].as_ref().unwrap()).await, IP);
    assert_eq!(scene.unmask(row[1].as_ref().unwrap()).await, "device-0");
    let text = |text: &str| Some(text.to_owned());
    assert_eq!(row[2..], [None, text("RU"), text("230")]);

    // AND it is the one that run makes of the same event
    scene.send(&event("device-0").to_string());
    let run = corrected.run(&["run", "--once", "--output", "json"]).await;
    assert_eq!(run.total("loaded"), 1, "{run:#?}");
    let rows = scene.database.rows(rows).await;
    assert_eq!(rows.len(), 2);
    assert_eq!(rows[0], rows[1]);

    // AND replaying again does nothing
    let again = replay(&corrected, &[&id, &id]).await;
    assert_replayed(&again, 0, (0, 0, 1, json!({}), 0));
    let all = replay(&corrected, &["--all"]).await;
    assert_replayed(&all, 0, (0, 0, 0, json!({}), 0));
    assert_eq!(scene.database.count(ROWS).await, 2);
    let settled = "SELECT count(*) FROM veilstream.quarantine \
        WHERE state = 'replayed' AND settled_at > quarantined_at";
    assert_eq!(scene.database.count(settled).await, 1);
}

#[tokio::test]
async fn a_code_picks_entries_and_what_is_still_rejected_gets_the_reason_of_today() {
    // GIVEN two reasons; behind one of them there is a second
    let scene = Scene::new(BINARY).await;
    scene.send(&event("good").to_string());
    let mut later = event("bad");
    later["ip"] = json!("no address");
    scene.send(&later.to_string());
    later["user_id"] = json!("u");
    scene.send(&later.to_string());
    assert_eq!(scene.run_once().await.total("quarantined"), 3);
    let corrected = corrected(&scene);

    // WHEN
    let canonical = replay(&corrected, &["--code", "not_canonical"]).await;
    let missing = replay(&corrected, &["--code", "missing_field"]).await;
    let none = replay(&corrected, &["--code", "too_long"]).await;

    // THEN
    assert_replayed(&canonical, 8, (0, 0, 0, json!({"not_canonical": 1}), 0));
    assert_replayed(&missing, 8, (1, 0, 0, json!({"not_canonical": 1}), 0));
    assert_replayed(&none, 0, (0, 0, 0, json!({}), 0));
    let said = "nothing of pipeline logins is open with reason too_long";
    assert!(none.stderr.contains(said), "{none:#?}");
    assert_eq!(scene.database.count(ROWS).await, 1);
    for entry in scene.quarantine().await {
        assert_eq!(entry["reason"], "not_canonical");
        assert_eq!(entry["column"], "masked_ip");
    }
    // For people, in a sentence.
    let said = corrected.run(&["quarantine", "replay", "--all"]).await;
    let sentence = "0 replayed, 0 duplicates, 2 still open\n  2 not_canonical\n";
    assert_eq!(said.stdout, sentence, "{said:#?}");
}

#[tokio::test]
async fn all_of_a_thousand_are_loaded_each_once() {
    let scene = rejected(1_000).await;
    let replayed = replay(&corrected(&scene), &["--all"]).await;
    assert_replayed(&replayed, 0, (1_000, 0, 0, json!({}), 0));
    assert_eq!(scene.database.count(ROWS).await, 1_000);
    assert_eq!(scene.database.count(DEVICES).await, 1_000);
    assert!(scene.quarantine().await.is_empty());
}

#[tokio::test]
async fn rows_that_postgresql_refuses_stay_open_with_its_code() {
    // GIVEN a table with a constraint that speaks at once, one that speaks at COMMIT, and a trigger
    // that fails as nobody knows
    let scene = Scene::new(BINARY).await;
    let constraints = "ALTER TABLE user_logins ADD CONSTRAINT not_xx CHECK (locale <> 'XX'), \
        ADD CONSTRAINT one_device UNIQUE (masked_device_id) DEFERRABLE INITIALLY DEFERRED";
    scene.database.execute(constraints).await;
    let trigger = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN RAISE 'no' USING ERRCODE = 'ZZ999'; END $$; \
        CREATE TRIGGER fail BEFORE INSERT ON user_logins FOR EACH ROW \
        WHEN (NEW.locale = 'YY') EXECUTE FUNCTION fail()";
    scene.database.execute(trigger).await;
    let mut refused = event("third");
    refused["locale"] = json!("YY");
    scene.send(&refused.to_string());
    scene.send(&event("first").to_string());
    scene.send(&event("first").to_string());
    refused["device_id"] = json!("second");
    refused["locale"] = json!("XX");
    scene.send(&refused.to_string());
    assert_eq!(scene.run_once().await.total("quarantined"), 4);
    let corrected = corrected(&scene);

    // WHEN
    let replayed = replay(&corrected, &["--all"]).await;

    // THEN
    let still = json!({"refused_by_database": 3});
    assert_replayed(&replayed, 8, (1, 0, 0, still, 0));
    assert_eq!(scene.database.count(ROWS).await, 1);
    let entries = scene.quarantine().await;
    let said = |name: &str, code: &str| {
        let said =
            |entry: &&serde_json::Value| entry["column"] == name && entry["sqlstate"] == code;
        entries.iter().filter(said).count()
    };
    assert_eq!(said("not_xx", "23514"), 1, "{entries:#?}");
    assert_eq!(said("one_device", "23505"), 1, "{entries:#?}");
    let unknown = entries.iter().find(|entry| entry["sqlstate"] == "ZZ999");
    assert!(unknown.unwrap()["column"].is_null(), "{entries:#?}");

    // AND when the table takes them, the next replay loads them, and their reasons are history
    let mended = "ALTER TABLE user_logins DROP CONSTRAINT not_xx, DROP CONSTRAINT one_device; \
        DROP TRIGGER fail ON user_logins";
    scene.database.execute(mended).await;
    let replayed = replay(&corrected, &["--code", "refused_by_database"]).await;
    assert_replayed(&replayed, 0, (3, 0, 0, json!({}), 0));
    assert_eq!(scene.database.count(ROWS).await, 4);
}

#[tokio::test]
async fn an_event_that_is_known_by_its_value_is_not_loaded_again() {
    // GIVEN a pipeline that knows events by a field, and a corrected event that was sent again
    let scene = rejected(0).await;
    let by_value = "name = \"logins\"\nidentity = [\"/event_id\"]\nidentity_retention = \"30d\"";
    let corrected = CORRECTED.replace("name = \"logins\"", by_value);
    let strict = corrected.replace(
        "path = \"/user_id\"",
        "path = \"/user_id\"\nrequired = true",
    );
    let mut wrong = event("device");
    wrong["event_id"] = json!("e-1");
    scene.send(&wrong.to_string());
    let mut right = wrong.clone();
    right["user_id"] = json!("u");
    scene.send(&right.to_string());
    wrong["event_id"] = json!("e-2");
    scene.send(&wrong.to_string());
    scene.send(&wrong.to_string());
    let run = configured(&scene, &strict)
        .run(&["run", "--once", "--output", "json"])
        .await;
    assert_eq!(run.total("quarantined"), 3, "{run:#?}");

    // WHEN
    let replayed = replay(&configured(&scene, &corrected), &["--all"]).await;

    // THEN of each event there is one row
    assert_replayed(&replayed, 0, (1, 2, 0, json!({}), 0));
    assert_eq!(scene.database.count(ROWS).await, 2);
    let duplicates = "SELECT count(*) FROM veilstream.quarantine WHERE state = 'duplicate'";
    assert_eq!(scene.database.count(duplicates).await, 2);
}

#[tokio::test]
async fn a_row_that_takes_too_long_does_not_hold_up_those_behind_it() {
    // GIVEN the oldest of two, at which every statement takes too long, as PostgreSQL says it
    let scene = rejected(0).await;
    let trigger = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN RAISE 'no' USING ERRCODE = '57014'; END $$; \
        CREATE TRIGGER fail BEFORE INSERT ON user_logins FOR EACH ROW \
        WHEN (NEW.locale = 'YY') EXECUTE FUNCTION fail()";
    scene.database.execute(trigger).await;
    let mut slow = event("slow");
    slow["locale"] = json!("YY");
    scene.send(&slow.to_string());
    assert_eq!(scene.run_once().await.total("quarantined"), 1);
    scene.send(&event("fast").to_string());
    assert_eq!(scene.run_once().await.total("quarantined"), 1);

    // WHEN, THEN
    let replayed = replay(&corrected(&scene), &["--all"]).await;
    let still = json!({"refused_by_database": 1});
    assert_replayed(&replayed, 8, (1, 0, 0, still, 0));
    assert_eq!(scene.quarantine().await[0]["sqlstate"], "57014");
}

#[tokio::test]
async fn an_entry_at_which_a_replay_ends_is_named() {
    // GIVEN an entry at which the table is at fault
    let scene = rejected(1).await;
    let id = open(&scene).await.remove(0);
    let trigger = "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS \
        $$ BEGIN PERFORM not_there(); RETURN NEW; END $$; \
        CREATE TRIGGER fail BEFORE INSERT ON user_logins FOR EACH ROW EXECUTE FUNCTION fail()";
    scene.database.execute(trigger).await;

    // WHEN, THEN
    let replayed = replay(&corrected(&scene), &["--all"]).await;
    assert_replayed(&replayed, 4, (0, 0, 0, json!({}), 0));
    for part in [&*id, "42883", "by their ids"] {
        assert!(replayed.stderr.contains(part), "{part}: {replayed:#?}");
    }
}
