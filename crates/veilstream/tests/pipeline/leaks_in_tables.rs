//! `veilstream inspect --table`: any table, read and nothing else.

use serde_json::{Value, json};
use testkit::{Finished, Scene};

use crate::{BINARY, assert_counted, event, leaks::field};

async fn inspected(scene: &Scene, table: &str) -> Finished {
    scene
        .binary()
        .run(&["inspect", "--output", "json", "--table", table])
        .await
}

/// Kind, concern, state and method to choose of a column.
fn verdict(inspected: &Finished, column: &str) -> [Value; 4] {
    let field = field(inspected, column);
    [
        field["looks_like"]["kind"].clone(),
        field["concern"].clone(),
        field["loading"]["state"].clone(),
        field["advice"]["method"].clone(),
    ]
}

#[tokio::test]
async fn a_table_of_somebody_else_is_read_and_not_shown() {
    // GIVEN a table of many types, in a schema and with names that need quotes
    let scene = Scene::new(BINARY).await;
    scene
        .database
        .execute(
            "CREATE SCHEMA \"crm Data\"; \
             CREATE TABLE \"crm Data\".\"Customers\" AS SELECT n AS id, \
             'canary' || n || '@example.com' AS contact, \
             format('%s-%s-%s', 100 + n, 10 + n % 89, 1000 + n) AS \"code \"\"x\"\"\", \
             date '1950-01-01' + n * 80 AS day, \
             ('203.0.113.' || n % 250)::inet AS seen_from, \
             jsonb_build_object('phone', '+49 170 ' || 1000000 + n) AS extra, \
             CASE WHEN n % 2 = 0 THEN 'canary-level' END AS level, \
             now() AS changed_at, null::text AS nothing, '\\xca0a'::bytea AS bytes, \
             ARRAY['canary'] AS many \
             FROM generate_series(1, 300) AS n",
        )
        .await;
    let before = "SELECT (sum(hashtext(c::text)))::text FROM \"crm Data\".\"Customers\" AS c";
    let rows = scene.database.rows(before).await;

    // WHEN
    let inspected = inspected(&scene, "crm Data.Customers").await;
    let drawn = scene
        .binary()
        .run(&["inspect", "--table", "crm Data.Customers", "--sample", "50"])
        .await;

    // THEN
    assert_eq!(inspected.total("sampled"), 300, "{inspected:#?}");
    let verdict = |column: &str| verdict(&inspected, column);
    assert_eq!(verdict("contact"), ["email", "personal", "clear", "siv"]);
    assert_eq!(
        verdict("code \"x\""),
        ["national_id", "personal", "clear", "hmac"]
    );
    assert_eq!(
        verdict("day"),
        ["date_of_birth", "personal", "clear", "drop"]
    );
    assert_eq!(verdict("seen_from"), ["ip", "personal", "clear", "siv"]);
    assert_eq!(
        verdict("extra/phone"),
        ["phone", "personal", "clear", "siv"]
    );
    assert_eq!(verdict("id"), ["number", "none", "clear", "clear"]);
    assert_eq!(verdict("changed_at"), ["time", "none", "clear", "clear"]);
    assert_eq!(verdict("nothing"), ["nothing", "none", "clear", "clear"]);
    let level = field(&inspected, "level");
    assert_eq!(
        (&level["nulls"], &level["values"]),
        (&json!(150), &json!(150))
    );
    assert_eq!(inspected.total("personal_in_clear"), 5);
    let shape = &field(&inspected, "code \"x\"")["shape"];
    assert_eq!(*shape, json!("ddd-dd-dddd"));
    let last = drawn.stdout.lines().last().unwrap();
    assert_eq!(
        last, "5 fields look personal and are in clear.",
        "{drawn:#?}"
    );
    for run in [&inspected, &drawn] {
        for canary in ["canary", "203.0.113", "+49", "1950"] {
            assert!(!run.stdout.contains(canary), "{canary}: {run:#?}");
            assert!(!run.stderr.contains(canary), "{canary}: {run:#?}");
        }
    }
    assert_eq!(scene.database.rows(before).await, rows);
}

