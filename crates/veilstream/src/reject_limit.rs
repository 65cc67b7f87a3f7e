//! A sudden flood of rejected messages: a producer that has changed, not a message gone bad.
//!
//! Above a share of rejected messages nothing more is received but for a trial now and then, and
//! what is rejected goes back to the queue: the quarantine does not fill up with what a corrected
//! configuration would load.

use std::{
    collections::VecDeque,
    fmt,
    ops::AddAssign,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use uuid::Uuid;

/// The share is that of about so many messages, the last ones.
const WINDOW: usize = 1_000;
/// Fewer messages than this tell nothing.
const FEWEST: usize = 200;
/// So many messages that were rejected and left are known when they come back.
const REMEMBERED: usize = 1_000;
/// While it is stopped, one receive in this time tries whether it is over.
const BETWEEN_TRIALS: Duration = Duration::from_mins(1);

/// The limit of a run, shared by all of its tasks.
#[derive(Debug)]
pub struct RejectLimit {
    percent: Option<u8>,
    between_trials: Duration,
    state: Mutex<State>,
    /// The keys of the last messages that were rejected and left.
    known: Mutex<VecDeque<Uuid>>,
}

#[derive(Debug)]
enum State {
    /// Messages are received.
    Counting(Windows),
    /// One receive now and then.
    Stopped { cause: Cause, next_trial: Instant },
}

/// Receiving is far ahead of loading, so each is counted for itself.
#[derive(Debug, Default)]
struct Windows {
    received: Window,
    loaded: Window,
}

/// Who was against the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// They could not be decoded or masked: a receive tells whether that is over.
    Rejected,
    /// PostgreSQL refused their rows: only loading tells.
    Refused,
}

/// The last messages, portion by portion.
#[derive(Debug, Default)]
struct Window {
    portions: VecDeque<Share>,
    sum: Share,
}

/// So many messages, and so many of them rejected.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// All of them.
    pub messages: usize,
    /// Those that are no rows.
    pub rejected: usize,
}

/// What a receiver may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// Receive.
    Receive,
    /// Receive, to try whether the flood is over.
    Trial,
    /// Nothing, for so long.
    Wait(Duration),
}

/// What changed with the last messages that were seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// The share is above the limit.
    Stopped(Share),
    /// It is no longer.
    Resumed,
}

impl AddAssign for Share {
    fn add_assign(&mut self, other: Self) {
        self.messages += other.messages;
        self.rejected += other.rejected;
    }
}

impl Share {
    fn is_above(self, percent: u8) -> bool {
        self.rejected * 100 > self.messages * usize::from(percent)
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of the last {}", self.rejected, self.messages)
    }
}

impl RejectLimit {
    /// What happens next, for the log.
    pub const WHAT_NOW: &str = "one receive a minute tries whether that is over; to load the others \
        and quarantine these, run with --no-reject-limit";

    /// A limit in percent, or none.
    pub fn new(percent: Option<u8>) -> Self {
        Self {
            percent,
            between_trials: BETWEEN_TRIALS,
            state: Mutex::new(State::Counting(Windows::default())),
            known: Mutex::default(),
        }
    }

    /// Whether only trials are received.
    pub fn is_stopped(&self) -> bool {
        matches!(&*self.state.lock(), State::Stopped { .. })
    }

    /// What the receiver that asks may do now. A trial is given to one of them.
    pub fn turn(&self) -> Turn {
        let now = Instant::now();
        match &mut *self.state.lock() {
            State::Counting(_) => Turn::Receive,
            State::Stopped { next_trial, .. } if now < *next_trial => {
                Turn::Wait(next_trial.duration_since(now))
            }
            State::Stopped { next_trial, .. } => {
                *next_trial = now + self.between_trials;
                Turn::Trial
            }
        }
    }

    /// Messages of a receive were decoded and masked, or rejected.
    pub fn prepared(&self, turn: Turn, share: Share) -> Change {
        self.count(share, Cause::Rejected, turn == Turn::Trial)
    }

    /// Rows were loaded, or refused by PostgreSQL.
    pub fn decided(&self, share: Share) -> Change {
        self.count(share, Cause::Refused, false)
    }

    /// A batch is through; `share` tells of the rows of it that were decided.
    pub fn settled(&self, share: Share) -> Change {
        self.try_end(share, Cause::Refused)
    }

    fn count(&self, share: Share, cause: Cause, trial: bool) -> Change {
        let Some(percent) = self.percent.filter(|_| share.messages > 0) else {
            return Change::None;
        };
        {
            let mut state = self.state.lock();
            if let State::Counting(windows) = &mut *state {
                let window = match cause {
                    Cause::Rejected => &mut windows.received,
                    Cause::Refused => &mut windows.loaded,
                };
                window.add(share);
                let sum = window.sum;
                if sum.messages < FEWEST || !sum.is_above(percent) {
                    return Change::None;
                }
                let next_trial = Instant::now() + self.between_trials;
                *state = State::Stopped { cause, next_trial };
                return Change::Stopped(sum);
            }
        }
        if trial {
            self.try_end(share, cause)
        } else {
            Change::None
        }
    }

