//! What a run has done so far and how long it took, counted once a call or a batch.

mod distribution;
mod process;
mod registrar;

use std::time::{Duration, SystemTime};

use prometheus::{Encoder, Histogram, IntCounter, IntGauge, IntGaugeVec, Registry, TextEncoder};
use serde::Serialize;

pub use self::distribution::Distribution;
use self::{process::Process, registrar::Registrar};
use crate::{decode::RejectionCode, load::DatabaseError, pipeline::State, source::QueueError};

/// From a fast call on the same machine to the longest wait that has a time-out.
const STAGE_SECONDS: [f64; 14] = [
    0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0,
];
/// Up to a day: a backlog of a night is seen as such.
const DELAY_SECONDS: [f64; 16] = [
    0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 1_800.0, 7_200.0,
    86_400.0,
];
const BATCH_MESSAGES: [f64; 10] = [
    1.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1_000.0, 2_500.0, 5_000.0,
];

/// A step of the data path that takes time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// A receive that found a backlog, until its answer began; others wait for messages to be sent.
    Receive,
    /// Decoding and masking what one receive brought.
    Prepare,
    /// A batch, until it is committed, with its tries since it was last halved.
    Load,
    /// A call that deletes.
    Delete,
}

impl Stage {
    /// All of them, in the order of the data path.
    pub const ALL: [Self; 4] = [Self::Receive, Self::Prepare, Self::Load, Self::Delete];

    /// Its name in labels.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Receive => "receive",
            Self::Prepare => "prepare",
            Self::Load => "load",
            Self::Delete => "delete",
        }
    }
}

/// Why a call is tried again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    QueueUnreachable,
    QueueBusy,
    QueueRefused,
    DatabaseUnreachable,
    DatabaseRefused,
}

impl Cause {
    const ALL: [Self; 5] = [
        Self::QueueUnreachable,
        Self::QueueBusy,
        Self::QueueRefused,
        Self::DatabaseUnreachable,
        Self::DatabaseRefused,
    ];

    /// Its name in labels.
    fn as_str(self) -> &'static str {
        match self {
            Self::QueueUnreachable => "queue_unreachable",
            Self::QueueBusy => "queue_busy",
            Self::QueueRefused => "queue_refused",
            Self::DatabaseUnreachable => "database_unreachable",
            Self::DatabaseRefused => "database_refused",
        }
    }
}

/// Running totals and distributions of one run;
/// `received = loaded + duplicates + quarantined + left + in flight`.
pub struct Metrics {
    registry: Registry,
    pub(crate) received: IntCounter,
    pub(crate) bytes: IntCounter,
    pub(crate) loaded: IntCounter,
    pub(crate) duplicates: IntCounter,
    pub(crate) left: IntCounter,
    pub(crate) deleted: IntCounter,
    pub(crate) deletions_failed: IntCounter,
    pub(crate) lease_extensions: IntCounter,
    pub(crate) quarantined: IntCounter,
    quarantined_by_code: [IntCounter; RejectionCode::ALL.len()],
    retries: [IntCounter; Cause::ALL.len()],
    stages: [Histogram; Stage::ALL.len()],
    send_to_commit: Histogram,
    batch: Histogram,
    ledger_partitions: IntGauge,
    ledger_upkeep: IntGauge,
    gauges: Gauges,
}

/// What is set from the run's state whenever somebody asks.
struct Gauges {
    in_flight: IntGauge,
    oldest: prometheus::Gauge,
    members: IntGaugeVec,
    most_members: IntGaugeVec,
    used: IntGaugeVec,
    most: IntGaugeVec,
    reachable: IntGaugeVec,
    process: Process,
}

/// The totals at one moment, in messages.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Totals {
    /// Deliveries taken from the queue; a message that is delivered twice counts twice.
    pub received: u64,
    /// Rows committed to the target table.
    pub loaded: u64,
    /// Deliveries of a message that had been loaded or quarantined before.
    pub duplicates: u64,
    /// Messages committed to the quarantine.
    pub quarantined: u64,
    /// Deliveries that stay in the queue.
    pub left: u64,
    /// Deliveries that SQS confirmed as deleted.
    pub deleted: u64,
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new()
    }
}

