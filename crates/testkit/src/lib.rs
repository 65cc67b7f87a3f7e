//! What veilstream's tests stand on: a private PostgreSQL with a database for each test, queues,
//! and runs of the real binary.
//!
//! Everything listens on free ports of 127.0.0.1 and is gone when the test is.

mod binary;
mod database;
mod http;
mod moto;
pub mod postgres_proxy;
mod roles;
mod scene;
pub mod sqs_proxy;

pub use binary::{Binary, Finished, Running};
pub use database::Database;
pub use http::{Meddling, Proxy, call};
pub use moto::{Moto, python};
pub use roles::member;
pub use scene::{QUEUE, Scene};

use std::time::Duration;

/// Waits until something becomes true that a server does in its own time.
///
/// # Panics
///
/// When it has not become true within half a minute.
pub async fn eventually<F: Future<Output = bool>>(what: &str, mut is_true: impl FnMut() -> F) {
    let deadline = tokio::time::Instant::now() + Duration::from_secs(30);
    while !is_true().await {
        assert!(
            tokio::time::Instant::now() < deadline,
            "not within 30 s: {what}"
        );
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
