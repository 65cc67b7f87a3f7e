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

/// What a connection can meet with.
#[derive(Debug, Clone, Copy)]
enum Fault {
    Refused,
    Cut,
    CutBeforeCommit,
    CommitAnswerLost,
    CommitDelayed,
    Hangs,
    Drips,
}

/// Of a hundred connections so many meet with it; the others are left alone.
const SHARES: [(u32, Fault); 7] = [
    (5, Fault::Refused),
    (27, Fault::Cut),
    (8, Fault::CutBeforeCommit),
    (12, Fault::CommitAnswerLost),
    (10, Fault::CommitDelayed),
    (10, Fault::Hangs),
    (10, Fault::Drips),
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

impl Fault {
    fn thrown(self) -> Thrown {
        match self {
            Self::Refused => Thrown::ConnectionRefused,
            Self::Cut => Thrown::ConnectionCut,
            Self::CutBeforeCommit => Thrown::CutBeforeCommit,
            Self::CommitAnswerLost => Thrown::CommitAnswerLost,
            Self::CommitDelayed => Thrown::CommitDelayed,
            Self::Hangs => Thrown::ConnectionHangs,
            Self::Drips => Thrown::ConnectionDrips,
        }
    }
}

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
        let Some(fault) = drawn(&mut random, 100, &SHARES) else {
            return Some(self.trouble(When::Never, What::Cut, None, linger));
        };
        let (when, what) = match fault {
            Fault::Refused => {
                self.tally.count(fault.thrown());
                return None;
            }
            Fault::Cut if random.u8(..4) == 0 => {
                (When::Answered(bytes(&mut random, 13)), What::Cut)
            }
            Fault::Cut => (When::Asked(bytes(&mut random, 18)), What::Cut),
            Fault::CutBeforeCommit => (commit, What::Cut),
            Fault::CommitAnswerLost => (commit, What::LoseAnswer),
            Fault::CommitDelayed => (commit, hang),
            Fault::Hangs => (When::Asked(bytes(&mut random, 18)), hang),
            Fault::Drips => (When::Asked(bytes(&mut random, 16)), What::Drip(DRIPPING)),
        };
        Some(self.trouble(when, what, Some(fault.thrown()), linger))
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
