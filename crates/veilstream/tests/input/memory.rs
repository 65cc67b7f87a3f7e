//! How much memory a worker takes while it waits for the database with a full queue before it.

use std::{fs, time::Duration};

use serde_json::json;
use testkit::{
    Scene,
    postgres_proxy::{Line, PostgresProxy},
};

use crate::BINARY;

const MEBIBYTE: usize = 1 << 20;

/// What may be in flight (ARCHITECTURE.md, "Memory").
const BUDGET: usize = 32 * MEBIBYTE;
/// A byte of an answer is, at the most, there as itself, in its message's body and, a third longer,
/// in the token that is made of it.
const FORMS_IN_TENTHS: usize = 34;
/// What each of two loaders writes from: the rows of a batch of 8 MiB and the rest of its last
/// receive, of 10 MiB, as tokens.
const COPYING: usize = 2 * 24 * MEBIBYTE;
/// A program that does nothing, unoptimised (26 MiB), its connections, and what the allocator does
/// not give back.
const REST: usize = 64 * MEBIBYTE;
const BOUND: usize = BUDGET * FORMS_IN_TENTHS / 10 + COPYING + REST;

const CONFIGURATION: &str = r#"
columns = [
    { name = "id", type = "text", path = "/id", required = true },
    { name = "note", type = "text", path = "/note" },
    { name = "secret", type = "text", path = "/secret", mask = { domain = "device_id" } },
]
[pipeline]
name = "memory"
table = "memory"
"#;

/// One in so many is for the quarantine.
const REJECTED_EVERY: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_full_of_messages_fits_into_memory_while_the_database_is_away() {
    outage(9_000, 30, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes several minutes; CONTRIBUTING.md says how to run it"]
async fn outage_of_a_minute() {
    outage(100_000, 100, Duration::from_mins(1)).await;
}

/// The database hangs for some time, then is not there for as long, then is back. One message in
/// `large_every` has 256 KiB to 1 MiB, the others have up to 2 KiB.
async fn outage(messages: usize, large_every: usize, time: Duration) {
    // GIVEN a full queue, and a worker whose database hangs as soon as it has begun to load
    let scene = Scene::unmigrated(BINARY, &[("VisibilityTimeout", "3600")]).await;
    let path = scene.folder.path().join("memory.toml");
    fs::write(&path, CONFIGURATION).unwrap();
    let url = scene.database.url();
    let proxy = PostgresProxy::to(&url).await;
    let binary = scene
        .binary()
        .with("VEILSTREAM_CONFIG", &path.display().to_string())
        .with("DATABASE_URL", &proxy.url(&url));
    let migrated = binary.run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    for number in 0..messages {
        scene.send(&body(number, large_every));
    }
    let running = binary.start(&["run", "--no-reject-limit", "--output", "json"]);
    let id = running.id();
    until(&scene, |claimed| claimed > 0).await;
    proxy.set(Line::Hangs);

    // WHEN the database stays away in one way and in the other
    tokio::time::sleep(time).await;
    let hung = peak(id);
    proxy.set(Line::Down);
    tokio::time::sleep(time).await;
    let down = peak(id);
    proxy.set(Line::Up);
    until(&scene, |claimed| claimed == messages && scene.queued() == 0).await;
    let drained = peak(id);

    // THEN it took no more memory than it had set aside, and nothing was lost
    let figures = [hung, down, drained].map(|bytes| bytes / MEBIBYTE);
    println!("the most memory, in MiB, when it hung, was away, was back: {figures:?}");
    running.signal("TERM").await;
    let run = running.finish().await;
    assert_eq!(run.code, Some(143), "{run:#?}");
    assert!(
        drained < BOUND,
        "{figures:?} MiB, not below {} MiB",
        BOUND / MEBIBYTE
    );
    let rows = "SELECT count(DISTINCT id) FROM memory";
    let entries = "SELECT count(*) FROM veilstream.quarantine";
    let [rows, entries] = [
        scene.database.count(rows).await,
        scene.database.count(entries).await,
    ];
    let rejected = (1..messages)
        .filter(|number| number.is_multiple_of(REJECTED_EVERY))
        .count();
    assert_eq!(usize::try_from(entries).unwrap(), rejected);
    assert_eq!(usize::try_from(rows).unwrap(), messages - rejected);
}

/// Of different sizes; those that are large are loaded in clear, masked, or sealed.
fn body(number: usize, large_every: usize) -> String {
    let large = number / large_every;
    let size = if number.is_multiple_of(large_every) {
        (256 << 10) * (1 + large % 4) - 1_000
    } else {
        number * 97 % 2_000
    };
    event(number, size, large.is_multiple_of(2))
}

fn event(number: usize, size: usize, in_clear: bool) -> String {
    let id = (number == 0 || !number.is_multiple_of(REJECTED_EVERY)).then(|| number.to_string());
    let text = "x".repeat(size);
    let (note, secret) = if in_clear { (&*text, "") } else { ("", &*text) };
    json!({"id": id, "note": note, "secret": secret}).to_string()
}

/// The most memory that a process has had (proc(5), `VmHWM`), in bytes.
fn peak(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<usize>().unwrap() * 1024
}

/// Waits until so many messages are claimed as they should be.
async fn until(scene: &Scene, is_enough: impl Fn(usize) -> bool) {
    let client = scene.database.connect().await;
    let waiting = async {
        loop {
            let ledger = "SELECT count(*) FROM veilstream.ledger";
            let claimed: i64 = client.query_one(ledger, &[]).await.unwrap().get(0);
            if is_enough(usize::try_from(claimed).unwrap()) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let patience = Duration::from_mins(10);
    let waited = tokio::time::timeout(patience, waiting).await;
    waited.expect("it gets there in the end");
}
