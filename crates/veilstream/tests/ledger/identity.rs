//! Events that are known by what they say: the same event is loaded once, whatever message brings it.

use std::fs;

use testkit::{Binary, QUEUE, Scene, eventually};

use crate::{BINARY, rows, totals};

const COLUMNS: &str = r#"
[[columns]]
name = "user_id"
type = "varchar(128)"
path = "/user_id"
[[columns]]
name = "masked_ip"
type = "varchar(256)"
path = "/ip"
required = true
mask = { domain = "ip", canonical = "ip" }
"#;
const BY_EVENT: &str = "identity = [\"/event_id\", \"/meta/source\"]\nidentity_retention = \"30d\"";
const BY_BODY: &str = "identity = \"body_digest\"\nidentity_retention = \"30d\"";

/// A scene and a binary whose pipeline has these settings.
async fn scene(settings: &str) -> (Scene, Binary) {
    let scene = Scene::new(BINARY).await;
    let binary = configured(&scene, settings);
    (scene, binary)
}

fn configured(scene: &Scene, settings: &str) -> Binary {
    let path = scene.folder.path().join("veilstream.toml");
    let text = format!("[pipeline]\ntable = \"user_logins\"\n{settings}\n{COLUMNS}");
    fs::write(&path, text).unwrap();
    let path = path.display().to_string();
    scene.binary().with("VEILSTREAM_CONFIG", &path)
}

