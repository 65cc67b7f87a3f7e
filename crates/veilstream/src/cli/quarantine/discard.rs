//! `veilstream quarantine discard`.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;
use uuid::Uuid;
use veilstream::{
    load::quarantine::{DiscardError, Task, check_privileges, count_to_discard, discard},
    startup::{connect, reading},
};

use super::{entries, entry_id};
use crate::cli::{
    confirmation::confirm,
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, Output},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream quarantine discard 019ab0c2-7f3e-…      # asks, on a terminal
  veilstream quarantine discard --yes 019ab0c2-7f3e-…

The entry stays, with its reason, until it is purged; its original is gone for ever. (Backups and, until \
VACUUM, the table's file still hold it, sealed.) Entries of other pipelines than the configured one are \
refused.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    database: DatabaseOptions,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// How the result and logs are written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// The entries, as `veilstream quarantine list` shows them
    #[arg(value_name = "ID", required = true, value_parser = entry_id)]
    ids: Vec<Uuid>,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let settings = arguments.database.settings(arguments.config)?;
    let database = settings.database()?;
    let mut ids = arguments.ids;
    ids.sort_unstable();
    ids.dedup();
    let pipeline = &settings.configuration().pipeline.name;
    let client = reading(&database).await?;
    check_privileges(&client, Task::Discard).await?;
    let open = count_to_discard(&client, &ids, pipeline).await?;
    // A person takes time: the connection is not kept open for that.
    drop(client);
    if open > 0 && !arguments.yes {
        let what = entries(open);
        confirm(
            &format!("Discarding {what} of pipeline {pipeline} erases the originals for ever."),
            "discard",
            "to go on",
            "nothing is discarded",
        )
        .await?;
    }
    let discarded = discard(connect(&database).await?, &ids, pipeline).await?;
    let mut stdout = io::stdout().lock();
    match arguments.output {
        Output::Json => writeln!(stdout, "{}", json!({"discarded": discarded}))?,
        Output::Text => writeln!(stdout, "{discarded} discarded")?,
    }
    Ok(Exit::Done)
}

impl From<DiscardError> for Failure {
    fn from(error: DiscardError) -> Self {
        let exit = match &error {
            DiscardError::Database(_) => Exit::Database,
            DiscardError::Unknown(_)
            | DiscardError::OtherPipeline { .. }
            | DiscardError::Settled { .. } => Exit::Usage,
        };
        Self::new(exit, error)
    }
}
