//! What can be measured: a section of the report each, in a module of its own.

use std::path::PathBuf;

use anyhow::Result;
use clap::ValueEnum;

use crate::{
    database_cost, end_to_end, growth, latency, masking, round_trips, section::Section, stages,
    start_up, workers,
};

/// A measurement, by the name that `--only` takes; the report has them in this order.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Measurement {
    /// Values a second by each method of masking
    Masking,
    /// veilstream and its peers, from the built-in queue into PostgreSQL
    EndToEnd,
    /// The fast ones of them, from a queue that answers from memory
    Canned,
    /// The same, from the built-in queue with 10 ms added to each answer
    Distant,
    /// Where the CPU time of a message goes
    Stages,
    /// More and more messages
    Growth,
    /// A queue that is far away
    RoundTrips,
    /// Several workers on one queue
    Workers,
    /// From a message in the queue to its row
    Latency,
    /// Write-ahead log and CPU of PostgreSQL, beside plain COPY
    DatabaseCost,
    /// Start of the process, size of the binary
    StartUp,
}

/// What all measurements keep to.
pub(crate) struct Settings {
    /// How often each figure is measured; one at least.
    pub(crate) runs: usize,
    /// Messages a run of what is fast; one at least.
    pub(crate) messages: usize,
    /// The veilstream to measure.
    pub(crate) veilstream: PathBuf,
    /// The peer of `src/bin/floor.rs`.
    pub(crate) floor: PathBuf,
    /// `src/bin/probe`.
    pub(crate) probe: PathBuf,
    /// Whether growth is measured up to five million messages, which takes minutes.
    pub(crate) five_million: bool,
    /// The peer Vector; it need not be there.
    pub(crate) vector: PathBuf,
    /// A Python that has what `peers/requirements.txt` says.
    pub(crate) python: PathBuf,
}

impl Measurement {
    /// Carries it out; what it does is said on standard error.
    pub(crate) async fn measure(self, settings: &Settings) -> Result<Section> {
        let section = match self {
            Self::Masking => masking::measure(settings.runs)?,
            Self::EndToEnd => end_to_end::from_embedded(settings).await?,
            Self::Canned => end_to_end::from_canned(settings).await?,
            Self::Distant => end_to_end::from_distant(settings).await?,
            Self::Stages => stages::measure(settings).await?,
            Self::Growth => growth::measure(settings).await?,
            Self::RoundTrips => round_trips::measure(settings).await?,
            Self::Workers => workers::measure(settings).await?,
            Self::Latency => latency::measure(settings).await?,
            Self::DatabaseCost => database_cost::measure(settings).await?,
            Self::StartUp => start_up::measure(settings).await?,
        };
        Ok(Section {
            name: self.to_string(),
            ..section
        })
    }
}

impl std::fmt::Display for Measurement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let value = self.to_possible_value().expect("none is skipped");
        f.write_str(value.get_name())
    }
}
