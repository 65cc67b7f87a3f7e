//! A key's life from end to end: added, promoted, and at last destroyed.

use serde_json::json;
use testkit::{Binary, Scene};

use crate::{
    IP, VEILSTREAM,
    folder::{done, refused, tokens},
};

fn event(user: &str) -> String {
    json!({"user_id": user, "ip": IP, "device_id": "593-47-5928"}).to_string()
}

async fn masked_ip(scene: &Scene, user: &str) -> String {
    let sql = format!("SELECT masked_ip FROM user_logins WHERE user_id = '{user}'");
    let mut rows = scene.database.rows(&sql).await.concat();
    assert_eq!(rows.len(), 1, "{rows:?}");
    rows.remove(0).unwrap()
}

async fn unmask(binary: &Binary, token: &str) -> testkit::Finished {
    binary.run(&["unmask", "--reason", "test", token]).await
}

#[tokio::test]
async fn tokens_outlive_a_promotion_and_end_with_their_key() {
    // GIVEN a row under the first key, one that is sealed, and domains that stay on a key
    let scene = Scene::new(VEILSTREAM).await;
    let binary = scene.binary();
    let keys = async |arguments: &[&str]| done(binary.run(&[&["keys"], arguments].concat()).await);
    keys(&["add-domain", "peer", "--method", "ip"]).await;
    keys(&["add-domain", "news", "--method", "hmac"]).await;
    scene.send(&event("before"));
    done(scene.run_once().await);
    let first = masked_ip(&scene, "before").await;
    let peer = tokens(&binary, "peer", &[IP]).await;
    let news = tokens(&binary, "news", &["a"]).await;

    // WHEN a key is added, it changes nothing yet
    let added = keys(&["add"]).await;
    assert!(added.stdout.contains("Distribute the file"), "{added:#?}");
    assert_eq!(tokens(&binary, "ip", &[IP]).await, [[first.clone()]]);

    // AND is promoted, THEN new rows are masked with it, and both tokens are known
    let promoted = keys(&["promote", "2"]).await.stdout;
    for words in [
        "ip, device_id",
        "need the stored",
        "until they are restarted",
        "keys promote 2 --domain peer",
        "keys promote 2 --domain news",
    ] {
        assert!(promoted.contains(words), "{words}: {promoted}");
    }
    scene.send(&event("after"));
    done(scene.run_once().await);
    let second = masked_ip(&scene, "after").await;
    assert_ne!(first, second);
    let both = tokens(&binary, "ip", &[IP, "10.0.0.1"]).await;
    assert_eq!(both[0], [second.clone(), first.clone()]);
    assert_eq!((both.len(), both[1].len()), (2, 2));
    let listed = binary
        .run(&["mask", "--domain", "ip", "--output", "json", IP])
        .await;
    assert_eq!(
        listed.summary(),
        json!([[{"key": 2, "token": second}, {"key": 1, "token": first}]])
    );
    for token in [&first, &second] {
        let unmasked = done(unmask(&binary, token).await);
        assert_eq!(unmasked.stdout.trim(), IP);
    }

    // AND the documented way finds both rows
    let found = scene
        .database
        .rows(&format!(
            "SELECT user_id FROM user_logins WHERE masked_ip = ANY (string_to_array('{}', E'\\t'))",
            both[0].join("\t")
        ))
        .await;
    assert_eq!(found.len(), 2);

    // AND pinned domains keep theirs until they are promoted
    assert_eq!(tokens(&binary, "peer", &[IP]).await[0][0], peer[0][0]);
    assert_eq!(tokens(&binary, "news", &["a"]).await[0][0], news[0][0]);
    let said = refused(binary.run(&["keys", "destroy", "1", "--yes"]).await, 5);
    assert!(said.contains("peer, news"), "{said}");
    let moved = keys(&["promote", "2", "--domain", "peer"]).await.stdout;
    assert!(moved.contains("do not say which key"), "{moved}");
    assert!(moved.contains("unmask --domain peer --key 1"), "{moved}");
    let mut older = vec!["unmask", "--reason", "test"];
    older.extend(["--domain", "peer", "--key", "1", &peer[0][0]]);
    assert_eq!(done(binary.run(&older).await).stdout.trim(), IP);
    keys(&["promote", "2", "--domain", "news"]).await;
    let moved = tokens(&binary, "peer", &[IP]).await;
    assert_ne!(moved[0][0], peer[0][0]);
    assert_eq!(moved[0][1], peer[0][0]);

    // WHEN the first key is destroyed, THEN what it made is lost and the rest is not
    let destroyed = keys(&["destroy", "1", "--yes"]).await.stdout;
    assert!(
        destroyed.contains("quarantine") && destroyed.contains("Backups"),
        "{destroyed}"
    );
    let said = refused(unmask(&binary, &first).await, 5);
    assert!(said.contains("the key was destroyed"), "{said}");
    done(unmask(&binary, &second).await);
    assert_eq!(tokens(&binary, "ip", &[IP]).await, [[second]]);
    scene.send(&event("later"));
    done(scene.run_once().await);
}
