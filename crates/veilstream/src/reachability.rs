//! Whether the queue or the database answers: logged once a change, not once a try.

use std::{
    fmt,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// One service's state, shared by all who call it.
#[derive(Debug)]
pub struct Reachability {
    service: &'static str,
    away_since: Mutex<Option<Instant>>,
}

impl Reachability {
    /// A service that answers, so far.
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            away_since: Mutex::new(None),
        }
    }

    /// A call failed in a way that may pass.
    pub fn failed(&self, error: &dyn fmt::Display) {
        let mut away_since = self.away_since.lock();
        if away_since.is_none() {
            *away_since = Some(Instant::now());
            tracing::warn!(%error, "{} does not answer; trying again until it does", self.service);
        }
    }

    /// A call succeeded.
    pub fn answered(&self) {
        let ended = self.away_since.lock().take();
        if let Some(since) = ended {
            let away_seconds = since.elapsed().as_secs_f64();
            tracing::info!(away_seconds, "{} answers again", self.service);
        }
    }

    /// How long it has been away, if it is.
    pub fn away_for(&self) -> Option<Duration> {
        let away_since = self.away_since.lock();
        away_since.map(|since| since.elapsed())
    }
}