fn event(id: &str, ip: &str) -> String {
    format!(r#"{{"event_id": {id}, "meta": {{"source": "web"}}, "user_id": "u", "ip": "{ip}"}}"#)
}

async fn once(binary: &Binary) -> [u64; 4] {
    totals(&binary.run(&["run", "--once", "--output", "json"]).await)
}

#[tokio::test]
async fn an_event_that_comes_in_several_messages_is_loaded_once() {
    // GIVEN an event that was sent twice, in other words
    let (scene, binary) = scene(BY_EVENT).await;
    scene.send(&event(r#""e-1""#, "192.0.2.1"));
    scene.send(
        r#"{"user_id":"v","ip":"192.0.2.9","meta":{"x":1,"source":"web"},"event_id":"\u0065-1"}"#,
    );
    scene.send(&event(r#""e-2""#, "192.0.2.1"));

    // WHEN they are loaded
    assert_eq!(once(&binary).await, [2, 1, 0, 0]);

    // THEN it is there once, and the queue is empty
    assert_eq!(rows(&scene).await, 2);
    assert_eq!(scene.queued(), 0);

    // AND a redrive, for which SQS gives new ids, changes nothing
    for _ in 0..3 {
        scene.send(&event(r#""e-1""#, "192.0.2.1"));
    }
    assert_eq!(once(&binary).await, [0, 3, 0, 0]);
    assert_eq!(rows(&scene).await, 2);
    let keys = "SELECT count(*) FROM veilstream.ledger";
    assert_eq!(
        scene.database.count(keys).await,
        6,
        "each message has its key"
    );

    // AND the types of fields count, and each of them
    scene.send(&event("1", "192.0.2.1"));
    scene.send(&event(r#""1""#, "192.0.2.1"));
    scene.send(&event("1.0", "192.0.2.1"));
    scene.send(&event("true", "192.0.2.1"));
    scene.send(&event("1", "192.0.2.1").replace("web", "app"));
    assert_eq!(once(&binary).await, [5, 0, 0, 0]);
}

#[tokio::test]
async fn of_equal_events_the_first_is_loaded() {
    let (scene, binary) = scene(BY_EVENT).await;
    for user in 0..10 {
        scene.send(&event("7", "192.0.2.1").replace(r#""u""#, &format!(r#""{user}""#)));
    }
    assert_eq!(once(&binary).await, [1, 9, 0, 0]);
    let first = scene.database.rows("SELECT user_id FROM user_logins").await;
    assert_eq!(first, [[Some("0".to_owned())]]);
}

#[tokio::test]
async fn an_event_without_its_identity_is_quarantined_and_says_which_field() {
    let (scene, binary) = scene(BY_EVENT).await;
    scene.send(r#"{"event_id": null, "meta": {"source": "web"}, "ip": "192.0.2.1"}"#);
    scene.send(r#"{"event_id": "canary-1", "meta": {}, "ip": "192.0.2.1"}"#);
    scene.send(r#"{"event_id": ["canary-1"], "meta": {"source": "web"}, "ip": "192.0.2.1"}"#);
    assert_eq!(once(&binary).await, [0, 0, 3, 0]);
    let quarantine = "SELECT reason, column_name FROM veilstream.quarantine ORDER BY 1, 2";
    let found = scene.database.rows(quarantine).await;
    let expected = [
        ["bad_conversion", "/event_id"],
        ["missing_field", "/event_id"],
        ["missing_field", "/meta/source"],
    ];
    assert_eq!(
        found,
        expected.map(|row| row.map(|text| Some(text.to_owned())))
    );
}

#[tokio::test]
async fn a_corrected_event_is_not_taken_for_its_own_duplicate() {
    let (scene, binary) = scene(BY_EVENT).await;
    scene.send(&event(r#""e-1""#, "not an address"));
    assert_eq!(once(&binary).await, [0, 0, 1, 0]);
    scene.send(&event(r#""e-1""#, "192.0.2.1"));
    assert_eq!(once(&binary).await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn an_event_whose_retention_is_over_is_forgotten_and_loaded_again() {
    // GIVEN more events than are forgotten at once
    let (scene, binary) = scene(BY_EVENT).await;
    scene.send(&event(r#""e-1""#, "192.0.2.1"));
    assert_eq!(once(&binary).await, [1, 0, 0, 0]);
    let many = "INSERT INTO veilstream.identity SELECT gen_random_uuid(), current_date \
                FROM generate_series(1, 2500)";
    scene.database.execute(many).await;
    let until = "SELECT count(*) FROM veilstream.identity \
                 WHERE keep_until = (now() AT TIME ZONE 'UTC')::date + 30";
    assert_eq!(scene.database.count(until).await, 1);

    // WHEN their time is over
    let over = "UPDATE veilstream.identity SET keep_until = keep_until - 40";
    scene.database.execute(over).await;
    assert_eq!(once(&binary).await, [0; 4]);

    // THEN nothing is known of them
    let known = "SELECT count(*) FROM veilstream.identity";
    assert_eq!(scene.database.count(known).await, 0);
    scene.send(&event(r#""e-1""#, "192.0.2.1"));
    assert_eq!(once(&binary).await, [1, 0, 0, 0]);
}

#[tokio::test]
async fn equal_bodies_are_merged_and_the_start_says_so() {
    // GIVEN a pipeline that knows events by their bodies, for a shorter time than the queue keeps them
    let (scene, binary) = scene(&BY_BODY.replace("30d", "2d")).await;
    scene.send(r#"{"ip": "192.0.2.1"}"#);
    scene.send(r#"{"ip": "192.0.2.1"}"#);
    scene.send(r#"{"ip":  "192.0.2.1"}"#);

    // WHEN it runs
    let finished = binary.run(&["run", "--once", "--output", "json"]).await;

    // THEN equal ones are one, byte for byte, and an operator is told what that means
    assert_eq!(totals(&finished), [2, 1, 0, 0]);
    let checked = binary.run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    for said in [&finished.stderr, &checked.stdout] {
        assert!(
            said.contains("two equal events that both really happened"),
            "{said}"
        );
        assert!(
            said.contains("the queue keeps messages for 4.0 d"),
            "{said}"
        );
    }
    let silent = scene.binary().run(&["check"]).await;
    assert!(!silent.stdout.contains("identity"), "{silent:#?}");
}

#[tokio::test]
async fn two_workers_that_get_the_same_events_load_each_once_and_do_not_deadlock() {
    const EVENTS: u64 = 1_500;
    const COPIES: u64 = 4;
    // GIVEN many events, each of them several times and in other orders
    let (scene, binary) = scene(BY_EVENT).await;
    for copy in 0..COPIES {
        for place in 0..EVENTS {
            // 7, 11, 13 and 17 have no factor in common with the number of events.
            let factor = [7, 11, 13, 17][usize::try_from(copy).unwrap()];
            scene.send(&event(&(place * factor % EVENTS).to_string(), "192.0.2.1"));
        }
    }

    // WHEN two workers load them
    let workers = [(); 2].map(|()| binary.start(&["run", "--output", "json"]));
    eventually("all is settled", async || scene.queued() == 0).await;
    let mut finished = Vec::new();
    for worker in workers {
        worker.signal("TERM").await;
        finished.push(worker.finish().await);
    }

    // THEN each event is there once, and nobody was in the other's way
    let total = |name| finished.iter().map(|run| run.total(name)).sum::<u64>();
    assert_eq!(total("loaded"), EVENTS, "{finished:#?}");
    assert_eq!(total("duplicates"), EVENTS * (COPIES - 1), "{finished:#?}");
    assert_eq!(rows(&scene).await, i64::try_from(EVENTS).unwrap());
    for worker in &finished {
        assert!(!worker.stderr.contains("40P01"), "{worker:#?}");
    }
}

#[tokio::test]
async fn nobody_can_guess_an_event_from_what_is_stored_of_it() {
    // GIVEN an event that is loaded
    let (scene, binary) = scene("identity = [\"/event_id\"]\nidentity_retention = \"30d\"").await;
    scene.send(&event(r#""canary-event-1""#, "192.0.2.1"));
    let finished = binary.run(&["run", "--once", "--output", "json"]).await;
    assert_eq!(totals(&finished), [1, 0, 0, 0]);

    // THEN its id stands nowhere
    let stored = scene
        .database
        .rows("SELECT i::text || encode(uuid_send(key), 'escape') FROM veilstream.identity i")
        .await;
    assert_eq!(stored.len(), 1);
    assert!(!format!("{stored:?}{finished:?}").contains("canary"));

    // AND what is stored is no digest that anybody can compute
    let digests = "SELECT count(*) FROM veilstream.identity, \
        unnest(ARRAY['canary-event-1', '\"canary-event-1\"', '[\"canary-event-1\"]']) AS guess \
        WHERE replace(key::text, '-', '') IN (md5(guess), \
            left(encode(sha256(convert_to(guess, 'UTF8')), 'hex'), 32))";
    assert_eq!(scene.database.count(digests).await, 0);
    assert_eq!(scene.queue.counts(QUEUE).unwrap().visible, 0);
}

#[tokio::test]
async fn a_key_set_without_a_ledger_key_says_how_to_get_one() {
    // GIVEN a key set that was made before there were ledger keys
    let (scene, binary) = scene(BY_EVENT).await;
    let domains = ["ip", "device_id"].map(|name| masking::DomainSpec {
        name: name.parse().unwrap(),
        method: masking::Method::Siv { padded: false },
        canonical: if name == "ip" {
            masking::Canonical::Ip
        } else {
            masking::Canonical::Exact
        },
    });
    let root = masking::Zeroizing::new([7; 32]);
    let id = masking::KeysetId::new([7; 8]);
    let created = "2026-01-31T12:00:00Z";
    let old = masking::Keyset::create(id, root, created, domains.to_vec(), None).unwrap();
    fs::write(scene.keyset(), old.to_json().as_bytes()).unwrap();

    // WHEN an identity by value asks for one
    for command in [&["run", "--once"][..], &["check"]] {
        let refused = binary.run(command).await;
        assert_eq!(refused.code, Some(5), "{refused:#?}");
        let said = format!("{}{}", refused.stdout, refused.stderr);
        assert!(said.contains("veilstream keys add-ledger-key"), "{said}");
    }
    let list = &["keys", "list"];
    assert!(binary.run(list).await.stdout.contains("add-ledger-key"));

    // THEN it is made as it says, once, and all works; without it everything else does, too
    assert_eq!(scene.run_once().await.code, Some(0));
    let add = &["keys", "add-ledger-key"];
    let added = binary.run(add).await;
    assert_eq!(added.code, Some(0), "{added:#?}");
    assert_eq!(binary.run(add).await.code, Some(5));
    assert!(!binary.run(list).await.stdout.contains("add-ledger-key"));
    scene.send(&event("1", "192.0.2.1"));
    scene.send(&event("1", "192.0.2.1"));
    assert_eq!(once(&binary).await, [1, 1, 0, 0]);

    // AND from then on the database knows it: a copy without it is refused
    fs::write(scene.keyset(), old.to_json().as_bytes()).unwrap();
    assert_eq!(scene.run_once().await.code, Some(5));
}
