//! What the ledger remembers: its upkeep, and events that are known by their value.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod bounds;
mod identity;
mod upkeep;

use testkit::{Finished, Scene};

const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");

/// An event of the built-in pipeline.
fn login(user: usize) -> String {
    format!(r#"{{"user_id": "u-{user}", "ip": "203.0.113.77", "device_id": "d-{user}"}}"#)
}

/// Loaded, duplicates, quarantined, left.
fn totals(finished: &Finished) -> [u64; 4] {
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    ["loaded", "duplicates", "quarantined", "left"].map(|name| finished.total(name))
}

async fn rows(scene: &Scene) -> i64 {
    let count = "SELECT count(*) FROM user_logins";
    scene.database.count(count).await
}
