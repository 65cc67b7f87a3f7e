//! A sudden flood of rejected messages: a producer that has changed, not a message gone bad.
//!
//! Above a share of rejected messages nothing more is received but for a trial now and then, and
//! what is rejected goes back to the queue: the quarantine does not fill up with what a corrected
//! configuration would load.

use std::{
    collections::VecDeque,
    fmt,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// The share is that of about so many messages, the last ones.
const WINDOW: usize = 1_000;
/// Fewer messages than this tell nothing.
const FEWEST: usize = 200;
/// While it is stopped, one receive in this time tries whether it is over.
const BETWEEN_TRIALS: Duration = Duration::from_mins(1);

/// The limit of a run, shared by all of its tasks.
#[derive(Debug)]
pub struct RejectLimit {
    percent: Option<u8>,
    between_trials: Duration,
    state: Mutex<State>,
}

#[derive(Debug)]
enum State {
    /// Messages are received.
    Counting(Window),
    /// One receive now and then.
    Stopped { cause: Cause, next_trial: Instant },
}

/// Who was against the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// They could not be decoded or masked: a receive tells whether that is over.
    Rejected,
    /// PostgreSQL refused their rows: only loading tells.
    Refused,
}

/// The last messages, receive by receive.
#[derive(Debug, Default)]
struct Window {
    receives: VecDeque<Share>,
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
            state: Mutex::new(State::Counting(Window::default())),
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
        let Some(percent) = self.percent.filter(|_| share.messages > 0) else {
            return Change::None;
        };
        let mut state = self.state.lock();
        match &mut *state {
            State::Counting(window) => {
                window.add(share);
                self.judge(percent, Cause::Rejected, &mut state)
            }
            State::Stopped { cause, .. } => {
                let over = turn == Turn::Trial && !share.is_above(percent);
                resume(over && *cause == Cause::Rejected, &mut state)
            }
        }
    }

    /// PostgreSQL refused the row of a message that had been prepared.
    pub fn refused(&self) -> Change {
        let Some(percent) = self.percent else {
            return Change::None;
        };
        let mut state = self.state.lock();
        match &mut *state {
            State::Counting(window) => {
                window.add(Share {
                    messages: 0,
                    rejected: 1,
                });
                self.judge(percent, Cause::Refused, &mut state)
            }
            State::Stopped { .. } => Change::None,
        }
    }

    /// A batch is through; `share` tells of it what PostgreSQL refused.
    pub fn settled(&self, share: Share) -> Change {
        let Some(percent) = self.percent else {
            return Change::None;
        };
        let mut state = self.state.lock();
        let refused = matches!(
            &*state,
            State::Stopped {
                cause: Cause::Refused,
                ..
            }
        );
        resume(
            refused && share.messages > 0 && !share.is_above(percent),
            &mut state,
        )
    }

    fn judge(&self, percent: u8, cause: Cause, state: &mut State) -> Change {
        let State::Counting(window) = &*state else {
            return Change::None;
        };
        let sum = window.sum;
        if sum.messages < FEWEST || !sum.is_above(percent) {
            return Change::None;
        }
        *state = State::Stopped {
            cause,
            next_trial: Instant::now() + self.between_trials,
        };
        Change::Stopped(sum)
    }
}

fn resume(over: bool, state: &mut State) -> Change {
    if !over {
        return Change::None;
    }
    *state = State::Counting(Window::default());
    Change::Resumed
}

impl Window {
    fn add(&mut self, share: Share) {
        self.receives.push_back(share);
        self.sum.messages += share.messages;
        self.sum.rejected += share.rejected;
        while let Some(oldest) = self.receives.front()
            && self.sum.messages - oldest.messages >= WINDOW
        {
            self.sum.messages -= oldest.messages;
            self.sum.rejected -= oldest.rejected;
            self.receives.pop_front();
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
        limit.prepared(Turn::Receive, share(200, 0));
        for _ in 0..100 {
            assert_eq!(limit.refused(), Change::None);
        }
        assert_eq!(limit.refused(), Change::Stopped(share(200, 101)));
        assert_eq!(limit.prepared(Turn::Trial, share(10, 0)), Change::None);
        assert_eq!(limit.settled(share(10, 10)), Change::None);
        assert_eq!(limit.settled(share(0, 0)), Change::None);
        assert_eq!(limit.settled(share(10, 0)), Change::Resumed);
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
        assert_eq!(limit.refused(), Change::None);
        assert_eq!(limit.turn(), Turn::Receive);
    }
}
