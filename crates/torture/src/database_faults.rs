//! What befalls a worker's connections to PostgreSQL.

use std::{sync::Arc, time::Duration};

use fastrand::Rng;
use parking_lot::Mutex;
use testkit::postgres_proxy::{Trouble, What, When};

use crate::{
    plan::Vanishing,
    queue_faults::drawn,
    slot::SlotState,
    tally::{Tally, Thrown},
};

/// Of a hundred connections so many meet with it; the others are left alone.
const SHARES: [(u32, Thrown); 7] = [
    (5, Thrown::ConnectionRefused),
    (27, Thrown::ConnectionCut),
    (8, Thrown::CutBeforeCommit),
    (12, Thrown::CommitAnswerLost),
    (10, Thrown::CommitDelayed),
    (10, Thrown::ConnectionHangs),
    (10, Thrown::ConnectionDrips),
];
/// What veilstream says at the end of a transaction, and before it copies rows.
const COMMIT: &[u8] = b"SELECT 1; COMMIT";
const COPY: &[u8] = b"\"user_logins\" (";
/// The commit that is met, of a connection.
const COMMITS: std::ops::RangeInclusive<usize> = 1..=8;
/// How long a connection hangs; and how long nobody notices that a worker was killed, sometimes.
const HANG_MILLIS: std::ops::Range<u64> = 300..6_000;
const LINGER_MILLIS: std::ops::Range<u64> = 100..3_000;
/// So many bytes drip.
const DRIPPING: usize = 10_000;

/// The faults of one worker's connections.
pub(crate) struct DatabaseFaults {
    pub(crate) random: Mutex<Rng>,
    pub(crate) state: Arc<SlotState>,
    pub(crate) tally: Tally,
}

impl DatabaseFaults {
    /// What befalls a new connection; `None`: it is refused.
    pub(crate) fn decide(&self) -> Option<Trouble> {
        let mut random = self.random.lock();
        if self.state.is_calm() {
            return Some(self.trouble(When::Never, What::Cut, None, Duration::ZERO));
        }
        let linger = if random.u8(..3) == 0 {
            Duration::from_millis(random.u64(LINGER_MILLIS))
        } else {
            Duration::ZERO
        };
        let hang = What::Hang(Duration::from_millis(random.u64(HANG_MILLIS)));
        let commit = When::Said {
            what: COMMIT,
            time: random.usize(COMMITS),
            bytes: 0,
        };
        let thrown = drawn(&mut random, 100, &SHARES);
        let (when, what) = match thrown {
            Some(Thrown::ConnectionRefused) => {
                self.tally.count(Thrown::ConnectionRefused);
                return None;
            }
            Some(Thrown::ConnectionCut) if random.u8(..4) == 0 => {
                (When::Answered(bytes(&mut random, 13)), What::Cut)
            }
            Some(Thrown::ConnectionCut) => (When::Asked(bytes(&mut random, 18)), What::Cut),
            Some(Thrown::CutBeforeCommit) => (commit, What::Cut),
            Some(Thrown::CommitAnswerLost) => (commit, What::LoseAnswer),
            Some(Thrown::CommitDelayed) => (commit, hang),
            Some(Thrown::ConnectionHangs) => (When::Asked(bytes(&mut random, 18)), hang),
            Some(Thrown::ConnectionDrips) => {
                (When::Asked(bytes(&mut random, 16)), What::Drip(DRIPPING))
            }
            Some(other) => unreachable!("{other:?} does not befall a connection"),
            None => (When::Never, What::Cut),
        };
        Some(self.trouble(when, what, thrown, linger))
    }

    fn trouble(&self, when: When, what: What, thrown: Option<Thrown>, linger: Duration) -> Trouble {
        let tally = self.tally.clone();
        let state = Arc::clone(&self.state);
        Trouble {
            when,
            what,
            struck: Box::new(move || thrown.into_iter().for_each(|thrown| tally.count(thrown))),
            instead: Box::new(move || state.vanishing().map(|one| vanish(&state, one))),
            linger,
        }
    }
}

/// The connection freezes, and the worker is killed then.
fn vanish(state: &Arc<SlotState>, vanishing: Vanishing) -> Trouble {
    let Vanishing { in_copy, linger } = vanishing;
    let state = Arc::clone(state);
    Trouble {
        when: When::Said {
            what: COPY,
            time: 1,
            bytes: in_copy.unwrap_or(0),
        },
        what: What::Freeze(linger),
        struck: Box::new(move || state.freeze()),
        instead: Box::new(|| None),
        linger,
    }
}

/// A number of bytes of up to so many bits: small ones as often as large ones, though seldom as few
/// as a start takes.
fn bytes(random: &mut Rng, bits: u32) -> usize {
    let bits = random.u32(11..=bits);
    random.usize(1..1 << bits)
}
