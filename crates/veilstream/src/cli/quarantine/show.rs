//! `veilstream quarantine show`.

use std::io::{self, IsTerminal, Write};

use anyhow::anyhow;
use clap::Args;
use serde::Serialize;
use uuid::Uuid;
use veilstream::{
    audit::{Opening, database},
    load::{
        quarantine::{self, Entry, Listed, OpenError, Task, check_privileges},
        schema,
    },
    startup::reading,
};

use super::entry_id;
use crate::cli::{
    escaping::{escaped, escaped_json_of},
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, KeysetOptions, Output},
    unmask::reason,
};

#[derive(Args)]
#[command(after_help = "\
Example:
  veilstream quarantine show --reason 'ticket 4711' 019ab0c2-7f3e-…

Before the original is printed, who, when, why and the fingerprint of the entry's id are written into \
veilstream.audit and committed; `veilstream audit list --domain '(quarantine)'` shows them. It counts as \
one token of the limits. Without the trail nothing is printed.

An original holds whatever was sent: scripts use --output json. On a terminal, control characters are \
shown as \\u{1b}.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    #[command(flatten)]
    database: DatabaseOptions,
    /// Why; it stays in the trail and the log for good, so name a ticket rather than a person
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// The original only, or one line with an object for machines: all that `list` tells, and body
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The entry, as `veilstream quarantine list` shows it
    #[arg(value_name = "ID", value_parser = entry_id)]
    id: Uuid,
}

/// An entry for machines, with its original.
#[derive(Serialize)]
struct Shown<'a> {
    #[serde(flatten)]
    listed: &'a Listed,
    body: &'a str,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let id = arguments.id;
    let (keyset, database) = (arguments.keyset, arguments.database);
    let settings = keyset.settings_with(arguments.config, database)?;
    let keyset = settings.keyset().await?;
    let client = reading(&settings.database()?).await?;
    check_privileges(&client, Task::Show).await?;
    let entry = Entry::read(&client, id).await?;
    let listed = quarantine::find(&client, id).await?;
    let (Some(entry), Some(listed)) = (entry, listed) else {
        let error = anyhow!("there is no entry {id} in quarantine");
        return Err(Failure::new(Exit::Usage, error));
    };
    let body = entry.open(&mut keyset.sealer())?;
    schema::end_reading(&client).await?;

    let opening = Opening::of_original(arguments.reason.clone(), &listed.id);
    let written = database::append(client, &keyset, &opening).await;
    let trail = written.map_err(|error| {
        let Failure { exit, error } = error.into();
        let error = anyhow!("nothing is shown without its trail: {error}");
        Failure { exit, error }
    })?;
    tracing::info!(%id, reason = arguments.reason, entry = trail.seq, "shown");
    let line = match arguments.output {
        Output::Json => escaped_json_of(&Shown {
            listed: &listed,
            body: &body,
        })?,
        Output::Text if io::stdout().is_terminal() => escaped(&body),
        Output::Text => body,
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(line.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()?;
    Ok(Exit::Done)
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let exit = match &error {
            OpenError::Erased { .. } => Exit::Usage,
            OpenError::NoKey { .. } | OpenError::Sealed { .. } => Exit::Keyset,
        };
        Self::new(exit, error)
    }
}