    fn try_end(&self, share: Share, by: Cause) -> Change {
        let Some(percent) = self.percent.filter(|_| share.messages > 0) else {
            return Change::None;
        };
        let mut state = self.state.lock();
        match &*state {
            State::Stopped { cause, .. } if *cause == by && !share.is_above(percent) => {
                *state = State::Counting(Windows::default());
                Change::Resumed
            }
            State::Stopped { .. } | State::Counting(_) => Change::None,
        }
    }

    /// Whether a message that is left was rejected before, as far as is remembered: it comes back
    /// for ever, and is no news.
    pub fn is_known(&self, key: Uuid) -> bool {
        let mut known = self.known.lock();
        if known.contains(&key) {
            return true;
        }
        known.push_back(key);
        if known.len() > REMEMBERED {
            known.pop_front();
        }
        false
    }
}

impl Window {
    fn add(&mut self, share: Share) {
        self.portions.push_back(share);
        self.sum += share;
        while let Some(oldest) = self.portions.front()
            && self.sum.messages - oldest.messages >= WINDOW
        {
            self.sum.messages -= oldest.messages;
            self.sum.rejected -= oldest.rejected;
            self.portions.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn share(messages: usize, rejected: usize) -> Share {
        Share { messages, rejected }
    }

    fn limit() -> RejectLimit {
        RejectLimit {
            between_trials: Duration::ZERO,
            ..RejectLimit::new(Some(50))
        }
    }

    #[test]
    fn more_than_half_of_two_hundred_stop_it_and_half_do_not() {
        let limit = limit();
        for _ in 0..19 {
            assert_eq!(limit.prepared(Turn::Receive, share(10, 5)), Change::None);
        }
        assert_eq!(limit.prepared(Turn::Receive, share(10, 5)), Change::None);
        let stopped = Change::Stopped(share(210, 110));
        assert_eq!(limit.prepared(Turn::Receive, share(10, 10)), stopped);
        assert!(limit.is_stopped());
    }

    #[test]
    fn what_is_long_ago_does_not_count() {
        let limit = limit();
        for _ in 0..1_000 {
            assert_eq!(limit.prepared(Turn::Receive, share(10, 0)), Change::None);
        }
        for _ in 0..50 {
            assert_eq!(limit.prepared(Turn::Receive, share(10, 10)), Change::None);
        }
        let stopped = Change::Stopped(share(1_000, 510));
        assert_eq!(limit.prepared(Turn::Receive, share(10, 10)), stopped);
    }

    #[test]
    fn only_a_trial_ends_it() {
        let limit = limit();
        limit.prepared(Turn::Receive, share(200, 200));
        assert_eq!(limit.turn(), Turn::Trial);
        assert_eq!(limit.prepared(Turn::Receive, share(10, 0)), Change::None);
        assert_eq!(limit.prepared(Turn::Trial, share(0, 0)), Change::None);
        assert_eq!(limit.prepared(Turn::Trial, share(10, 6)), Change::None);
        assert_eq!(
            limit.settled(share(10, 0)),
            Change::None,
            "rejected, not refused"
        );
        assert_eq!(limit.prepared(Turn::Trial, share(10, 5)), Change::Resumed);
        assert_eq!(limit.turn(), Turn::Receive);
        assert_eq!(
            limit.prepared(Turn::Receive, share(100, 100)),
            Change::None,
            "counts anew"
        );
    }

    #[test]
    fn what_the_database_refused_only_loading_can_end() {
        let limit = limit();
        // However many are received meanwhile, they are not loaded yet.
        limit.prepared(Turn::Receive, share(5_000, 0));
        limit.decided(share(100, 0));
        for _ in 0..100 {
            assert_eq!(limit.decided(share(1, 1)), Change::None);
        }
        assert_eq!(limit.decided(share(1, 1)), Change::Stopped(share(201, 101)));
        assert_eq!(limit.prepared(Turn::Trial, share(10, 0)), Change::None);
        assert_eq!(limit.settled(share(1, 1)), Change::None);
        assert_eq!(
            limit.settled(share(0, 0)),
            Change::None,
            "nothing was decided"
        );
        assert_eq!(limit.settled(share(10, 0)), Change::Resumed);
    }

    #[test]
    fn what_is_left_again_and_again_is_known() {
        let limit = limit();
        assert!(!limit.is_known(Uuid::from_u128(1)));
        assert!(limit.is_known(Uuid::from_u128(1)));
        for key in 2..2_000 {
            assert!(!limit.is_known(Uuid::from_u128(key)));
        }
        assert!(!limit.is_known(Uuid::from_u128(1)), "long ago");
    }

    #[test]
    fn one_trial_at_a_time() {
        let limit = RejectLimit::new(Some(50));
        limit.prepared(Turn::Receive, share(200, 200));
        assert!(matches!(limit.turn(), Turn::Wait(time) if time <= BETWEEN_TRIALS));
    }

    #[test]
    fn without_a_limit_nothing_stops_it() {
        let limit = RejectLimit::new(None);
        assert_eq!(
            limit.prepared(Turn::Receive, share(5_000, 5_000)),
            Change::None
        );
        assert_eq!(limit.decided(share(5_000, 5_000)), Change::None);
        assert_eq!(limit.turn(), Turn::Receive);
    }
}
