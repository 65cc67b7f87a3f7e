//! What machines read: health, readiness, metrics, status.

use std::{collections::BTreeSet, process::Stdio};

use http::StatusCode;
use testkit::{Scene, eventually, sqs_proxy::SqsProxy};
use tokio::{io::AsyncWriteExt, process::Command};

use crate::{Admin, BINARY, DEVICE, IP, end, login, settled};

const RUN: [&str; 3] = ["run", "--output", "json"];
const NAMES: &str = include_str!("../../../../deploy/metrics-names.txt");

/// The value of a sample.
fn value(text: &str, sample: &str) -> u64 {
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(sample)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {sample} in\n{text}"))
        .parse()
        .unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn metrics_are_those_that_are_documented_well_formed_and_add_up() {
    // GIVEN a worker over events, a few of which are none
    let scene = Scene::new(BINARY).await;
    let admin = Admin::local();
    for number in 0..50 {
        scene.send(&login(number, "android"));
    }
    scene.send("this is no JSON");
    scene.send(r#"{"user_id": "u"}"#);
    let running = admin.of(&scene).start(&RUN);
    settled(&scene).await;

    // WHEN its metrics are asked for
    let answer = admin.get("/metrics").await;

    // THEN they add up
    assert_eq!(answer.status, StatusCode::OK);
    let text = &answer.body;
    let outcome = |outcome| {
        let sample = format!("veilstream_messages_settled_total{{outcome=\"{outcome}\"}}");
        value(text, &sample)
    };
    let outcomes = ["loaded", "duplicate", "quarantined", "left"].map(outcome);
    let received = value(text, "veilstream_messages_received_total");
    let in_flight = value(text, "veilstream_messages_in_flight");
    assert_eq!(outcomes, [50, 0, 2, 0]);
    assert_eq!((received, in_flight), (52, 0));
    for code in ["not_json", "missing_field"] {
        let sample = format!("veilstream_messages_quarantined_total{{code=\"{code}\"}}");
        assert_eq!(value(text, &sample), 1, "{code}");
    }
    assert_eq!(value(text, "veilstream_send_to_commit_seconds_count"), 52);
    assert!(value(text, "veilstream_message_bytes_total") > 5_000);
    for stage in ["receive", "prepare", "load", "delete"] {
        let sample = format!("veilstream_stage_duration_seconds_count{{stage=\"{stage}\"}}");
        eventually(stage, || async {
            value(&admin.get("/metrics").await.body, &sample) >= 1
        })
        .await;
    }
    eventually("the ledger's partitions are counted", || async {
        value(
            &admin.get("/metrics").await.body,
            "veilstream_ledger_partitions",
        ) >= 3
    })
    .await;

    // AND they are those of the list that alerts and dashboards are held against
    let named = |line: &str| {
        line.split(' ')
            .take(2)
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let types = text.lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let served: BTreeSet<_> = types
        .filter(|line| line.starts_with("veilstream_"))
        .map(named)
        .collect();
    let listed = NAMES.lines().filter(|line| line.starts_with("veilstream_"));
    let listed: BTreeSet<_> = listed.map(named).collect();
    assert_eq!(served, listed);

    // AND Prometheus' own tool has nothing against them
    promtool_approves(text).await;

    // AND no personal value is in what is served, or logged
    let status = admin.get("/api/status").await.body;
    let log = end(running).await;
    for shown in [text, &status, &log] {
        assert!(!shown.contains(IP) && !shown.contains(DEVICE), "{shown}");
    }
}

async fn promtool_approves(text: &str) {
    let mut promtool = Command::new("promtool")
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool is installed: scripts/prerequisites tests");
    let mut stdin = promtool.stdin.take().unwrap();
    stdin.write_all(text.as_bytes()).await.unwrap();
    drop(stdin);
    let output = promtool.wait_with_output().await.unwrap();
    assert!(output.status.success(), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_is_ready_while_queue_and_database_answer() {
    // GIVEN a worker
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::to(&scene).await;
    let admin = Admin::local();
    let binary = admin
        .of(&scene)
        .with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let running = binary.start(&RUN);
    admin.is_up().await;
    let alive = admin.get("/healthz").await;
    assert_eq!((alive.status, &*alive.body), (StatusCode::OK, "ok\n"));
    let ready = admin.get("/readyz").await;
    assert_eq!((ready.status, &*ready.body), (StatusCode::OK, "ready\n"));

    // WHEN the queue goes away
    proxy.set_away(true);
    eventually("it is not ready", || async {
        admin.get("/readyz").await.status == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;

    // THEN it says so everywhere, and that it is alive
    let why = admin.get("/readyz").await.body;
    let cause = status_cause(&admin).await;
    assert!(why.starts_with("the queue does not answer, for "), "{why}");
    assert!(why.ends_with(&format!(" s: {cause}\n")), "{why}: {cause}");
    assert_eq!(admin.get("/healthz").await.status, StatusCode::OK);
    let status = admin.status().await;
    assert_eq!(status["ready"], false);
    assert_eq!(status["services"][0]["reachable"], false);
    assert!(status["services"][0]["cause"].is_string());
    let metrics = admin.get("/metrics").await.body;
    let sample = "veilstream_service_reachable{service=\"queue\"}";
    assert_eq!(value(&metrics, sample), 0);
    let url = format!("http://{}", admin.address);
    let told = scene.binary().run(&["status", "--admin", &url]).await;
    assert_eq!(told.code, Some(1), "{told:#?}");
    assert!(told.stdout.contains("NOT READY"), "{told:#?}");

    // AND that it is ready when the queue is back
    proxy.set_away(false);
    eventually("it is ready", || async {
        admin.get("/readyz").await.status == StatusCode::OK
    })
    .await;
    end(running).await;
}

/// Why the queue is away, as the page says it.
async fn status_cause(admin: &Admin) -> String {
    let status = admin.status().await;
    status["services"][0]["cause"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_from_elsewhere_whether_it_is_ready_is_not_told_the_cause() {
    let scene = Scene::new(BINARY).await;
    let proxy = SqsProxy::to(&scene).await;
    let admin = Admin::on("0.0.0.0");
    let binary = admin.with_operator(&scene, &scene.database.url());
    let binary = binary.with("VEILSTREAM_QUEUE_URL", &proxy.queue_url());
    let running = binary.start(&RUN);
    admin.is_up().await;
    assert_eq!(admin.get("/readyz").await.status, StatusCode::OK);
    proxy.set_away(true);
    eventually("it is not ready", || async {
        admin.get("/readyz").await.status == StatusCode::SERVICE_UNAVAILABLE
    })
    .await;
    let why = admin.get("/readyz").await.body;
    let seconds = why.strip_prefix("the queue does not answer, for ");
    let seconds = seconds.and_then(|why| why.strip_suffix(" s\n"));
    assert!(
        seconds.is_some_and(|seconds| seconds.parse::<u64>().is_ok()),
        "{why}"
    );
    end(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn status_says_on_a_shell_what_the_dashboard_shows() {
    // GIVEN a worker that has loaded something
    let scene = Scene::new(BINARY).await;
    let admin = Admin::local();
    for number in 0..20 {
        scene.send(&login(number, "ios"));
    }
    scene.send("no JSON");
    let running = admin.of(&scene).start(&RUN);
    settled(&scene).await;
    eventually("all are deleted, and the stages are counted", || async {
        let status = admin.status().await;
        let stages = status["stages"].as_array().unwrap().iter();
        status["totals"]["deleted"] == 21
            && stages.map(|stage| &stage["calls"]).all(|calls| *calls != 0)
    })
    .await;

    // WHEN somebody asks on a shell
    let url = format!("http://{}", admin.address);
    let told = scene.binary().run(&["status", "--admin", &url]).await;
    let json = scene
        .binary()
        .run(&["status", "--admin", &url, "--output", "json"])
        .await;

    // THEN the balance is there, and as JSON all of it
    assert_eq!(told.code, Some(0), "{told:#?}");
    let balance = "21 received = 20 loaded + 0 duplicates + 1 quarantined + 0 left + 0 in flight";
    assert!(told.stdout.contains(balance), "{}", told.stdout);
    let status = json.summary();
    let since = status["started_at"].as_str().unwrap().replace('T', " ");
    let since = format!("since {} UTC", &since[..19]);
    for words in [
        "1 not_json",
        "21 deleted from the queue",
        &since,
        "once admin.database_url is set",
    ] {
        assert!(told.stdout.contains(words), "{words}: {}", told.stdout);
    }
    let share = |line: &str| -> Option<f64> {
        let share = line.split_whitespace().nth(1)?.strip_suffix('%')?;
        share.parse().ok()
    };
    let shares: Vec<_> = told.stdout.lines().filter_map(share).collect();
    assert_eq!(shares.len(), 4, "{}", told.stdout);
    assert!(
        (shares.iter().sum::<f64>() - 100.0).abs() <= 2.0,
        "{}",
        told.stdout
    );
    let mut lines = told
        .stdout
        .lines()
        .filter(|line| !line.starts_with("warning: "));
    assert!(
        lines.all(|line| line.chars().count() <= 120),
        "{}",
        told.stdout
    );
    assert_eq!(json.summary()["totals"]["loaded"], 20);
    end(running).await;

    // AND where no worker runs, it says so
    let told = scene.binary().run(&["status", "--admin", &url]).await;
    assert_eq!(told.code, Some(1), "{told:#?}");
    assert!(told.stderr.contains("no worker answers"), "{told:#?}");
}
