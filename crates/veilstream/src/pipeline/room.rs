//! When there is room for another receive.

use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use super::{DataPath, RunError, fleet::Member};
use crate::{
    backoff::Backoff,
    load::{self, Class},
    reject_limit::Turn,
    source::MOST_MESSAGES,
};

/// How soon receivers notice that the database is back.
const DATABASE_AWAY_POLL: Duration = Duration::from_millis(50);
/// How soon receivers notice that messages are rows again.
const STOPPED_POLL: Duration = Duration::from_secs(1);
/// How long at the most until it is asked the next time.
const LONGEST_DELAY: Duration = Duration::from_secs(10);
/// While the budget has fewer bytes than these nothing is asked for: an answer would wait for its
/// bytes here while its messages are hidden, and their receive count has grown. How large it is nobody
/// knows before, so with large messages some wait all the same.
const LEAST_BYTES: u32 = 1 << 20;

/// Room for a receive.
pub(super) struct Room {
    pub(super) turn: Turn,
    pub(super) permit: OwnedSemaphorePermit,
    /// Whether the budget had it at once.
    pub(super) at_once: bool,
}

impl DataPath {
    /// Waits for room for a receive. While the database is away nothing more is taken: it would
    /// only wait here while its visibility time-out runs and its receive count grows. While most
    /// messages are rejected, only a trial now and then is. For these one receiver waits: `None` for
    /// others, which have left.
    pub(super) async fn room(&self, receiver: &mut Member) -> Option<Room> {
        loop {
            if !self.database_is_there(receiver).await {
                return None;
            }
            let at_once =
                self.budget.has_messages(MOST_MESSAGES) && self.budget.has_bytes(LEAST_BYTES);
            let permit = self.budget.messages(MOST_MESSAGES).await;
            drop(self.budget.bytes(LEAST_BYTES).await);
            // It may have gone away meanwhile: room comes free then too, for what is left.
            if self.database_state.away_for().is_some() {
                continue;
            }
            match self.reject_limit.turn() {
                Turn::Wait(_) if receiver.leaves_unless_last() => return None,
                Turn::Wait(time) => tokio::time::sleep(time.min(STOPPED_POLL)).await,
                turn @ (Turn::Receive | Turn::Trial) => {
                    return Some(Room {
                        turn,
                        permit,
                        at_once,
                    });
                }
            }
        }
    }

    /// Waits for the database while it is away; `false` for a receiver that has left instead.
    async fn database_is_there(&self, receiver: &mut Member) -> bool {
        let mut backoff = Backoff::new(DATABASE_AWAY_POLL, LONGEST_DELAY);
        while self.database_state.away_for().is_some() {
            if receiver.leaves_unless_last() {
                return false;
            }
            // Loaders that try again notice when it is back. Where all was left, nobody would.
            if self.budget.is_idle() {
                self.ask_database().await;
                tokio::time::sleep(backoff.next_delay()).await;
            } else {
                tokio::time::sleep(DATABASE_AWAY_POLL).await;
            }
        }
        true
    }

    /// Finds out whether the database is back, and takes what is written.
    pub(super) async fn ask_database(&self) {
        let asked = Instant::now();
        match load::ask(&self.parts.database).await {
            Ok(()) => self.database_state.answered(asked),
            Err(error) => {
                self.metrics.database_failed(&error);
                self.database_state.failed(asked, error.kind(), &error);
                let hopeless = error.class() == Class::Setup;
                if hopeless || self.is_out_of_patience(&self.database_state) {
                    self.fail(RunError::Database(error));
                }
            }
        }
    }
}
