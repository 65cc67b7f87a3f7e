//! What is said to PostgreSQL outside of transactions: nothing that depends on the connection, since
//! a pooler in transaction mode may give each transaction another one.

use std::sync::atomic::{AtomicUsize, Ordering};

use testkit::{Binary, Scene};

use crate::{
    BINARY,
    logins::{DEVICE, IP, send},
    postgres_proxy::{Line, PostgresProxy},
    sql::Sql,
    sqs_proxy::{Change, Fault, SqsProxy},
};

const VALUE: &str = "identity = \"body_digest\"\nidentity_retention = \"30d\"";
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

/// Runs a command that has to succeed.
async fn run(binary: &Binary, arguments: &[&str]) -> String {
    let finished = binary.run(arguments).await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    finished.stdout
}

#[tokio::test]
async fn no_statement_is_prepared_used_or_closed_outside_of_a_transaction() {
    // GIVEN a scene that needs everything: redeliveries, a table and a trigger that refuse rows, strays,
    // events known by value, a ledger without today's day and with old ones
    let scene = Scene::new(BINARY).await;
    let proxy = PostgresProxy::to(&scene.database.url()).await;
    let received = AtomicUsize::new(0);
    let queue = SqsProxy::with(&scene, move |action, request| {
        let again = action == "ReceiveMessage" && received.fetch_add(1, Ordering::SeqCst) < 9;
        if !again {
            return Fault::Pass;
        }
        Fault::Change(Change {
            request: request.clone(),
            answer: Box::new(|mut answer| {
                if let Some(messages) = answer["Messages"].as_array_mut() {
                    messages.extend(messages.clone());
                }
                answer
            }),
        })
    })
    .await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(
        "ALTER TABLE user_logins ADD CHECK (user_id <> 'user-7'); \
         SELECT veilstream.add_ledger_partition(19000 + day) FROM generate_series(1, 3) AS day; \
         DO $$ BEGIN EXECUTE (SELECT string_agg('DROP TABLE veilstream.' || relname, '; ') \
         FROM pg_inherits JOIN pg_class c ON c.oid = inhrelid \
         WHERE relkind = 'r' AND relname >= 'ledger_' || to_char(now() AT TIME ZONE 'UTC', 'YYYYMMDD')); END $$",
    )
    .await;
    let settings = scene.folder.path().join("by-value.toml");
    let text = format!("[pipeline]\ntable = \"user_logins\"\n{VALUE}\n{COLUMNS}");
    std::fs::write(&settings, text).unwrap();
    let recorded = || {
        let database = proxy.url(&scene.database.url());
        let binary = scene.binary().with("DATABASE_URL", &database);
        binary.with("VEILSTREAM_QUEUE_URL", &queue.queue_url())
    };
    let binary = recorded();
    let by_value = recorded().with("VEILSTREAM_CONFIG", &settings.display().to_string());

    // WHEN everything is done that a worker and an owner do
    for binary in [&binary, &by_value] {
        run(binary, &["migrate"]).await;
        run(binary, &["check"]).await;
        send(&scene, 0..50);
        send(&scene, 0..5);
        scene.send("no JSON at all");
        run(binary, &["run", "--once", "--output", "json"]).await;
    }
    let tokens = "SELECT masked_ip::text, masked_device_id::text FROM user_logins \
                  WHERE masked_device_id IS NOT NULL LIMIT 1";
    let tokens = scene.database.rows(tokens).await.remove(0);
    for (token, value) in tokens.into_iter().zip([IP, DEVICE]) {
        let reason = ["unmask", "--reason", "a test", &token.unwrap()];
        assert_eq!(run(&binary, &reason).await.trim(), value);
    }
    run(&binary, &["audit", "list"]).await;
    run(&binary, &["audit", "verify"]).await;
    run(&binary, &["quarantine", "list"]).await;
    let replayed = binary.run(&["quarantine", "replay", "--all"]).await;
    assert_eq!(replayed.code, Some(8), "{replayed:#?}");
    for entry in scene.quarantine().await {
        let id = entry["id"].as_str().unwrap();
        run(&binary, &["quarantine", "show", id, "--reason", "a test"]).await;
        let pipeline = entry["pipeline"].as_str().unwrap();
        let binary = if pipeline == "logins" {
            &binary
        } else {
            &by_value
        };
        run(binary, &["quarantine", "discard", "--yes", id]).await;
    }
    run(&binary, &["quarantine", "purge", "--older-than", "1s"]).await;
    run(&binary, &["migrate", "--new-key-set"]).await;

    // THEN
    let said = proxy.said_outside_transactions();
    assert!(said.is_empty(), "{said:#?}");

    // AND all of it went through the proxy
    proxy.set(Line::Down);
    assert_eq!(binary.run(&["check"]).await.code, Some(4));
}
