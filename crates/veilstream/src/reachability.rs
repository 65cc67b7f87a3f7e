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
    away: Mutex<Option<Away>>,
}

#[derive(Debug)]
struct Away {
    since: Instant,
    kind: String,
}

impl Reachability {
    /// A service that answers, so far.
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            away: Mutex::new(None),
        }
    }

    /// A call failed in a way that may pass. `kind` tells one way from another: each is logged
    /// when it begins.
    pub fn failed(&self, kind: &str, error: &dyn fmt::Display) {
        let mut away = self.away.lock();
        if away.as_ref().is_some_and(|away| away.kind == kind) {
            return;
        }
        let since = away.take().map_or_else(Instant::now, |away| away.since);
        *away = Some(Away {
            since,
            kind: kind.to_owned(),
        });
        tracing::warn!(%error, "{} does not answer; trying again until it does", self.service);
    }

    /// A call succeeded.
    pub fn answered(&self) {
        let ended = self.away.lock().take();
        if let Some(Away { since, .. }) = ended {
            let away_seconds = since.elapsed().as_secs_f64();
            tracing::info!(away_seconds, "{} answers again", self.service);
        }
    }

    /// How long it has been away, if it is.
    pub fn away_for(&self) -> Option<Duration> {
        self.away.lock().as_ref().map(|away| away.since.elapsed())
    }
}
