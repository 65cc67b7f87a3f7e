//! `veilstream quarantine purge`.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use veilstream::{
    config::duration,
    load::quarantine::{Purged, Task, check_privileges, count_open, cutoff, purge},
    startup::{connect, reading},
};

use super::entries;
use crate::cli::{
    confirmation::confirm,
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, Output},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream quarantine purge --older-than 30d
  veilstream quarantine purge --older-than 90d --open     # asks, on a terminal

Settled entries count from when they were settled: replayed, duplicate or discarded. With --open, those \
that were never settled go too, counted from when they were quarantined: their originals are lost for ever.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    database: DatabaseOptions,
    /// Only those that are older, as in 12h or 30d
    #[arg(long, value_name = "D", value_parser = duration::parse)]
    older_than: Duration,
    /// Open ones as well: their originals are lost for ever
    #[arg(long)]
    open: bool,
    /// Do not ask; only --open does
    #[arg(long)]
    yes: bool,
    /// How the result and logs are written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let settings = arguments.database.settings(arguments.config)?;
    let database = settings.database()?;
    let client = reading(&database).await?;
    check_privileges(&client, Task::Purge).await?;
    let before = cutoff(&client, arguments.older_than).await?;
    let open = if arguments.open {
        count_open(&client, before).await?
    } else {
        0
    };
    // A person takes time: the connection is not kept open for that.
    drop(client);
    if open > 0 && !arguments.yes {
        let what = entries(open.unsigned_abs());
        confirm(
            &format!("Purging {what} that nobody has replayed loses the originals for ever."),
            "purge",
            "to go on",
            "nothing is purged",
        )
        .await?;
    }
    let client = connect(&database).await?;
    print(&purge(client, before, open > 0).await?, arguments.output)
}

fn print(purged: &Purged, output: Output) -> Result<Exit, Failure> {
    let mut stdout = io::stdout().lock();
    if output == Output::Json {
        let line = serde_json::to_string(purged).map_err(io::Error::other)?;
        writeln!(stdout, "{line}")?;
        return Ok(Exit::Done);
    }
    let Purged {
        open,
        replayed,
        duplicate,
        discarded,
    } = purged;
    writeln!(
        stdout,
        "purged: {replayed} replayed, {duplicate} duplicate, {discarded} discarded, {open} open"
    )?;
    Ok(Exit::Done)
}
