//! `veilstream keys`: key sets, from their making to the end of a key.

mod change;
mod create;
mod destroy;
mod domain;
mod export;
mod list;

use clap::Subcommand;
use masking::{DomainSpec, KeysetError};
use veilstream::keyset_file::{KeysetFile, KeysetFileError};

use super::{
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, KeysetOptions, Output},
};

pub(super) use create::throw_away;

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a key set with a new random key; a file that exists is never overwritten
    Create(create::Arguments),
    /// Show keys and domains, never what opens anything
    List(list::Arguments),
    /// Add a pending key, to be promoted when every worker has the file
    Add(change::Add),
    /// Let values be masked with another key from now on
    Promote(change::Promote),
    /// Let a pending key that is not to be promoted after all only open tokens
    Retire(change::Retire),
    /// Wipe a key for ever, and with it everything that it made
    Destroy(destroy::Arguments),
    /// Add a domain
    AddDomain(domain::Arguments),
    /// Add the key that events are known by to a key set that was made without
    AddLedgerKey(change::AddLedgerKey),
    /// Write the keys of a domain, in clear, for other programs
    Export(export::Arguments),
}

pub(super) async fn execute(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Create(arguments) => create::execute(arguments).await,
        Command::List(arguments) => list::execute(arguments).await,
        Command::Add(arguments) => change::add(arguments).await,
        Command::Promote(arguments) => change::promote(arguments).await,
        Command::Retire(arguments) => change::retire(arguments).await,
        Command::Destroy(arguments) => destroy::execute(arguments).await,
        Command::AddDomain(arguments) => domain::execute(arguments).await,
        Command::AddLedgerKey(arguments) => change::add_ledger_key(arguments).await,
        Command::Export(arguments) => export::execute(arguments).await,
    }
}

/// The key set's file as options, environment and configuration name it.
fn file(config: ConfigOption, keyset: KeysetOptions) -> Result<KeysetFile, Failure> {
    logging::start(Output::Text)?;
    Ok(keyset.settings(config)?.keyset_file()?)
}

fn of_file(error: KeysetFileError) -> Failure {
    Failure::new(Exit::Keyset, error)
}

fn of_keyset(error: KeysetError) -> Failure {
    Failure::new(Exit::Keyset, error)
}

/// Names, joined by commas.
fn names<'a>(domains: impl Iterator<Item = &'a DomainSpec>) -> String {
    let names: Vec<_> = domains.map(|domain| domain.name.as_str()).collect();
    if names.is_empty() {
        "none".to_owned()
    } else {
        names.join(", ")
    }
}

/// Random bytes of the system.
fn random<const N: usize>() -> Result<masking::Zeroizing<[u8; N]>, Failure> {
    let mut bytes = masking::Zeroizing::new([0; N]);
    getrandom::fill(bytes.as_mut_slice()).map_err(|error| {
        Failure::other(anyhow::anyhow!("the system gives no random bytes: {error}"))
    })?;
    Ok(bytes)
}
