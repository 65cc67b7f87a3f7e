//! The thread of the second half of the data path: loaders, deleters and their connections.
//!
//! A transaction is a dozen exchanges with the database. On the thread of the receivers each would wait for its
//! turn behind all of them that are ready: tens of milliseconds a batch under load, with a processor idle
//! meanwhile (docs/performance.md has the measurement).

use std::{io, thread};

use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// Ends when it is dropped, without waiting for what runs on it.
pub(super) struct SettlingThread {
    handle: Handle,
    /// Dropping it stops the thread.
    _stop: oneshot::Sender<()>,
}

impl SettlingThread {
    pub(super) fn start() -> io::Result<Self> {
        // A runtime of one thread has nobody to share its tasks with, which makes it cheaper.
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("settling".to_owned())
            .spawn(move || runtime.block_on(stopped))?;
        Ok(Self {
            handle,
            _stop: stop,
        })
    }

    /// Where tasks are spawned.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }
}
