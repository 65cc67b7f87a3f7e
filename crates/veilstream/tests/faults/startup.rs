//! What is wrong before the first message is taken: `run` and `check` find it, name it, say what to
//! do, and end with the code of what it is about.

use std::{
    fs::{self, Permissions},
    net::Ipv4Addr,
    os::unix::fs::PermissionsExt,
    time::{Duration, Instant},
};

use serde_json::Value;
use testkit::{Binary, Scene};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

use crate::{BINARY, logins::send, sql::Sql};

/// WHEN `run` and `check` start, as text and as JSON, THEN each ends with the code and says the
/// same, soon, and without the database's password.
async fn assert_found(binary: &Binary, code: i32, said: &[&str], secrets: &[&str]) {
    for arguments in [
        &["run"][..],
        &["run", "--once", "--output", "json"],
        &["check"],
        &["check", "--output", "json"],
    ] {
        let began = Instant::now();
        let finished = binary.run(arguments).await;
        assert_eq!(finished.code, Some(code), "{arguments:?}: {finished:#?}");
        assert!(began.elapsed() < Duration::from_secs(10), "{arguments:?}");
        let mut all = format!("{}\n{}", finished.stdout, finished.stderr);
        if arguments == ["check", "--output", "json"] {
            let summary = finished.summary();
            assert_eq!(summary["ok"], Value::Bool(false), "{finished:#?}");
            let findings = summary["findings"].as_array().unwrap();
            let wrong = findings.iter().filter(|finding| finding["ok"] == false);
            all = wrong
                .map(|finding| finding["detail"].as_str().unwrap())
                .collect();
        }
        for part in said {
            assert!(all.contains(part), "{part}: {arguments:?}: {finished:#?}");
        }
        for secret in secrets {
            let silent = !finished.stdout.contains(secret) && !finished.stderr.contains(secret);
            assert!(silent, "{secret}: {arguments:?}: {finished:#?}");
        }
    }
}

/// The password in a connection URI.
fn password(url: &str) -> &str {
    let (user_and_password, _) = url.rsplit_once('@').unwrap();
    user_and_password.rsplit_once(':').unwrap().1
}

async fn assert_found_in(scene: &Scene, binary: &Binary, code: i32, said: &[&str]) {
    let url = scene.database.url();
    assert_found(binary, code, said, &[password(&url)]).await;
    assert_eq!(scene.queued(), 0, "nothing was taken");
}

// ------------------------------------------------------------------------------------ key set

#[tokio::test]
async fn without_a_sound_key_set_nothing_starts() {
    let scene = Scene::new(BINARY).await;
    let path = scene.keyset();
    let whole = fs::read_to_string(&path).unwrap();
    let name = path.display().to_string();
    let with = |path: &str| scene.binary().with("VEILSTREAM_KEYSET", path);
    let folder = scene.folder.path().display().to_string();
    let create = "veilstream keys create";

    assert_found_in(&scene, &with(""), 5, &["no key set is named", create]).await;
    let missing = format!("{folder}/missing.json");
    assert_found_in(&scene, &with(&missing), 5, &[&missing, create]).await;
    assert_found_in(&scene, &with(&folder), 5, &[&folder, "not a file"]).await;

    // Cut short at any place, or with a single character of a key changed
    for length in [0, 1, whole.len() / 2, whole.len() - 2] {
        fs::write(&path, &whole[..length]).unwrap();
        assert_found_in(&scene, &with(&name), 5, &[&name, "backup"]).await;
    }
    fs::write(&path, with_other_key(&whole)).unwrap();
    assert_found_in(&scene, &with(&name), 5, &[&name, "backup"]).await;

    fs::write(&path, &whole).unwrap();
    fs::set_permissions(&path, Permissions::from_mode(0o644)).unwrap();
    assert_found_in(&scene, &with(&name), 5, &["0644", "chmod 600"]).await;
    fs::set_permissions(&path, Permissions::from_mode(0o440)).unwrap();
    assert_eq!(with(&name).run(&["check"]).await.code, Some(0));
}

/// The key set with one hexadecimal digit of its longest value changed.
fn with_other_key(whole: &str) -> String {
    let longest = whole.split('"').max_by_key(|part| part.len()).unwrap();
    let first = if longest.starts_with('A') { "B" } else { "A" };
    whole.replace(longest, &format!("{first}{}", &longest[1..]))
}

#[tokio::test]
async fn a_domain_that_the_key_set_does_not_list_is_named() {
    let scene = Scene::new(BINARY).await;
    let path = scene.folder.path().join("ip-only.json");
    let path = path.display().to_string();
    let arguments = ["keys", "create", &path, "--plaintext", "--domain", "ip"];
    assert_eq!(Binary::new(BINARY).run(&arguments).await.code, Some(0));
    let binary = scene.binary().with("VEILSTREAM_KEYSET", &path);
    assert_found_in(&scene, &binary, 5, &["device_id"]).await;
}

