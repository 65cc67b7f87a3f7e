//! What happens to the workers and when, drawn from the seed before the run begins.

use std::time::Duration;

use fastrand::Rng;

use crate::scenario::{Options, Scenario};

/// Of all messages that have been sent by an act, so many percent of the newest portion are settled
/// when it comes: it comes in mid-run.
const SETTLED_PERCENT: std::ops::Range<usize> = 5..70;
/// How long PostgreSQL stays down.
const DOWN_MILLIS: std::ops::Range<u64> = 50..2_500;
/// How long the server does not notice that a worker has vanished.
const LINGER_MILLIS: std::ops::Range<u64> = 1_000..8_000;
/// A moment between the settling of a message and an act.
const MOMENT_MICROS: std::ops::Range<u64> = 0..60_000;

/// The acts of a run, and where the randomness of its other parts comes from.
pub(crate) struct Plan {
    pub(crate) acts: Vec<Act>,
    pub(crate) events: Rng,
    /// One for each worker: what befalls its calls and connections.
    pub(crate) faults: Vec<(Rng, Rng)>,
}

/// Something that is done once so many messages have been settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Act {
    /// So many messages are in the queue by then, or settled.
    pub(crate) sent: usize,
    /// When so many have left the queue.
    pub(crate) settled: usize,
    /// And so much later.
    pub(crate) moment: Duration,
    pub(crate) what: Deed,
}

/// What is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Deed {
    /// The worker, or the next one that has something to do.
    Kill {
        worker: usize,
    },
    Terminate {
        worker: usize,
    },
    /// Whichever worker is the first to come to the place.
    Vanish(Vanishing),
    CrashDatabase {
        down: Duration,
    },
}

/// Where in a transaction a worker vanishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Vanishing {
    /// In the middle of the rows' COPY, after so many bytes; otherwise after the claim.
    pub(crate) in_copy: Option<usize>,
    /// How long its connection stays open at the server's side.
    pub(crate) linger: Duration,
}

impl Plan {
    pub(crate) fn new(options: &Options) -> Self {
        let mut random = Rng::with_seed(options.seed);
        let events = random.fork();
        let faults = (0..options.workers).map(|_| (random.fork(), random.fork()));
        let faults = faults.collect();
        let deeds = deeds(options, &mut random);
        let portion = options.messages / (deeds.len() + 1);
        let acts = (1..).zip(deeds).map(|(place, what)| {
            let sent = place * portion;
            let settled = portion * random.usize(SETTLED_PERCENT) / 100;
            Act {
                sent,
                settled: sent - portion + settled,
                moment: Duration::from_micros(random.u64(MOMENT_MICROS)),
                what,
            }
        });
        Self {
            acts: acts.collect(),
            events,
            faults,
        }
    }
}

/// As many kills as were asked for, and in proportion the rest.
fn deeds(options: &Options, random: &mut Rng) -> Vec<Deed> {
    let kills = options.kills;
    let fewer = |by: usize| kills.div_ceil(by).min(kills);
    let crashes = match options.scenario {
        Scenario::Standard | Scenario::Fifo | Scenario::Pgbouncer => fewer(8),
        Scenario::SlowCommits => 0,
    };
    let mut deeds = Vec::new();
    let mut worker = random.fork();
    let mut worker = || worker.usize(..options.workers);
    deeds.extend((0..kills).map(|_| Deed::Kill { worker: worker() }));
    deeds.extend((0..fewer(6)).map(|_| Deed::Terminate { worker: worker() }));
    let first = random.usize(..2);
    for place in 0..fewer(6) {
        let in_copy = (place % 2 == first).then(|| random.usize(10..3_000));
        let linger = Duration::from_millis(random.u64(LINGER_MILLIS));
        deeds.push(Deed::Vanish(Vanishing { in_copy, linger }));
    }
    for _ in 0..crashes {
        let down = Duration::from_millis(random.u64(DOWN_MILLIS));
        deeds.push(Deed::CrashDatabase { down });
    }
    random.shuffle(&mut deeds);
    deeds
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_plan_and_acts_come_in_mid_run() {
        let options = Options {
            binary: "veilstream".into(),
            scenario: Scenario::Standard,
            seed: 42,
            messages: 100_000,
            kills: 50,
            workers: 3,
            progress: false,
        };
        let acts = Plan::new(&options).acts;
        assert_eq!(acts, Plan::new(&options).acts);
        let kill = |act: &&Act| matches!(act.what, Deed::Kill { .. });
        assert_eq!(acts.iter().filter(kill).count(), 50);
        let mut before = 0;
        for act in acts {
            assert!((before..act.sent).contains(&act.settled), "{act:?}");
            before = act.sent;
        }
    }
}
