//! Entries that are given up, and the end of all of them.

use serde_json::json;

use crate::{NOT_THERE, ROWS, assert_refused, assert_replayed, corrected, open, rejected, replay};

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
    assert_refused(&unconfirmed, 2, &["no terminal", "--yes", "for ever"]);
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
        "UPDATE veilstream.quarantine SET quarantined_at = quarantined_at - interval '40 days', \
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
    assert_refused(&unconfirmed, 2, &["1 entry", "for ever", "--yes"]);
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