#[tokio::test]
async fn tokens_are_known_and_values_in_clear_among_them_are_told() {
    // GIVEN rows that veilstream has written
    let scene = Scene::new(BINARY).await;
    for number in 0..30_u128 {
        scene.send(&event(&[
            ("ip", json!(format!("192.0.2.{number}"))),
            ("user_id", json!(uuid::Uuid::from_u128(number).to_string())),
        ]));
    }
    assert_counted(&scene.run_once().await, [30, 30, 0, 0, 0, 30]);
    let loaded = inspected(&scene, "user_logins").await;
    assert_eq!(
        verdict(&loaded, "masked_ip"),
        ["siv_token", "none", "masked", "clear"]
    );
    assert_eq!(
        verdict(&loaded, "user_id"),
        ["uuid", "pseudonym", "clear", "siv"]
    );
    assert_eq!(loaded.summary()["source"]["table"], "public.user_logins");
    assert_eq!(loaded.summary()["source"]["configured"], true);
    assert_eq!(loaded.total("personal_in_clear"), 0);

    // AND a copy, of which the configuration knows nothing
    scene
        .database
        .execute("CREATE TABLE public.copied AS SELECT * FROM user_logins")
        .await;
    let copied = inspected(&scene, "public.copied").await;
    assert_eq!(
        verdict(&copied, "masked_ip"),
        ["siv_token", "none", "masked", "clear"]
    );
    assert_eq!(copied.summary()["source"]["configured"], false);

    // WHEN one address in clear is among the tokens of each
    for table in ["user_logins", "copied"] {
        let insert = format!("INSERT INTO {table} (masked_ip) VALUES ('198.51.100.251')");
        scene.database.execute(&insert).await;
        let mixed = inspected(&scene, table).await;

        // THEN neither is called masked
        let masked_ip = verdict(&mixed, "masked_ip");
        assert_eq!(masked_ip, ["siv_token", "personal", "unmasked", "siv"]);
        assert_eq!(mixed.total("personal_in_clear"), 1);
    }
    let drawn = scene.binary().run(&["inspect", "--table", "copied"]).await;
    for words in ["in part in clear, though masked (siv)", "3 % are no tokens"] {
        assert!(drawn.stdout.contains(words), "{drawn:#?}");
    }

    // WHEN somebody else writes addresses in clear into the masked column
    scene
        .database
        .execute(
            "INSERT INTO user_logins (masked_ip) SELECT '198.51.100.' || n \
             FROM generate_series(1, 250) AS n",
        )
        .await;

    // THEN
    let mixed = inspected(&scene, "user_logins").await;
    let masked_ip = verdict(&mixed, "masked_ip");
    assert_eq!(masked_ip, ["ip", "personal", "unmasked", "siv"]);
    assert_eq!(mixed.total("personal_in_clear"), 1);
}

#[tokio::test]
async fn a_role_reads_what_it_may_and_is_told_what_it_may_not() {
    let scene = Scene::new(BINARY).await;
    scene
        .database
        .execute(
            "SET search_path = public; CREATE TABLE people (id int, email text, salary int); \
             INSERT INTO people VALUES (1, 'a@example.com', 7); CREATE TABLE closed (id int); \
             CREATE ROLE inspector LOGIN PASSWORD 'of-the-inspector'; \
             GRANT SELECT (id, email) ON people TO inspector; \
             GRANT CREATE ON SCHEMA public TO inspector",
        )
        .await;
    let url = scene.database.url();
    let (_, server) = url.rsplit_once('@').unwrap();
    let url = format!("postgresql://inspector:of-the-inspector@{server}");
    let binary = scene.binary().with("DATABASE_URL", &url);
    let part = binary
        .run(&["inspect", "--output", "json", "--table", "people"])
        .await;
    assert_eq!(verdict(&part, "email")[1], "personal");
    assert_eq!(part.summary()["source"]["unreadable"], json!(["salary"]));
    let drawn = binary.run(&["inspect", "--table", "people"]).await;
    assert!(drawn.stdout.contains("may not read salary"), "{drawn:#?}");
    let refused = binary.run(&["inspect", "--table", "closed"]).await;
    assert_eq!(refused.code, Some(4), "{refused:#?}");
    assert!(refused.stderr.contains("GRANT SELECT ON"), "{refused:#?}");
    let missing = binary.run(&["inspect", "--table", "nowhere.to_be"]).await;
    assert_eq!(missing.code, Some(4), "{missing:#?}");
    assert!(missing.stderr.contains("nowhere.to_be"), "{missing:#?}");
}

#[tokio::test]
async fn views_partitions_and_large_tables_are_sampled() {
    // GIVEN 78 MB of rows in partitions, a view of them, and nothing
    let scene = Scene::new(BINARY).await;
    scene
        .database
        .execute(
            "SET search_path = public; CREATE TABLE large (n int, filler text) PARTITION BY RANGE (n); \
             CREATE TABLE large_1 PARTITION OF large FOR VALUES FROM (0) TO (20000); \
             CREATE TABLE large_2 PARTITION OF large FOR VALUES FROM (20000) TO (40000); \
             INSERT INTO large SELECT n, repeat('x', 1900) FROM generate_series(0, 39999) AS n; \
             CREATE VIEW seen AS SELECT n FROM large; CREATE TABLE nothing (email text)",
        )
        .await;
    for analyzed in [false, true] {
        if analyzed {
            scene.database.execute("ANALYZE public.large").await;
        }
        let large = inspected(&scene, "large").await;
        let sampled = large.total("sampled");
        assert!((500..=1000).contains(&sampled), "{sampled}");
        assert!(
            field(&large, "n")["distinct"].as_u64() > Some(200),
            "{large:#?}"
        );
    }
    assert_eq!(inspected(&scene, "seen").await.total("sampled"), 1000);
    let nothing = inspected(&scene, "nothing").await;
    assert_eq!(nothing.total("sampled"), 0, "{nothing:#?}");
}
