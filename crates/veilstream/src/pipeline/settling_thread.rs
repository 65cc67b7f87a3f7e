//! The thread of the second half of the data path: loaders, deleters and their connections.
//!
//! A transaction is a dozen exchanges with the database. On the thread of the receivers each would wait for its
//! turn behind all of them that are ready: tens of milliseconds a batch under load, with a processor idle
//! meanwhile (docs/performance.md has the measurement).

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// Ends when it is dropped, without waiting for what runs on it.
pub(super) struct SettlingThread(Option<Runtime>);

impl SettlingThread {
    pub(super) fn start() -> io::Result<Self> {
        let runtime = Builder::new_multi_thread()
            .worker_threads(1)
            .thread_name("settling")
            .enable_all()
            .build()?;
        Ok(Self(Some(runtime)))
    }

    /// Where tasks are spawned.
    pub(super) fn handle(&self) -> &Handle {
        self.0
            .as_ref()
            .expect("it is there until it is dropped")
            .handle()
    }
}

impl Drop for SettlingThread {
    fn drop(&mut self) {
        // A runtime that is just dropped would block, which a task may not.
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
