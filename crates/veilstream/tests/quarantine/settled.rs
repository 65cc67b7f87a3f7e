//! Entries that are given up, and the end of all of them.

use serde_json::json;

use testkit::eventually;

use crate::{
    CORRECTED, NOT_THERE, ROWS, assert_refused, assert_replayed, configured, corrected, open,
    rejected, replay,
};

#[tokio::test]
async fn what_is_discarded_is_erased_and_stays_listed() {
    // GIVEN three entries, one of them replayed
    let scene = rejected(3).await;
    let ids = open(&scene).await;
    let corrected = corrected(&scene);
    assert_eq!(replay(&corrected, &[&ids[2]]).await.code, Some(0));
    let binary = scene.binary();

    // WHEN nobody confirms it, or one of them cannot be discarded, THEN none is
    let unconfirmed = binary.run(&["quarantine", "discard", &ids[0]]).await;
    let said = [
        "no terminal",
        "--yes",
        "1 entry of pipeline logins",
        "for ever",
    ];
    assert_refused(&unconfirmed, 2, &said);
    // What cannot be discarded is not asked about.
    let settled = binary.run(&["quarantine", "discard", &ids[2]]).await;
    assert_refused(&settled, 2, &["is replayed already"]);
    for other in [NOT_THERE, &ids[2]] {
        let discard = ["quarantine", "discard", "--yes", &ids[0], other];
        assert_refused(
            &binary.run(&discard).await,
            2,
            &[other, "nothing is discarded"],
        );
    }
    assert_eq!(open(&scene).await, ids[..2]);

    // WHEN
    let discard = ["quarantine", "discard", "--yes", &ids[0], &ids[0]];
    let discarded = binary.run(&discard).await;
    assert_eq!(discarded.stdout, "1 discarded\n", "{discarded:#?}");
    let discard = [
        "quarantine",
        "discard",
        "--yes",
        "--output",
        "json",
        &ids[0],
    ];
    assert_eq!(
        binary.run(&discard).await.summary(),
        json!({"discarded": 0})
    );

    // THEN the original is gone, and cannot be replayed or shown
    let erased = "SELECT count(*) FROM veilstream.quarantine \
                  WHERE state = 'discarded' AND sealed = '' AND settled_at IS NOT NULL";
    assert_eq!(scene.database.count(erased).await, 1);
    let refused = replay(&corrected, &[&ids[1], &ids[0]]).await;
    assert_refused(&refused, 2, &["was discarded", &ids[0]]);
    let show = ["quarantine", "show", "--reason", "r", &ids[0]];
    assert_refused(&binary.run(&show).await, 2, &["erased"]);
    let all = replay(&corrected, &["--all"]).await;
    assert_replayed(&all, 0, (1, 0, 0, json!({}), 0));
    assert_eq!(scene.database.count(ROWS).await, 2);
}

#[tokio::test]
async fn purging_deletes_what_is_settled_and_old_and_open_ones_only_if_so_asked() {
    // GIVEN old and young entries of each kind
    let scene = rejected(6).await;
    let ids = open(&scene).await;
    let replayed = replay(&corrected(&scene), &[&ids[0], &ids[1]]).await;
    assert_eq!(replayed.code, Some(0), "{replayed:#?}");
    let binary = scene.binary();
    let discard = ["quarantine", "discard", "--yes", &ids[2], &ids[3]];
    assert_eq!(binary.run(&discard).await.code, Some(0));
    let age = format!(
        "ALTER TABLE veilstream.quarantine DISABLE TRIGGER guard_entry; \
         UPDATE veilstream.quarantine SET quarantined_at = quarantined_at - interval '40 days', \
         settled_at = settled_at - interval '40 days' WHERE id IN ('{}', '{}', '{}')",
        ids[0], ids[2], ids[4]
    );
    scene.database.execute(&age).await;
    let purge = async |more: &[&str]| {
        let purge = ["quarantine", "purge", "--output", "json", "--older-than"];
        binary.run(&[&purge, more].concat()).await
    };

    // WHEN, THEN
    for wrong in ["30", "a month", "0d"] {
        assert_refused(&purge(&[wrong]).await, 2, &["--older-than"]);
    }
    let nothing = purge(&["41d"]).await.summary();
    let counted = |replayed, discarded, open| json!({"replayed": replayed, "duplicate": 0, "discarded": discarded, "open": open});
    assert_eq!(nothing, counted(0, 0, 0));
    assert_eq!(purge(&["30d"]).await.summary(), counted(1, 1, 0));
    assert_eq!(open(&scene).await.len(), 2);
    let unconfirmed = purge(&["30d", "--open"]).await;
    let said = ["1 entry of pipeline logins", "1 open", "for ever", "--yes"];
    assert_refused(&unconfirmed, 2, &said);
    let with_open = purge(&["30d", "--open", "--yes"]).await.summary();
    assert_eq!(with_open, counted(0, 0, 1));
    assert_eq!(open(&scene).await, ids[5..]);
    // What is replayed and purged stays loaded.
    assert_eq!(scene.database.count(ROWS).await, 2);
}

