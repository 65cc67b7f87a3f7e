//! `veilstream quarantine`: rejected messages, from a look at them to their end.

mod discard;
mod list;
mod purge;
mod replay;
mod show;

use clap::{
    Subcommand, ValueEnum,
    builder::{PossibleValuesParser, TypedValueParser},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use veilstream::{decode::RejectionCode, load::quarantine::State};

use super::{
    exit::{Exit, Failure},
    unless,
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List what is in quarantine and why, the newest first
    List(list::Arguments),
    /// Print the original of an entry, and leave a trail of it
    Show(show::Arguments),
    /// Load what the configuration of today does not reject any more
    Replay(replay::Arguments),
    /// Give entries up and erase their originals
    Discard(discard::Arguments),
    /// Delete entries that were settled long ago
    Purge(purge::Arguments),
}

pub(super) async fn execute(command: Command, stop: CancellationToken) -> Result<Exit, Failure> {
    match command {
        Command::List(arguments) => unless(&stop, list::execute(arguments)).await,
        Command::Show(arguments) => unless(&stop, show::execute(arguments)).await,
        Command::Replay(arguments) => replay::execute(arguments, stop).await,
        Command::Discard(arguments) => unless(&stop, discard::execute(arguments)).await,
        Command::Purge(arguments) => unless(&stop, purge::execute(arguments)).await,
    }
}

/// Entries of which state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum StateOption {
    #[default]
    Open,
    Replayed,
    Duplicate,
    Discarded,
    All,
}

impl StateOption {
    fn state(self) -> Option<State> {
        match self {
            Self::Open => Some(State::Open),
            Self::Replayed => Some(State::Replayed),
            Self::Duplicate => Some(State::Duplicate),
            Self::Discarded => Some(State::Discarded),
            Self::All => None,
        }
    }
}

/// An entry's id as `list` prints it, in either case.
fn entry_id(text: &str) -> Result<Uuid, String> {
    let id = Uuid::try_parse(text).ok();
    id.filter(|_| text.len() == 36)
        .ok_or_else(|| "an id is a UUID, as `veilstream quarantine list` prints it".to_owned())
}

/// `1 entry`, `2 entries`.
fn entries(count: impl Into<u128>) -> String {
    match count.into() {
        1 => "1 entry".to_owned(),
        count => format!("{count} entries"),
    }
}

/// A reason's code as it is stored.
fn code() -> impl TypedValueParser<Value = String> {
    PossibleValuesParser::new(RejectionCode::ALL.map(RejectionCode::as_str))
}

/// Reasons with their numbers, a line each.
fn reasons<'a>(counts: impl Iterator<Item = (&'a str, u64)>) -> String {
    let lines: Vec<_> = counts
        .map(|(reason, count)| format!("\n  {count} {reason}"))
        .collect();
    lines.concat()
}

/// What is open of other pipelines, in a sentence's part: `3 of pipeline a, 1 of pipeline b`.
fn elsewhere(counts: &[(String, i64)]) -> String {
    let counts: Vec<_> = counts
        .iter()
        .map(|(pipeline, count)| format!("{count} of pipeline {pipeline}"))
        .collect();
    counts.join(", ")
}