impl Metrics {
    /// Nothing counted yet.
    pub fn new() -> Self {
        let registry = Registry::new();
        let registrar = Registrar(&registry);
        let settled = registrar.counters(
            "veilstream_messages_settled_total",
            "Deliveries by what became of them.",
            "outcome",
        );
        let by_code = registrar.counters(
            "veilstream_messages_quarantined_total",
            "Messages committed to the quarantine, by reason.",
            "code",
        );
        let retries = registrar.counters(
            "veilstream_retries_total",
            "Calls that failed and are tried again, by cause.",
            "cause",
        );
        let stages = registrar.histograms(
            "veilstream_stage_duration_seconds",
            "How long a call or a batch took in each stage of the data path.",
            "stage",
            &STAGE_SECONDS,
        );
        Self {
            received: registrar.counter(
                "veilstream_messages_received_total",
                "Deliveries taken from the queue.",
            ),
            bytes: registrar.counter(
                "veilstream_message_bytes_total",
                "Bytes of the bodies of received messages.",
            ),
            loaded: settled.with_label_values(&["loaded"]),
            duplicates: settled.with_label_values(&["duplicate"]),
            quarantined: settled.with_label_values(&["quarantined"]),
            left: settled.with_label_values(&["left"]),
            deleted: registrar.counter(
                "veilstream_messages_deleted_total",
                "Deliveries that the queue confirmed as deleted.",
            ),
            deletions_failed: registrar.counter(
                "veilstream_deletions_failed_total",
                "Deletions that the queue refused, each try; the ledger knows those messages again.",
            ),
            lease_extensions: registrar.counter(
                "veilstream_lease_extensions_total",
                "Visibility time-outs that were extended.",
            ),
            quarantined_by_code: RejectionCode::ALL
                .map(|code| by_code.with_label_values(&[code.as_str()])),
            // Each from the start on, so that the first failure is seen as a rise.
            retries: Cause::ALL.map(|cause| retries.with_label_values(&[cause.as_str()])),
            stages: Stage::ALL.map(|stage| stages.with_label_values(&[stage.as_str()])),
            send_to_commit: registrar.histogram(
                "veilstream_send_to_commit_seconds",
                "From SendMessage to the commit, a message that is new.",
                &DELAY_SECONDS,
            ),
            batch: registrar.histogram(
                "veilstream_batch_messages",
                "Messages that were committed together.",
                &BATCH_MESSAGES,
            ),
            ledger_partitions: registrar.gauge(
                "veilstream_ledger_partitions",
                "Days that the ledger has a partition for.",
            ),
            ledger_upkeep: registrar.gauge(
                "veilstream_ledger_upkeep_timestamp_seconds",
                "When the ledger's upkeep last succeeded, or this worker began, in seconds since 1970.",
            ),
            gauges: Gauges::new(&registrar),
            registry,
        }
    }

    /// The totals now.
    pub fn totals(&self) -> Totals {
        // What was settled is read first: it can only have been received before.
        let (loaded, duplicates) = (self.loaded.get(), self.duplicates.get());
        let (quarantined, left) = (self.quarantined.get(), self.left.get());
        Totals {
            received: self.received.get(),
            loaded,
            duplicates,
            quarantined,
            left,
            deleted: self.deleted.get(),
        }
    }

    /// Bytes of the bodies that were received.
    pub fn bytes(&self) -> u64 {
        self.bytes.get()
    }

    /// What a commit did: messages by what became of them, and when those that are new were sent, in
    /// milliseconds since 1970-01-01 UTC.
    pub(crate) fn committed(
        &self,
        loaded: usize,
        duplicates: usize,
        quarantined: &[RejectionCode],
        sent: &[u64],
    ) {
        add(&self.loaded, loaded);
        add(&self.duplicates, duplicates);
        add(&self.quarantined, quarantined.len());
        for code in quarantined {
            let place = RejectionCode::ALL.iter().position(|known| known == code);
            if let Some(counter) = place.and_then(|place| self.quarantined_by_code.get(place)) {
                counter.inc();
            }
        }
        #[expect(clippy::cast_precision_loss, reason = "5,000 at the most")]
        self.batch
            .observe((loaded + duplicates + quarantined.len()) as f64);
        let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
        let now = now.unwrap_or_default();
        let delays = self.send_to_commit.local();
        for millis in sent {
            // Where the queue's clock is ahead of this one there is no delay to tell.
            let delay = now.saturating_sub(Duration::from_millis(*millis));
            delays.observe(delay.as_secs_f64());
        }
        delays.flush();
    }

    /// A call or a batch took so long.
    pub(crate) fn took(&self, stage: Stage, time: Duration) {
        self.stages[stage as usize].observe(time.as_secs_f64());
    }

    /// A call to the queue failed and will be tried again.
    pub(crate) fn queue_failed(&self, error: &QueueError) {
        let cause = match error {
            QueueError::Unreachable { .. } => Cause::QueueUnreachable,
            QueueError::Busy { .. } => Cause::QueueBusy,
            QueueError::Refused { .. }
            | QueueError::Protocol { .. }
            | QueueError::TooLarge { .. }
            | QueueError::Credentials { .. } => Cause::QueueRefused,
        };
        self.retries[cause as usize].inc();
    }

    /// A transaction failed and will be tried again.
    pub(crate) fn database_failed(&self, error: &DatabaseError) {
        let cause = match error {
            DatabaseError::Connect(_)
            | DatabaseError::Broken { .. }
            | DatabaseError::NoAnswer { .. } => Cause::DatabaseUnreachable,
            DatabaseError::Server { .. } | DatabaseError::CountDiffers { .. } => {
                Cause::DatabaseRefused
            }
        };
        self.retries[cause as usize].inc();
    }

