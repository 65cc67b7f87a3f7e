//! Key sets that the database knows otherwise are refused before a message is taken.

use std::{fs, os::unix::fs::PermissionsExt, path::PathBuf};

use masking::{Keyset, Zeroizing};
use testkit::{Binary, Scene};

use crate::{BINARY, IP, assert_silent, keyset, token, unmask};

const EVENT: &str = r#"{"user_id": "u", "ip": "203.0.113.77", "device_id": "d"}"#;

fn write(scene: &Scene, name: &str, keyset: &Keyset) -> PathBuf {
    let path = scene.folder.path().join(name);
    fs::write(&path, keyset.to_json().as_bytes()).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

/// A copy of the scene's key set that has one change more.
fn changed(scene: &Scene, name: &str, root: u8) -> PathBuf {
    let mut keyset = keyset(&scene.keyset());
    let root = Zeroizing::new([root; 32]);
    keyset.add_key(root, "2026-01-31T12:00:00Z").unwrap();
    write(scene, name, &keyset)
}

fn with(scene: &Scene, path: &std::path::Path) -> Binary {
    let path = path.display().to_string();
    scene.binary().with("VEILSTREAM_KEYSET", &path)
}

async fn assert_runs(scene: &Scene, binary: &Binary) {
    scene.send(EVENT);
    let waiting = scene.queued();
    let run = binary.run(&["run", "--once", "--output", "json"]).await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    let loaded = usize::try_from(run.total("loaded")).unwrap();
    assert_eq!(loaded, waiting, "{run:#?}");
}

/// Neither `run` nor `check` begins, and no message is taken.
async fn assert_refused(scene: &Scene, binary: &Binary, said: &[&str]) {
    scene.send(EVENT);
    let waiting = scene.queued();
    for command in [&["run", "--once"][..], &["check"]] {
        let refused = binary.run(command).await;
        assert_eq!(refused.code, Some(5), "{refused:#?}");
        let all = format!("{}{}", refused.stdout, refused.stderr);
        for part in said {
            assert!(all.contains(part), "{part}: {refused:#?}");
        }
    }
    let taken = scene.queue.counts(testkit::QUEUE).unwrap().in_flight;
    assert_eq!(taken, 0);
    assert_eq!(scene.queued(), waiting);
}

#[tokio::test]
async fn an_older_copy_of_the_key_set_is_refused() {
    let scene = Scene::new(BINARY).await;
    assert_runs(&scene, &scene.binary()).await;
    // A look changes nothing: only a run makes the newer generation the one that counts.
    let newer = changed(&scene, "newer.json", 3);
    let checked = with(&scene, &newer).run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    assert_runs(&scene, &scene.binary()).await;
    assert_runs(&scene, &with(&scene, &newer)).await;

    let said = ["out of date", "generation 1", "generation 2", "newest copy"];
    assert_refused(&scene, &scene.binary(), &said).await;
    let token = token(&scene, "ip", IP);
    let refused = unmask(&scene.binary(), &[&token]).await;
    assert_silent(&refused, 5, &["out of date"]);
    let entries = "SELECT count(*) FROM veilstream.audit";
    assert_eq!(scene.database.count(entries).await, 0);
}

#[tokio::test]
async fn a_generation_that_only_unmask_has_shown_does_not_count() {
    let scene = Scene::new(BINARY).await;
    assert_runs(&scene, &scene.binary()).await;
    let newer = changed(&scene, "newer.json", 3);
    let token = token(&scene, "ip", IP);
    let unmasked = unmask(&with(&scene, &newer), &[&token]).await;
    assert_eq!(unmasked.code, Some(0), "{unmasked:#?}");
    // Whoever unmasks could else stop every worker with a generation that nobody has.
    let seen = "SELECT generation FROM veilstream.key_set";
    assert_eq!(scene.database.count(seen).await, 1);
    assert_runs(&scene, &scene.binary()).await;
}

#[tokio::test]
async fn a_copy_that_was_changed_apart_from_the_others_is_refused() {
    let scene = Scene::new(BINARY).await;
    let one = changed(&scene, "one.json", 3);
    let other = changed(&scene, "other.json", 4);
    assert_runs(&scene, &with(&scene, &one)).await;
    let said = ["generation 2", "other contents", "copies"];
    assert_refused(&scene, &with(&scene, &other), &said).await;
}

/// Id and domains can be read in a file that is wrapped: who can write it could put keys of his own in.
#[tokio::test]
async fn a_key_set_of_the_same_id_with_other_keys_is_refused_whatever_its_generation() {
    let scene = Scene::new(BINARY).await;
    assert_runs(&scene, &scene.binary()).await;
    let ours = keyset(&scene.keyset());
    let created = "2026-01-31T12:00:00Z";
    let domains = ours.domains().cloned().collect();
    let root = Zeroizing::new([66; 32]);
    let mut forged = Keyset::create(ours.id(), root, created, domains, None).unwrap();
    forged.add_key(Zeroizing::new([67; 32]), created).unwrap();
    let other_key = with(&scene, &write(&scene, "other-key.json", &forged));
    // A key that is said to be destroyed needs no root.
    forged.promote(2).unwrap();
    forged.destroy(1).unwrap();
    let destroyed = with(&scene, &write(&scene, "destroyed.json", &forged));
    for forgery in [other_key, destroyed] {
        assert_refused(&scene, &forgery, &["are not those that the database knows"]).await;
    }
    assert_runs(&scene, &scene.binary()).await;
}

/// Changes of an old copy would else make it the newest, and the keys that it lacks would be lost.
#[tokio::test]
async fn an_old_copy_that_was_changed_further_is_refused_until_the_owner_lets_it_begin() {
    let scene = Scene::new(BINARY).await;
    let newest = changed(&scene, "newest.json", 3);
    assert_runs(&scene, &with(&scene, &newest)).await;
    let mut old = keyset(&scene.keyset());
    for name in ["one", "two", "three"] {
        let domain = old.domain("device_id").unwrap().clone();
        let name = name.parse().unwrap();
        old.add_domain(masking::DomainSpec { name, ..domain })
            .unwrap();
    }
    let old = with(&scene, &write(&scene, "old.json", &old));
    assert_refused(
        &scene,
        &old,
        &["are not those that the database knows", "--new-key-set"],
    )
    .await;

    let migrated = scene.binary().run(&["migrate", "--new-key-set"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    assert_runs(&scene, &old).await;
}

#[tokio::test]
async fn a_key_that_is_destroyed_stays_so() {
    let scene = Scene::new(BINARY).await;
    let mut keyset = keyset(&scene.keyset());
    keyset
        .add_key(Zeroizing::new([3; 32]), "2026-01-31T12:00:00Z")
        .unwrap();
    keyset.promote(2).unwrap();
    assert_runs(
        &scene,
        &with(&scene, &write(&scene, "promoted.json", &keyset)),
    )
    .await;
    let mut revived = Keyset::from_json(keyset.to_json().as_bytes()).unwrap();
    keyset.destroy(1).unwrap();
    assert_runs(
        &scene,
        &with(&scene, &write(&scene, "destroyed.json", &keyset)),
    )
    .await;
    for root in [4, 5] {
        let root = Zeroizing::new([root; 32]);
        revived.add_key(root, "2026-01-31T12:00:00Z").unwrap();
    }
    let revived = with(&scene, &write(&scene, "revived.json", &revived));
    assert_refused(&scene, &revived, &["are not those that the database knows"]).await;
}

#[tokio::test]
async fn another_key_set_is_refused_until_the_owner_lets_it_begin() {
    // GIVEN a table with tokens of one key set
    let scene = Scene::new(BINARY).await;
    assert_runs(&scene, &scene.binary()).await;
    let path = scene.folder.path().join("another.json");
    let name = path.display().to_string();
    let create = ["keys", "create", &name, "--plaintext"];
    assert_eq!(Binary::new(BINARY).run(&create).await.code, Some(0));
    let another = with(&scene, &path);

    // WHEN another one comes
    let first = keyset(&scene.keyset()).id().to_string();
    let second = keyset(&path).id().to_string();
    let said = [&first[..], &second, "user_logins", "migrate --new-key-set"];
    assert_refused(&scene, &another, &said).await;

    // THEN it opens tokens of its own all the same, but loads only when the owner says so
    let migrated = scene.binary().run(&["migrate", "--new-key-set"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    assert!(migrated.stdout.contains(&first), "{migrated:#?}");
    assert!(migrated.stdout.contains("will not match"), "{migrated:#?}");
    let said = "stop every worker of this table first";
    assert!(migrated.stdout.contains(said), "{migrated:#?}");
    let run = another.run(&["run", "--once", "--output", "json"]).await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    assert_eq!(run.total("loaded"), 1, "{run:#?}");
    assert_refused(&scene, &scene.binary(), &[&second]).await;
}

#[tokio::test]
async fn workers_with_the_same_key_set_start_at_once() {
    let scene = Scene::new(BINARY).await;
    for _ in 0..4 {
        scene.send(EVENT);
    }
    let runs = tokio::join!(scene.run_once(), scene.run_once(), scene.run_once());
    for run in [&runs.0, &runs.1, &runs.2] {
        assert_eq!(run.code, Some(0), "{run:#?}");
    }
    let rows = "SELECT count(*) FROM user_logins";
    assert_eq!(scene.database.count(rows).await, 4);
    let seen = "SELECT count(*) FROM veilstream.key_set";
    assert_eq!(scene.database.count(seen).await, 1);
}

#[tokio::test]
async fn tables_of_one_database_may_have_key_sets_of_their_own() {
    let scene = Scene::new(BINARY).await;
    let ask = |id: char, table: &str| {
        let id = id.to_string().repeat(16);
        format!(
            "SELECT outcome FROM veilstream.use_key_set('{id}', 1, decode(repeat('00', 32), 'hex'), \
             '{{1}}', ARRAY[decode(repeat('cd', 16), 'hex')], '{table}')"
        )
    };
    scene
        .database
        .execute("CREATE SCHEMA \"Odd one\"; CREATE TABLE \"Odd one\".\"t.\" (a text)")
        .await;
    let odd = "\"Odd one\".\"t.\"";
    for (id, table, outcome) in [
        ('a', "public.user_logins", "ok"),
        ('b', odd, "ok"),
        ('a', odd, "other"),
        ('b', "public.user_logins", "other"),
    ] {
        let answer = scene.database.rows(&ask(id, table)).await;
        assert_eq!(answer, [[Some(outcome.to_owned())]], "{id} {table}");
    }
}
