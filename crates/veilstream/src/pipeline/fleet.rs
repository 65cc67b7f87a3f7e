//! How many tasks call the queue at once: a fleet of receivers or of deleters sizes itself.
//!
//! What a call found is a vote. Once as many calls have ended as the fleet is to have members, the
//! votes decide: half of them for more, and hardly any that would be but took too long, and it grows by a
//! half; three quarters for fewer, and it loses a quarter. In between it stays as it is. So a fleet is a
//! hundred times as large within a dozen round trips, and does not waver.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use parking_lot::Mutex;

/// A call is as quick as it can be while it takes no more than so many times as long as the
/// quickest few did on average, and half a millisecond. What takes longer is taken to wait for something
/// that all of the fleet wait for, such as a processor, and so would another.
const AS_QUICK: u32 = 2;
const AS_QUICK_BEYOND: Duration = Duration::from_micros(500);
const IN_A_ROW: u32 = 4;
/// A fleet grows only where so many calls were as quick as they can be for each one that was not: of a burst
/// the first are always quick, whatever the others wait for.
const QUICK_FOR_EACH_SLOW: usize = 3;
/// So many cost next to nothing, and keep a machine busy however unevenly it is shared.
const FEW: usize = 8;
/// The quickest calls are those of the last one to two minutes: the way to the queue may change.
const REMEMBERED: Duration = Duration::from_mins(1);
/// A fleet of which more than one call, and more than one in so many, failed does not grow beyond a few for a while.
const MOST_FAILED: usize = 16;
const STEADY_AFTER_FAILURE: Duration = Duration::from_secs(1);

/// Tasks that do the same.
pub(super) struct Fleet {
    most: usize,
    /// It shrinks to these.
    least: usize,
    state: Mutex<State>,
}

struct State {
    members: usize,
    /// How many there are to be.
    wanted: usize,
    round: Round,
    quickest: Quickest,
    /// Until then it does not grow beyond a few.
    steady_until: Instant,
}

/// The calls since the size was last decided.
#[derive(Default)]
struct Round {
    calls: usize,
    for_more: usize,
    /// They carried as much as they can, but took too long for more to help.
    too_slow: usize,
    for_fewer: usize,
    failed: usize,
}

/// What a call found.
#[derive(Debug, Clone, Copy)]
pub(super) enum Vote {
    /// It carried as much as a call can, within this time, and there would be as much for another.
    More(Duration),
    /// There was enough to do, and no more.
    Same,
    /// There was less to do than a call can carry, or no room for it.
    Fewer,
}

/// A task's place in its fleet, free again when it is dropped.
pub(super) struct Member {
    fleet: Arc<Fleet>,
    has_left: bool,
}

impl Fleet {
    /// A fleet without members, which is to begin with `least`; `most` counts if that is less.
    pub(super) fn new(most: usize, least: usize) -> Arc<Self> {
        let least = least.min(most);
        Arc::new(Self {
            most,
            least,
            state: Mutex::new(State {
                members: 0,
                wanted: least,
                round: Round::default(),
                quickest: Quickest::new(),
                steady_until: Instant::now(),
            }),
        })
    }

    /// How many members it has, and how many there may be.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.state.lock().members as u64, self.most as u64)
    }

    /// New members: as many as are wanted, and no more than `most`.
    pub(super) fn muster(self: &Arc<Self>, most: usize) -> Vec<Member> {
        let missing = {
            let mut state = self.state.lock();
            let missing = state.wanted.saturating_sub(state.members).min(most);
            state.members += missing;
            missing
        };
        let member = |_| Member {
            fleet: Arc::clone(self),
            has_left: false,
        };
        (0..missing).map(member).collect()
    }
}