// ----------------------------------------------------------------------------------- database

/// GIVEN a table like this, THEN nothing starts.
async fn assert_table_refused(scene: &Scene, table: &str, said: &[&str]) {
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute(&format!(
        "BEGIN; DROP TABLE IF EXISTS user_logins; {table}; COMMIT"
    ))
    .await;
    assert_found_in(scene, &scene.binary(), 4, said).await;
}

const COLUMNS: &str = "user_id varchar(128), device_type varchar(32), masked_ip varchar(256), \
                       masked_device_id varchar(256), locale varchar(32), app_version integer, \
                       create_date date";

#[tokio::test]
async fn a_table_that_does_not_fit_is_refused_and_every_misfit_named() {
    let scene = Scene::new(BINARY).await;
    let migrate = "veilstream migrate";
    assert_table_refused(&scene, "SELECT 1", &["user_logins does not exist", migrate]).await;

    let table = format!("CREATE TABLE public.user_logins ({COLUMNS})");
    let changed = |from: &str, to: &str| table.replace(from, to);
    for (table, said) in [
        (
            changed("locale varchar(32), ", ""),
            &["column locale is missing"][..],
        ),
        (
            changed("app_version integer", "app_version text"),
            &["column app_version is text", "int4 is configured"],
        ),
        (
            changed(
                "locale varchar(32)",
                "locale varchar(32) GENERATED ALWAYS AS ('RU') STORED",
            ),
            &["column locale is generated"],
        ),
        (
            changed(
                "create_date date",
                "create_date date, tenant integer NOT NULL",
            ),
            &["column tenant is NOT NULL without a default"],
        ),
        (
            changed(
                "locale varchar(32), app_version integer",
                "app_version bigint",
            ),
            &["column locale is missing", "column app_version is bigint"],
        ),
    ] {
        let said: Vec<_> = said.iter().copied().chain([migrate]).collect();
        assert_table_refused(&scene, &table, &said).await;
    }
}

#[tokio::test]
async fn what_is_no_plain_table_is_refused() {
    let scene = Scene::new(BINARY).await;
    let row = "SELECT NULL::varchar AS user_id";
    for (relation, said) in [
        (
            format!("CREATE VIEW public.user_logins AS {row}"),
            "is a view",
        ),
        (
            format!(
                "CREATE TABLE public.user_logins ({COLUMNS}); \
                     ALTER TABLE user_logins ENABLE ROW LEVEL SECURITY"
            ),
            "has row security",
        ),
    ] {
        let sql = Sql::connect(&scene.database.url()).await;
        sql.execute(&format!("DROP TABLE IF EXISTS user_logins; {relation}"))
            .await;
        assert_found_in(&scene, &scene.binary(), 4, &["user_logins", said]).await;
        sql.execute(
            "DO $$ BEGIN DROP VIEW user_logins; EXCEPTION WHEN wrong_object_type THEN END $$",
        )
        .await;
    }
}

#[tokio::test]
async fn a_schema_that_is_missing_or_newer_is_refused() {
    let scene = Scene::new(BINARY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute("INSERT INTO veilstream.schema_version (version) VALUES (99)")
        .await;
    let newer = ["version 99", "newer veilstream"];
    assert_found_in(&scene, &scene.binary(), 4, &newer).await;
    let migrated = scene.binary().run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(4), "{migrated:#?}");

    sql.execute("DROP SCHEMA veilstream CASCADE").await;
    let missing = ["schema veilstream is missing", "veilstream migrate"];
    assert_found_in(&scene, &scene.binary(), 4, &missing).await;

    // and `migrate` is all that it takes
    assert_eq!(scene.binary().run(&["migrate"]).await.code, Some(0));
    assert_eq!(scene.binary().run(&["check"]).await.code, Some(0));
}

