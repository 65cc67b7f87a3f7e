//! The upkeep of the ledger beside the data path: once an hour any worker makes partitions ahead,
//! drops those that no queue needs any more, and forgets events whose time is over.
//!
//! It never ends a run. What is needed and what is over the database decides, by its own clock
//! (`load/schema/3.sql`); a worker only asks.

use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::{
    backoff::Backoff,
    load::{Class, DatabaseError, upkeep},
    metrics::Metrics,
    pipeline::Until,
    startup::Parts,
};

/// After so many rounds in a row in which the ledger's lock was not to be had, somebody should know.
const LOCKED_ROUNDS: u32 = 24;

/// Keeps the ledger up until stopped, with a round about `every` so often (less up to a quarter, so that
/// workers spread); for a run until the queue is empty, one round.
///
/// The retention of the queue was recorded at the start of the run, before its first receive.
pub async fn keep(
    parts: &Parts,
    metrics: &Metrics,
    until: Until,
    every: Duration,
    stop: &CancellationToken,
) {
    metrics.ledger_is_kept();
    let mut upkeep = Upkeep {
        parts,
        metrics,
        retention: parts.queue.settings().message_retention,
        failing: None,
        locked_rounds: 0,
    };
    tokio::select! {
        () = upkeep.rounds(until, every) => {}
        () = stop.cancelled() => {}
    }
}

struct Upkeep<'p> {
    parts: &'p Parts,
    metrics: &'p Metrics,
    /// For how long the queue keeps messages, as it last said.
    retention: Duration,
    /// What the last round failed of, to log each change once.
    failing: Option<String>,
    locked_rounds: u32,
}

impl Upkeep<'_> {
    async fn rounds(&mut self, until: Until, every: Duration) {
        let mut backoff = Backoff::new(Duration::from_secs(10), Duration::from_mins(10));
        let mut result = self.round(false).await;
        loop {
            let pause = match &result {
                Ok(()) => {
                    backoff.reset();
                    spread(every)
                }
                Err(_) => backoff.next_delay(),
            };
            self.note(result);
            match until {
                Until::QueueEmpty => return,
                Until::Stopped => tokio::time::sleep(pause).await,
            }
            self.ask_queue().await;
            result = self.round(true).await;
        }
    }

    /// Somebody may have changed for how long the queue keeps messages.
    async fn ask_queue(&mut self) {
        match self.parts.queue.message_retention().await {
            Ok(retention) => self.retention = retention,
            // Whether the queue answers is told by those who receive.
            Err(error) => tracing::debug!(%error, "the queue's retention is taken as it was"),
        }
    }

    async fn round(&mut self, record: bool) -> Result<(), DatabaseError> {
        let mut client = upkeep::connect(&self.parts.database).await?;
        if record {
            let arn = &self.parts.queue.settings().arn;
            client = upkeep::record(client, arn, self.retention).await?;
        }
        client = upkeep::add_ahead(client).await?;
        let mut more = true;
        while more {
            (more, client) = upkeep::prune(client).await?;
        }
        // Last, since this alone may have to wait for those who load.
        let mut dropped = 0_u32;
        loop {
            match upkeep::drop_oldest(client).await {
                Ok((true, same)) => {
                    client = same;
                    dropped += 1;
                }
                Ok((false, _)) => {
                    self.locked_rounds = 0;
                    break;
                }
                Err(error) if error.sqlstate() == Some("55P03") => {
                    self.note_locked(&error);
                    break;
                }
                Err(error) => return Err(error),
            }
        }
        if let Err(error) = self.count_partitions().await {
            tracing::debug!(%error, "the ledger's partitions are not counted");
        }
        if dropped > 0 {
            tracing::info!(
                days = dropped,
                "dropped from the ledger what no queue needs"
            );
        }
        Ok(())
    }

    async fn count_partitions(&self) -> Result<(), DatabaseError> {
        let client = upkeep::connect(&self.parts.database).await?;
        let (partitions, _) = upkeep::partitions(client).await?;
        self.metrics.set_ledger_partitions(partitions);
        Ok(())
    }

    /// The ledger is in use by others: the next round may find it free.
    fn note_locked(&mut self, error: &DatabaseError) {
        self.locked_rounds += 1;
        tracing::debug!(%error, "the ledger is in use; dropping is tried again later");
        if self.locked_rounds == LOCKED_ROUNDS {
            tracing::warn!(
                rounds = LOCKED_ROUNDS,
                "old days of veilstream.ledger cannot be dropped: its lock is never free. Look for \
                 long transactions on it"
            );
        }
    }

    fn note(&mut self, result: Result<(), DatabaseError>) {
        match result {
            Ok(()) => {
                self.metrics.ledger_is_kept();
                if self.failing.take().is_some() {
                    tracing::info!("the upkeep of the ledger works again");
                }
            }
            // That the database is away is told by those who load.
            Err(error) if error.class() == Class::Transient => {
                tracing::debug!(%error, "the upkeep of the ledger is tried again later");
            }
            Err(error) => {
                if self.failing.as_deref() != Some(error.kind()) {
                    tracing::warn!(%error, "the upkeep of the ledger fails; trying again");
                    self.failing = Some(error.kind().to_owned());
                }
            }
        }
    }
}

/// The duration less a random share of up to a quarter.
fn spread(duration: Duration) -> Duration {
    // Without randomness from the system the full time is still a right one.
    let share = getrandom::u32().map_or(0.0, |random| f64::from(random) / f64::from(u32::MAX));
    duration.mul_f64(1.0 - share / 4.0)
}