    pub(crate) fn set_ledger_partitions(&self, partitions: i64) {
        self.ledger_partitions.set(partitions);
    }

    /// The upkeep of the ledger succeeded just now.
    pub(crate) fn ledger_is_kept(&self) {
        self.ledger_upkeep.set(jiff::Timestamp::now().as_second());
    }

    /// Days that the ledger has a partition for, as the last round of its upkeep found.
    pub fn ledger_partitions(&self) -> i64 {
        self.ledger_partitions.get()
    }

    /// How long a stage took.
    pub fn stage(&self, stage: Stage) -> Distribution {
        Distribution::of(&self.stages[stage as usize])
    }

    /// How long it took from `SendMessage` to the commit, a message.
    pub fn send_to_commit(&self) -> Distribution {
        Distribution::of(&self.send_to_commit)
    }

    /// Messages committed to the quarantine, by reason, without those that no message had.
    pub fn quarantined_by_code(&self) -> Vec<(&'static str, u64)> {
        let codes = RejectionCode::ALL.iter().zip(&self.quarantined_by_code);
        codes
            .map(|(code, counter)| (code.as_str(), counter.get()))
            .filter(|(_, messages)| *messages > 0)
            .collect()
    }

    /// Calls that failed and were tried again, by cause, without those that no call had.
    pub fn retries(&self) -> Vec<(&'static str, u64)> {
        let causes = Cause::ALL.iter().zip(&self.retries);
        causes
            .map(|(cause, counter)| (cause.as_str(), counter.get()))
            .filter(|(_, retries)| *retries > 0)
            .collect()
    }

    /// Deletions that the queue refused.
    pub fn deletions_failed(&self) -> u64 {
        self.deletions_failed.get()
    }

    /// Visibility time-outs that were extended.
    pub fn lease_extensions(&self) -> u64 {
        self.lease_extensions.get()
    }

    /// Everything in Prometheus' text format.
    ///
    /// # Errors
    ///
    /// When a metric cannot be written, which is a fault in this program.
    pub fn exposition(&self, state: &State) -> Result<String, prometheus::Error> {
        self.gauges.set(state);
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    /// Says once which program and pipeline this is.
    pub fn describe(&self, pipeline: &str) {
        let info = Registrar(&self.registry).gauges(
            "veilstream_build_info",
            "1, labelled with the version and the pipeline.",
            &["version", "pipeline"],
        );
        info.with_label_values(&[env!("CARGO_PKG_VERSION"), pipeline])
            .set(1);
    }
}

impl Gauges {
    fn new(registrar: &Registrar<'_>) -> Self {
        Self {
            in_flight: registrar.gauge(
                "veilstream_messages_in_flight",
                "Deliveries received and not settled yet: with the settled ones, all received.",
            ),
            oldest: registrar.register(prometheus::Gauge::new(
                "veilstream_oldest_in_flight_seconds",
                "How long ago the oldest delivery in flight was received; 0 without one.",
            )),
            members: registrar.gauges(
                "veilstream_fleet_members",
                "Tasks that call the queue.",
                &["fleet"],
            ),
            most_members: registrar.gauges(
                "veilstream_fleet_members_max",
                "How many there may be.",
                &["fleet"],
            ),
            used: registrar.gauges(
                "veilstream_budget_used",
                "What is in flight of the memory budget.",
                &["resource"],
            ),
            most: registrar.gauges("veilstream_budget_max", "The memory budget.", &["resource"]),
            reachable: registrar.gauges(
                "veilstream_service_reachable",
                "1 while the service answers, 0 while it is away.",
                &["service"],
            ),
            process: Process::new(registrar),
        }
    }

    fn set(&self, state: &State) {
        let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
        self.in_flight.set(whole(state.in_flight));
        let oldest = state.oldest_in_flight.map_or(0.0, |age| age.as_secs_f64());
        self.oldest.set(oldest);
        for fleet in &state.fleets {
            let label = [fleet.fleet];
            self.members
                .with_label_values(&label)
                .set(whole(fleet.members));
            self.most_members
                .with_label_values(&label)
                .set(whole(fleet.most));
        }
        for budget in &state.budget {
            let label = [budget.resource];
            self.used.with_label_values(&label).set(whole(budget.used));
            self.most.with_label_values(&label).set(whole(budget.most));
        }
        for service in &state.services {
            let reachable = self.reachable.with_label_values(&[service.service]);
            reachable.set(i64::from(service.reachable));
        }
        self.process.set();
    }
}

/// Adds a number of messages to a counter.
pub(crate) fn add(counter: &IntCounter, messages: usize) {
    counter.inc_by(messages as u64);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_is_behind_gives_no_delay() {
        let metrics = Metrics::new();
        metrics.committed(2, 0, &[], &[u64::MAX, 0]);
        let delays = metrics.send_to_commit();
        assert_eq!(delays.count, 2);
        assert!(delays.quantile(0.4).unwrap() <= 0.01);
    }
}
