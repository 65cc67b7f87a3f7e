//! `veilstream quarantine purge`.

use std::{
    io::{self, Write},
    time::Duration,
};

use clap::Args;
use veilstream::{
    config::duration,
    load::quarantine::{Old, Purged, Task, check_privileges, count_old, cutoff, purge},
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

Only entries of the configured pipeline are deleted, unless --all-pipelines is given. Settled entries count from when they \
were settled: replayed, duplicate or discarded. With --open, those that were never settled go too, counted from when they were quarantined: their originals are lost for ever.")]
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
    /// Those of all pipelines, not only of the configured one
    #[arg(long)]
    all_pipelines: bool,
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
    let pipeline = settings.configuration().pipeline.name.clone();
    let old = Old {
        pipeline: (!arguments.all_pipelines).then_some(pipeline),
        before: cutoff(&client, arguments.older_than).await?,
        with_open: arguments.open,
    };
    let counted = count_old(&client, &old).await?;
    // A person takes time: the connection is not kept open for that.
    drop(client);
    if counted.open > 0 && !arguments.yes {
        confirm(
            &warning(&old, &counted),
            "purge",
            "to go on",
            "nothing is purged",
        )
        .await?;
    }
    let client = connect(&database).await?;
    print(&purge(client, &old).await?, arguments.output)
}

fn warning(old: &Old, counted: &Purged) -> String {
    let whose = match &old.pipeline {
        Some(pipeline) => format!("pipeline {pipeline}"),
        None => "all pipelines".to_owned(),
    };
    let what = entries(counted.entries());
    format!(
        "Purging {what} of {whose} ({}) loses the originals of the open ones for ever.",
        by_state(counted)
    )
}

fn by_state(purged: &Purged) -> String {
    let Purged {
        open,
        replayed,
        duplicate,
        discarded,
    } = purged;
    format!("{replayed} replayed, {duplicate} duplicate, {discarded} discarded, {open} open")
}

fn print(purged: &Purged, output: Output) -> Result<Exit, Failure> {
    let mut stdout = io::stdout().lock();
    if output == Output::Json {
        let line = serde_json::to_string(purged).map_err(io::Error::other)?;
        writeln!(stdout, "{line}")?;
        return Ok(Exit::Done);
    }
    writeln!(stdout, "purged: {}", by_state(purged))?;
    Ok(Exit::Done)
}