#[tokio::test]
async fn the_target_table_of_a_user_called_veilstream_is_not_made_among_our_own() {
    // The tests' superuser has that name, and PostgreSQL looks first in the schema of the same one.
    let scene = Scene::new(BINARY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    let public = "SELECT count(*) FROM pg_tables \
                  WHERE schemaname = 'public' AND tablename = 'user_logins'";
    assert_eq!(sql.count(public).await, 1);
}

#[tokio::test]
async fn a_database_that_refuses_is_named_without_its_password() {
    let scene = Scene::new(BINARY).await;
    let url = scene.database.url();
    let right = password(&url);
    let with = |url: &str| scene.binary().with("DATABASE_URL", url);

    // Nothing listens there
    let port = free_port().await;
    let (before, _) = url.rsplit_once(':').unwrap();
    let closed = format!("{before}:{port}/postgres");
    let server = format!("127.0.0.1:{port}/postgres");
    assert_found_in(&scene, &with(&closed), 4, &[&server, "cannot be reached"]).await;

    let wrong = url.replace(right, "not-the-password");
    let said = ["password", "28P01"];
    assert_found(&with(&wrong), 4, &said, &[right, "not-the-password"]).await;

    let (server, _) = url.rsplit_once('/').unwrap();
    let nowhere = format!("{server}/nowhere");
    assert_found_in(&scene, &with(&nowhere), 4, &["database", "3D000"]).await;
}

#[tokio::test]
async fn what_endangers_the_guarantee_is_warned_of_and_runs() {
    // The tests' server runs with fsync = off.
    let scene = Scene::new(BINARY).await;
    let sql = Sql::connect(&scene.database.url()).await;
    sql.execute("ALTER TABLE user_logins SET UNLOGGED").await;
    send(&scene, 0..3);
    let warnings = [
        "table user_logins is UNLOGGED",
        "fsync = off",
        "full_page_writes = off",
    ];
    let checked = scene.binary().run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    let finished = scene.run_once().await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    for warning in warnings {
        assert!(checked.stdout.contains(warning), "{checked:#?}");
        assert!(finished.stderr.contains(warning), "{finished:#?}");
    }
    sql.assert_each_once(3).await;
}

// -------------------------------------------------------------------------------------- queue

async fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    listener.local_addr().unwrap().port()
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_said_soon() {
    let scene = Scene::new(BINARY).await;
    let with = |url: &str| scene.binary().with("VEILSTREAM_QUEUE_URL", url);

    let other = scene.queue.queue_url("another-queue");
    let said = ["no such queue", "create it"];
    assert_found_in(&scene, &with(&other), 3, &said).await;

    let port = free_port().await;
    let closed = format!("http://127.0.0.1:{port}/000000000000/login-queue");
    let said = [
        &format!("http://127.0.0.1:{port}/")[..],
        "cannot be reached",
        "refused",
    ];
    assert_found_in(&scene, &with(&closed), 3, &said).await;
}

#[tokio::test]
async fn an_endpoint_that_is_not_sqs_is_said_soon() {
    let scene = Scene::new(BINARY).await;
    for (status, said) in [
        ("200 OK", "is the endpoint right"),
        ("404 Not Found", "404"),
        ("502 Bad Gateway", "502"),
    ] {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let server = tokio::spawn(serve_html(listener, status));
        let url = format!("http://127.0.0.1:{port}/000000000000/login-queue");
        let binary = scene.binary().with("VEILSTREAM_QUEUE_URL", &url);
        assert_found_in(&scene, &binary, 3, &[said]).await;
        server.abort();
    }
}

/// Answers everything with a page, as a web server does that knows nothing of SQS.
async fn serve_html(listener: TcpListener, status: &'static str) {
    const PAGE: &str = "<html><body>Welcome</body></html>";
    while let Ok((mut stream, _)) = listener.accept().await {
        let mut request = [0; 8192];
        let _ = stream.read(&mut request).await;
        let length = PAGE.len();
        let answer = format!(
            "HTTP/1.1 {status}\r\ncontent-type: text/html\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n{PAGE}"
        );
        let _ = stream.write_all(answer.as_bytes()).await;
    }
}

#[tokio::test]
async fn malformed_addresses_are_a_matter_of_usage() {
    let scene = Scene::new(BINARY).await;
    for (name, value, said) in [
        ("VEILSTREAM_QUEUE_URL", "login-queue", "http://"),
        (
            "VEILSTREAM_QUEUE_URL",
            "ftp://host/1/login-queue",
            "http://",
        ),
        ("AWS_ENDPOINT_URL", "localhost:4566", "http://"),
        ("AWS_ENDPOINT_URL_SQS", "http://", "http://"),
        (
            "DATABASE_URL",
            "postgresql://me:top-secret@host:port/app",
            "port",
        ),
        (
            "DATABASE_URL",
            "postgresql://me:top-secret@host/app?sslmode=maybe",
            "sslmode",
        ),
        (
            "DATABASE_URL",
            "mysql://me:top-secret@host/app",
            "postgresql://",
        ),
        (
            "DATABASE_URL",
            "host=localhost password='top-secret",
            "quote",
        ),
    ] {
        let binary = scene.binary().with(name, value);
        assert_found(&binary, 2, &[said], &["top-secret"]).await;
    }
}