#[tokio::test]
async fn purging_goes_on_until_nothing_is_left() {
    let scene = rejected(1).await;
    let copies = "INSERT INTO veilstream.quarantine SELECT gen_random_uuid(), message_id, queue_arn, \
        pipeline, sent_at, quarantined_at, reason, column_name, sqlstate, key_id, nonce, sealed, \
        now() - interval '2 days', 'replayed' FROM veilstream.quarantine, generate_series(1, 2500)";
    scene.database.execute(copies).await;
    let purge = ["quarantine", "purge", "--older-than", "1d"];
    let purged = scene.binary().run(&purge).await;
    let said = "purged: 2500 replayed, 0 duplicate, 0 discarded, 0 open\n";
    assert_eq!(purged.stdout, said, "{purged:#?}");
    assert_eq!(open(&scene).await.len(), 1);
}

#[tokio::test]
async fn what_is_of_another_pipeline_is_left_alone_unless_all_are_asked_for() {
    // GIVEN entries of pipeline `logins`, one of them replayed, and the configuration of another one
    let scene = rejected(3).await;
    let ids = open(&scene).await;
    assert_eq!(replay(&corrected(&scene), &[&ids[2]]).await.code, Some(0));
    let age = "ALTER TABLE veilstream.quarantine DISABLE TRIGGER guard_entry; \
        UPDATE veilstream.quarantine SET quarantined_at = quarantined_at - interval '40 days', \
        settled_at = settled_at - interval '40 days'";
    scene.database.execute(age).await;
    let other = CORRECTED.replace("\"logins\"", "\"other\"");
    let other = configured(&scene, &other);

    // WHEN it discards, purges and lists, THEN nothing of theirs is touched or shown
    let discarded = other
        .run(&["quarantine", "discard", "--yes", &ids[0]])
        .await;
    let said = ["of pipeline logins", "nothing is discarded"];
    assert_refused(&discarded, 2, &said);
    let purge = ["quarantine", "purge", "--older-than", "30d", "--open"];
    let purged = other.run(&purge).await;
    let said = "purged: 0 replayed, 0 duplicate, 0 discarded, 0 open\n";
    assert_eq!(purged.stdout, said, "{purged:#?}");
    assert_eq!(open(&scene).await, ids[..2]);
    let listed = other.run(&["quarantine", "list"]).await;
    let said = "nothing of pipeline other is open\n\
        also open (--all-pipelines): 2 of pipeline logins\n";
    assert_eq!(listed.stdout, said, "{listed:#?}");
    let listed = other.run(&["quarantine", "list", "--all-pipelines"]).await;
    for part in [&ids[0], &ids[1], "pipeline", "logins"] {
        assert!(listed.stdout.contains(part), "{part}: {listed:#?}");
    }

    // WHEN all pipelines are asked for, THEN the question tells of what, and all goes
    let all = [&purge[..], &["--all-pipelines"]].concat();
    let said = ["3 entries of all pipelines", "1 replayed", "2 open"];
    assert_refused(&other.run(&all).await, 2, &said);
    let purged = other.run(&[&all[..], &["--yes"]].concat()).await;
    let said = "purged: 1 replayed, 0 duplicate, 0 discarded, 2 open\n";
    assert_eq!(purged.stdout, said, "{purged:#?}");
    assert!(open(&scene).await.is_empty());
}

#[tokio::test]
async fn two_purges_at_once_end_with_nothing_left() {
    let scene = rejected(1).await;
    let copies = "INSERT INTO veilstream.quarantine SELECT gen_random_uuid(), message_id, queue_arn, \
        pipeline, sent_at, quarantined_at, reason, column_name, sqlstate, key_id, nonce, sealed, \
        now() - interval '2 days', 'replayed' FROM veilstream.quarantine, generate_series(1, 5000)";
    scene.database.execute(copies).await;
    // GIVEN somebody who has deleted what a purge picks first, and has not committed
    let somebody = scene.database.connect().await;
    let delete = "BEGIN; DELETE FROM veilstream.quarantine WHERE id IN (\
        SELECT id FROM veilstream.quarantine WHERE state <> 'open' ORDER BY settled_at LIMIT 1000)";
    somebody.batch_execute(delete).await.unwrap();

    // WHEN
    let purge = ["quarantine", "purge", "--older-than", "1d"];
    let running = scene.binary().start(&purge);
    eventually("it waits", || async {
        let waiting = "SELECT count(*) FROM pg_stat_activity \
            WHERE datname = current_database() AND wait_event_type = 'Lock'";
        scene.database.count(waiting).await == 1
    })
    .await;
    somebody.batch_execute("COMMIT").await.unwrap();

    // THEN it goes on with the rest
    let purged = running.finish().await;
    assert_eq!(purged.code, Some(0), "{purged:#?}");
    let left = "SELECT count(*) FROM veilstream.quarantine WHERE state <> 'open'";
    assert_eq!(scene.database.count(left).await, 0, "{purged:#?}");
}
