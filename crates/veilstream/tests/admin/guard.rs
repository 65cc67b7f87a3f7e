//! Who may look, and who may act.

use std::{
    fs::{self, Permissions},
    os::unix::fs::PermissionsExt as _,
};

use http::{Method, StatusCode, header};
use testkit::{Scene, member};
use tokio::{io::AsyncReadExt, net::TcpStream};

use crate::{Admin, BINARY, TOKEN, end, login, settled};

const RUN: [&str; 3] = ["run", "--output", "json"];
const REPLAY: &str = "/api/quarantine/018bcfe5-687b-0000-0000-000000000001/replay";
const JSON: (&str, &str) = ("content-type", "application/json");

#[tokio::test(flavor = "multi_thread")]
async fn on_loopback_all_may_look_but_no_page_from_elsewhere() {
    let scene = Scene::new(BINARY).await;
    let admin = Admin::local();
    let running = admin.of(&scene).start(&RUN);
    admin.is_up().await;

    for path in [
        "/",
        "/dashboard.js",
        "/dashboard.css",
        "/icon.svg",
        "/metrics",
        "/api/status",
    ] {
        assert_eq!(admin.get(path).await.status, StatusCode::OK, "{path}");
        // A name that resolves to this machine, as a page elsewhere can have it.
        let rebound = admin
            .ask(Method::GET, path, &[("host", "evil.example:8484")])
            .await;
        assert_eq!(rebound.status, StatusCode::FORBIDDEN, "{path}");
    }
    let page = admin.get("/").await;
    let policy = page.headers[header::CONTENT_SECURITY_POLICY]
        .to_str()
        .unwrap();
    assert!(
        policy.contains("default-src 'none'") && !policy.contains("unsafe"),
        "{policy}"
    );

    // Nobody acts where no token is set.
    let answer = admin.ask(Method::POST, REPLAY, &[JSON]).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
    assert!(answer.body.contains("admin.token_file"), "{}", answer.body);
    end(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_action_takes_the_token_and_comes_from_no_other_site() {
    let scene = Scene::new(BINARY).await;
    let admin = Admin::local();
    let binary = admin.with_operator(&scene, &scene.database.url());
    let running = binary.start(&RUN);
    admin.is_up().await;
    let right = format!("Bearer {TOKEN}");
    let right = ("authorization", &*right);
    let post = async |headers: &[(&str, &str)]| {
        let answer = admin.ask(Method::POST, REPLAY, headers).await;
        (answer.status, answer.body)
    };

    assert_eq!(post(&[JSON]).await.0, StatusCode::UNAUTHORIZED);
    let wrong = ("authorization", "Bearer correct-horse-battery-stapl");
    assert_eq!(post(&[JSON, wrong]).await.0, StatusCode::UNAUTHORIZED);
    let elsewhere = ("origin", "https://evil.example");
    assert_eq!(
        post(&[JSON, right, elsewhere]).await.0,
        StatusCode::FORBIDDEN
    );
    // A form can send no JSON.
    assert_eq!(post(&[right]).await.0, StatusCode::UNSUPPORTED_MEDIA_TYPE);
    // With all of it, the entry is looked for.
    let (status, body) = post(&[JSON, right]).await;
    assert_eq!(status, StatusCode::NOT_FOUND, "{body}");
    assert!(body.contains("no entry"), "{body}");
    let log = end(running).await;
    assert!(!log.contains(TOKEN), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_s_connection_of_the_environment_beats_the_file_s_and_is_not_shown() {
    const VARIABLE: &str = "VEILSTREAM_ADMIN_DATABASE_URL";
    // GIVEN a file that names a connection that leads nowhere, and a variable with another one
    let scene = Scene::new(BINARY).await;
    let operator = member(&scene.database, "operator").await;
    let (before, after) = operator.split_once(":of-the-member@").unwrap();
    let wrong = format!("{before}:of-somebody-else@{after}");
    for (url, may_act) in [(&operator, true), (&wrong, false)] {
        let admin = Admin::local();
        let binary = admin.with_operator(&scene, "postgresql://u@127.0.0.1:1/none");
        let running = binary.with(VARIABLE, url).start(&RUN);
        admin.is_up().await;

        // THEN the variable counts
        let quarantine = admin.status().await["quarantine"].clone();
        assert_eq!(quarantine["may_act"], may_act, "{quarantine}");
        if !may_act {
            let why = quarantine["newest_error"].as_str().unwrap();
            assert!(why.contains("28P01"), "{why}");
        }

        // AND neither page nor log shows its password
        let shown = quarantine.to_string() + &end(running).await;
        assert!(!shown.contains("of-the-member"), "{shown}");
        assert!(!shown.contains("of-somebody-else"), "{shown}");
    }

    // AND `check` goes by it
    let admin = Admin::local();
    let binary = admin.with_operator(&scene, "postgresql://u@127.0.0.1:1/none");
    let found = binary.with(VARIABLE, &operator).run(&["check"]).await;
    let well = "may list, replay and discard";
    assert!(found.stdout.contains(well), "{found:#?}");
    assert!(!found.stdout.contains("of-the-member"), "{found:#?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn off_this_machine_numbers_take_the_token() {
    // GIVEN an address that other machines reach
    let scene = Scene::new(BINARY).await;
    let admin = Admin::on("0.0.0.0");

    // WHEN there is no token, nothing starts
    let finished = admin.of(&scene).run(&RUN).await;
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(
        finished.stderr.contains("admin.token_file"),
        "{finished:#?}"
    );

    // AND one that can be guessed is none
    let binary = admin.with_operator(&scene, &scene.database.url());
    let token = scene.folder.path().join("token");
    fs::set_permissions(&token, Permissions::from_mode(0o600)).unwrap();
    fs::write(&token, "short").unwrap();
    let finished = binary.run(&RUN).await;
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(!finished.stderr.contains("short"), "{finished:#?}");

    // AND neither is one that others can read
    fs::write(&token, TOKEN).unwrap();
    fs::set_permissions(&token, Permissions::from_mode(0o644)).unwrap();
    let finished = binary.run(&RUN).await;
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(finished.stderr.contains("chmod o="), "{finished:#?}");
    assert!(!finished.stderr.contains(TOKEN), "{finished:#?}");
    fs::remove_file(&token).unwrap();

    // WHEN there is one, only who has it sees numbers; probes need none
    let running = admin
        .with_operator(&scene, &scene.database.url())
        .start(&RUN);
    admin.is_up().await;
    for path in ["/metrics", "/api/status"] {
        assert_eq!(
            admin.get(path).await.status,
            StatusCode::UNAUTHORIZED,
            "{path}"
        );
        let right = format!("Bearer {TOKEN}");
        let answer = admin
            .ask(Method::GET, path, &[("authorization", &right)])
            .await;
        assert_eq!(answer.status, StatusCode::OK, "{path}");
    }
    for path in ["/", "/healthz", "/readyz"] {
        let host = [("host", "10.1.2.3:8484")];
        assert_eq!(
            admin.ask(Method::GET, path, &host).await.status,
            StatusCode::OK,
            "{path}"
        );
    }
    let fresh = scene.folder.path().join("token");
    let told = scene
        .binary()
        .run(&[
            "status",
            "--admin",
            &format!("http://127.0.0.1:{}", admin.port()),
            "--token-file",
            &fresh.display().to_string(),
        ])
        .await;
    assert_eq!(told.code, Some(0), "{told:#?}");

    // AND who has the worker's configuration has its address and the token
    let config = scene.folder.path().join("logins.toml");
    let text = fs::read_to_string(&config).unwrap();
    let listen = format!("[admin]\nlisten = \"{}\"\n", admin.address);
    fs::write(&config, text.replace("[admin]\n", &listen)).unwrap();
    let shell = scene.binary().without("VEILSTREAM_ADMIN_LISTEN");
    let config = config.display().to_string();
    let told = shell.run(&["status", "--config", &config]).await;
    assert_eq!(told.code, Some(0), "{told:#?}");
    assert!(!told.stderr.contains("in clear"), "{told:#?}");
    let url = format!("http://127.0.0.1:{}", admin.port());
    let told = shell.run(&["status", "--admin", &url]).await;
    assert_eq!(told.code, Some(1), "{told:#?}");
    assert!(told.stderr.contains("--token-file"), "{told:#?}");

    // AND the environment of a worker without one says so
    let told = scene.binary().run(&["status", "--config", &config]).await;
    assert_eq!(told.code, Some(2), "{told:#?}");
    assert!(told.stderr.contains("has no admin server"), "{told:#?}");
    end(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_or_none_is_refused_before_anything_begins() {
    let scene = Scene::new(BINARY).await;
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let binary = scene.binary().with("VEILSTREAM_ADMIN_LISTEN", &address);
    let finished = binary.run(&RUN).await;
    assert_eq!(finished.code, Some(2), "{finished:#?}");
    assert!(finished.stderr.contains("--admin-listen"), "{finished:#?}");
    let binary = scene.binary().with("VEILSTREAM_ADMIN_LISTEN", "nowhere");
    assert_eq!(binary.run(&RUN).await.code, Some(2));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_default_address_that_is_taken_is_warned_of_and_the_run_goes_on() {
    // GIVEN that somebody has it: this test, unless another process does
    let taken = std::net::TcpListener::bind("127.0.0.1:8484");
    let scene = Scene::new(BINARY).await;
    scene.send(&login(1, "android"));

    // WHEN
    let running = scene
        .binary()
        .without("VEILSTREAM_ADMIN_LISTEN")
        .start(&RUN);
    settled(&scene).await;

    // THEN
    let log = end(running).await;
    drop(taken);
    let line = log.lines().find(|line| line.contains("127.0.0.1:8484"));
    let line = line.unwrap_or_else(|| panic!("{log}"));
    assert!(
        line.contains("WARN") && line.contains("--admin-listen"),
        "{line}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn who_connects_and_says_nothing_is_shown_out() {
    let scene = Scene::new(BINARY).await;
    let admin = Admin::local();
    let running = admin.of(&scene).start(&RUN);
    admin.is_up().await;
    let mut silent = Vec::new();
    for _ in 0..100 {
        silent.push(TcpStream::connect(&*admin.address).await.unwrap());
    }
    // After five seconds there is room for those who speak.
    assert_eq!(admin.get("/healthz").await.status, StatusCode::OK);
    let mut first = silent.swap_remove(0);
    let read = first.read(&mut [0]).await;
    assert!(matches!(read, Ok(0) | Err(_)), "{read:?}");
    end(running).await;
}