impl Member {
    /// Says what a call found. The fleet may be too small or too large then.
    pub(super) fn vote(&self, vote: Vote) {
        let mut state = self.fleet.state.lock();
        let now = Instant::now();
        state.round.calls += 1;
        match vote {
            Vote::More(took) => {
                let quickest = state.quickest.see(took, now);
                let as_quick = quickest.saturating_mul(AS_QUICK);
                let helps = state.wanted < FEW || took <= as_quick.saturating_add(AS_QUICK_BEYOND);
                let round = &mut state.round;
                let votes = if helps {
                    &mut round.for_more
                } else {
                    &mut round.too_slow
                };
                *votes += 1;
            }
            Vote::Same => {}
            Vote::Fewer => state.round.for_fewer += 1,
        }
        if state.round.calls >= state.wanted {
            state.decide(&self.fleet, now);
        }
    }

    /// Leaves if the fleet is too large: whether it has left.
    pub(super) fn leaves_if_too_many(&mut self) -> bool {
        self.leaves_if(|state| state.members > state.wanted)
    }

    /// Leaves unless it is the last one: whether it has left. Who has nothing to do, or would have to
    /// wait as another does, is one too many.
    pub(super) fn leaves_unless_last(&mut self) -> bool {
        self.leaves_if(|state| {
            let others = state.members - 1;
            if others > 0 {
                state.wanted = state.wanted.min(others);
            }
            others > 0
        })
    }

    /// The same after a call that failed: the queue is away, or has too many of them. Where it is not
    /// just one now and then, the fleet stays small for a second, or for as long as the queue asks.
    pub(super) fn leaves_after_failure(&mut self, pause: Duration) -> bool {
        {
            let mut state = self.fleet.state.lock();
            state.round.failed += 1;
            let failed = state.round.failed;
            if failed > 1 && failed * MOST_FAILED > state.wanted {
                let until = Instant::now() + pause.max(STEADY_AFTER_FAILURE);
                state.steady_until = state.steady_until.max(until);
            }
        }
        self.leaves_unless_last()
    }

    /// Leaves.
    pub(super) fn leaves(&mut self) {
        self.leaves_if(|_| true);
    }

    /// Whether there is no other.
    pub(super) fn is_last(&self) -> bool {
        self.fleet.state.lock().members == 1
    }

    /// Whether it has left, now or before.
    fn leaves_if(&mut self, condition: impl FnOnce(&mut State) -> bool) -> bool {
        if !self.has_left {
            let mut state = self.fleet.state.lock();
            if condition(&mut state) {
                state.members -= 1;
                self.has_left = true;
            }
        }
        self.has_left
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.leaves();
    }
}

impl State {
    fn decide(&mut self, fleet: &Fleet, now: Instant) {
        let round = std::mem::take(&mut self.round);
        let may_grow = self.wanted < FEW || now >= self.steady_until;
        let helps = round.for_more >= QUICK_FOR_EACH_SLOW * round.too_slow;
        if round.for_more * 2 >= round.calls && helps && may_grow {
            self.wanted += self.wanted.div_ceil(2);
        } else if round.for_fewer * 4 >= round.calls * 3 {
            self.wanted -= self.wanted.div_ceil(4);
        }
        self.wanted = self.wanted.clamp(fleet.least, fleet.most);
    }
}

/// How long a call took when they were quickest, in the present minute and the one before: the mean of
/// some in a row, for a single one may be lucky.
struct Quickest {
    now: Duration,
    before: Duration,
    /// How many there are in the present row, and how long they took together.
    calls: u32,
    took: Duration,
    since: Instant,
}

impl Quickest {
    fn new() -> Self {
        Self {
            now: Duration::MAX,
            before: Duration::MAX,
            calls: 0,
            took: Duration::ZERO,
            since: Instant::now(),
        }
    }

    /// How long the quickest ones took, this one counted; the longest time there is while too few are
    /// known.
    fn see(&mut self, took: Duration, now: Instant) -> Duration {
        if now.duration_since(self.since) >= REMEMBERED {
            (self.before, self.now) = (self.now, Duration::MAX);
            self.since = now;
        }
        self.calls += 1;
        self.took += took;
        if self.calls == IN_A_ROW {
            self.now = self.now.min(self.took / IN_A_ROW);
            (self.calls, self.took) = (0, Duration::ZERO);
        }
        self.now.min(self.before)
    }
}

#[cfg(test)]
mod tests;
