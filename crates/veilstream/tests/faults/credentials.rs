//! Credentials that end while the worker runs.

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    sync::atomic::{AtomicUsize, Ordering},
};

use testkit::{Binary, Scene, eventually, python};

use crate::{
    BINARY,
    logins::{send, settle_and_end},
    sql::Sql,
    sqs_proxy::{Fault, Refusal, SqsProxy},
};

/// The binary with a profile whose credentials are numbered: `AKID1`, then `AKID2`, …, each of
/// which lasts for so many seconds.
fn with_numbered_credentials(scene: &Scene, proxy: &SqsProxy, seconds: u32) -> Binary {
    let folder = scene.folder.path();
    let (script, config) = (folder.join("credentials.py"), folder.join("aws-config"));
    let text = format!(
        r#"#!{python}
import datetime, json
with open("{count}", "a") as count:
    count.write("x")
    number = count.tell()
end = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds={seconds})
print(json.dumps({{"Version": 1, "AccessKeyId": f"AKID{{number}}", "SecretAccessKey": "secret",
                  "SessionToken": "token", "Expiration": end.strftime("%Y-%m-%dT%H:%M:%SZ")}}))
"#,
        python = python().display(),
        count = folder.join("count").display(),
    );
    fs::write(&script, text).unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    let profile = format!("[default]\ncredential_process = {}\n", script.display());
    fs::write(&config, profile).unwrap();
    scene
        .binary()
        .with("AWS_CONFIG_FILE", &config.display().to_string())
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url())
}

/// The access keys that calls were signed with, in the order in which they came up.
fn access_keys(proxy: &SqsProxy) -> Vec<String> {
    let mut keys = Vec::new();
    for call in proxy.calls("ReceiveMessage") {
        let authorization = call.headers["authorization"].to_str().unwrap();
        let key = authorization.split("Credential=").nth(1).unwrap();
        let key = key.split('/').next().unwrap().to_owned();
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

#[tokio::test]
async fn credentials_are_renewed_before_they_end() {
    // GIVEN a worker whose credentials end five minutes and a few seconds after each renewal
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::to(&scene).await;
    let running =
        with_numbered_credentials(&scene, &proxy, 303).start(&["run", "--output", "json"]);

    // WHEN messages keep coming, THEN it gets others, and goes on
    let mut sent = 0;
    while access_keys(&proxy).len() < 3 {
        send(&scene, sent..sent + 10);
        sent += 10;
        eventually("they are loaded", || async { scene.queued() == 0 }).await;
    }
    let finished = settle_and_end(&scene, running).await;
    assert_eq!(access_keys(&proxy)[..3], ["AKID1", "AKID2", "AKID3"]);
    assert!(
        !finished.stderr.contains("does not answer"),
        "{finished:#?}"
    );
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(sent).await;
}

#[tokio::test]
async fn credentials_of_which_the_queue_says_that_they_have_ended_are_renewed_at_once() {
    // GIVEN a worker whose credentials would last, and a queue that ends them in mid-run
    let scene = Scene::new(BINARY).await;
    let receives = AtomicUsize::new(0);
    let proxy = SqsProxy::with(&scene, move |action, _| {
        if action == "ReceiveMessage" && receives.fetch_add(1, Ordering::SeqCst) == 20 {
            Fault::Refuse(Refusal {
                status: 403,
                code: "ExpiredTokenException",
                retry_after: None,
            })
        } else {
            Fault::Pass
        }
    })
    .await;
    let binary = with_numbered_credentials(&scene, &proxy, 36_000);

    // WHEN messages come, THEN the next ones serve
    send(&scene, 0..500);
    let finished = settle_and_end(&scene, binary.start(&["run", "--output", "json"])).await;
    assert_eq!(access_keys(&proxy), ["AKID1", "AKID2"]);
    assert!(
        !finished.stderr.contains("does not answer"),
        "{finished:#?}"
    );
    let sql = Sql::connect(&scene.database.url()).await;
    sql.assert_each_once(500).await;
}
