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
/// What each of two loaders writes from: a batch of 8 MiB and the rest of its last receive.
const COPYING: usize = 2 * 18 * MEBIBYTE;
/// A program that does nothing, its connections, and what the allocator does not give back.
const REST: usize = 48 * MEBIBYTE;
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

/// One message in so many has 256 KiB to 1 MiB, the others up to 2 KiB.
const LARGE_EVERY: usize = 100;
/// One in so many is for the quarantine.
const REJECTED_EVERY: usize = 7;

#[tokio::test(flavor = "multi_thread")]
async fn a_queue_full_of_messages_fits_into_memory_while_the_database_is_away() {
    outage(15_000, Duration::from_secs(10)).await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it takes several minutes; CONTRIBUTING.md says how to run it"]
async fn outage_of_a_minute() {
    outage(100_000, Duration::from_mins(1)).await;
}

/// The database hangs for some time, then is not there for as long, then is back.
async fn outage(messages: usize, time: Duration) {
    // GIVEN a worker that has begun to load, and a database that hangs
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
    let running = binary.start(&["run", "--no-reject-limit", "--output", "json"]);
    let id = running.id();
    scene.send(&event(0, 0));
    until_settled(&scene, 1).await;
    let baseline = peak(id);
    proxy.set(Line::Hangs);

    // WHEN the queue is full, and the database stays away in one way and in the other
    for number in 1..messages {
        scene.send(&body(number));
    }
    tokio::time::sleep(time).await;
    let hung = peak(id);
    proxy.set(Line::Down);
    tokio::time::sleep(time).await;
    let down = peak(id);
    proxy.set(Line::Up);
    until_settled(&scene, messages).await;
    let drained = peak(id);

    // THEN it took no more memory than it had set aside, and nothing was lost
    let figures = [baseline, hung, down, drained].map(|bytes| bytes / MEBIBYTE);
    println!(
        "peak in MiB: at start {}, hung {}, away {}, drained {}",
        figures[0], figures[1], figures[2], figures[3]
    );
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
fn body(number: usize) -> String {
    let size = if number.is_multiple_of(LARGE_EVERY) {
        (256 << 10) * (1 + number / LARGE_EVERY % 4) - 1_000
    } else {
        number * 97 % 2_000
    };
    event(number, size)
}

fn event(number: usize, size: usize) -> String {
    let id = (number == 0 || !number.is_multiple_of(REJECTED_EVERY)).then(|| number.to_string());
    let text = "x".repeat(size);
    let (note, secret) = if (number / LARGE_EVERY).is_multiple_of(2) {
        (&*text, "")
    } else {
        ("", &*text)
    };
    json!({"id": id, "note": note, "secret": secret}).to_string()
}

/// The most memory that a process has had (proc(5), `VmHWM`), in bytes.
fn peak(process: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.unwrap().trim().trim_end_matches(" kB");
    kibibytes.parse::<usize>().unwrap() * 1024
}

/// Waits until so many messages are claimed and the queue is empty.
async fn until_settled(scene: &Scene, messages: usize) {
    let client = scene.database.connect().await;
    let settling = async {
        loop {
            let row = client
                .query_one("SELECT count(*) FROM veilstream.ledger", &[])
                .await;
            let claimed: i64 = row.unwrap().get(0);
            if usize::try_from(claimed).unwrap() == messages && scene.queued() == 0 {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let patience = Duration::from_mins(10);
    tokio::time::timeout(patience, settling)
        .await
        .expect("all is settled in the end");
}
