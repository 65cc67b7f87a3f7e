//! Whether the queue or the database answers: logged once a change, not once a try.
//!
//! Several calls are under way at once. One that began before a change tells nothing new when it
//! ends after it, so each says when it began.

use std::{
    fmt,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// One service's state, shared by all who call it.
#[derive(Debug)]
pub struct Reachability {
    service: &'static str,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// It answers; since then, if it was away before.
    Answers(Option<Instant>),
    /// It is away. `since` is when the first call that failed began; what ended after `noticed`
    /// and began before it tells nothing new.
    Away {
        since: Instant,
        noticed: Instant,
        kind: String,
        /// What the first failure of that kind said.
        cause: String,
        /// Whether the log tells of it.
        told: bool,
    },
}

/// A connection that breaks and is there again at once is no outage: the log tells of what has been
/// away for so long.
const TOLD_AFTER: Duration = Duration::from_secs(1);

impl Reachability {
    /// A service that answers, so far.
    pub fn new(service: &'static str) -> Self {
        Self {
            service,
            state: Mutex::new(State::Answers(None)),
        }
    }

    /// A call that began then failed in a way that may pass. `kind` tells one way from another:
    /// each is logged when it begins.
    pub fn failed(&self, began: Instant, kind: &str, error: &dyn fmt::Display) {
        let mut state = self.state.lock();
        let now = Instant::now();
        let (since, noticed, was_told) = match &*state {
            State::Answers(Some(since)) if began < *since => return,
            State::Away {
                kind: known,
                told: true,
                ..
            } if known == kind => return,
            State::Away {
                since,
                noticed,
                told,
                ..
            } => (*since, *noticed, *told),
            State::Answers(_) => (began, now, false),
        };
        let told = was_told || now.duration_since(since) >= TOLD_AFTER;
        *state = State::Away {
            since,
            noticed,
            kind: kind.to_owned(),
            cause: error.to_string(),
            told,
        };
        if told {
            tracing::warn!(%error, "{} does not answer; trying again until it does", self.service);
        } else {
            tracing::debug!(%error, "{} does not answer; trying again", self.service);
        }
    }

    /// A call that began then succeeded.
    pub fn answered(&self, began: Instant) {
        let mut state = self.state.lock();
        if let State::Away {
            since,
            noticed,
            told,
            ..
        } = *state
            && began >= noticed
        {
            *state = State::Answers(Some(Instant::now()));
            if told {
                let away_seconds = since.elapsed().as_secs_f64();
                tracing::info!(away_seconds, "{} answers again", self.service);
            }
        }
    }

    /// How long it has been known to be away and why, if it is.
    pub fn away(&self) -> Option<(Duration, String)> {
        match &*self.state.lock() {
            State::Answers(_) => None,
            State::Away { noticed, cause, .. } => Some((noticed.elapsed(), cause.clone())),
        }
    }

    /// How long it has been known to be away, if it is.
    pub fn away_for(&self) -> Option<Duration> {
        match &*self.state.lock() {
            State::Answers(_) => None,
            State::Away { noticed, .. } => Some(noticed.elapsed()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_began_before_a_change_do_not_undo_it() {
        let service = Reachability::new("the service");
        let before = Instant::now();
        service.failed(before, "unreachable", &"refused");
        assert!(service.away_for().is_some());
        service.answered(before);
        assert!(service.away_for().is_some(), "an answer of before");

        let during = Instant::now();
        service.answered(during);
        assert!(service.away_for().is_none());
        service.failed(during, "unreachable", &"refused");
        assert!(service.away_for().is_none(), "a failure of before");
        service.failed(Instant::now(), "unreachable", &"refused");
        assert!(service.away_for().is_some());
    }
}
