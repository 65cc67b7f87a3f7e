//! `veilstream quarantine replay`.

use std::{
    io::{self, Write},
    time::{Duration, Instant},
};

use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use veilstream::load::quarantine::{Asked, ReplayError, Replayer, Totals};

use super::{code, entry_id, reasons};
use crate::cli::{
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, KeysetOptions, Output},
};

/// Where there is no terminal for a progress bar, a line of the log is written so often.
const LOG_EVERY: Duration = Duration::from_secs(10);

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream quarantine replay 019ab0c2-7f3e-…
  veilstream quarantine replay --code missing_field --config orders.toml
  veilstream quarantine replay --all --output json

Each original is opened, decoded and masked as the configuration says today, and its row loaded, in a \
transaction of its own: an entry is loaded once, whatever fails, and replaying again goes on where it \
stopped. What is still rejected stays open, with the reason of today. No queue is needed. Entries of other \
pipelines are left alone. A row lands after those that were loaded since: of a FIFO queue, too. An event \
known by its value is known for identity_retention: later, one that was loaded meanwhile is loaded again.

Before the first original is opened, who, when and into which table is written into veilstream.audit and \
committed; it counts as one token of the limits. Without the trail nothing is replayed.

Ends with 8 where some are still rejected, or do not open.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    #[command(flatten)]
    database: DatabaseOptions,
    #[command(flatten)]
    which: Which,
    /// How the result and logs are written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The entries, as `veilstream quarantine list` shows them
    #[arg(value_name = "ID", value_parser = entry_id)]
    ids: Vec<Uuid>,
    /// All open entries of the configured pipeline, the oldest first
    #[arg(long)]
    all: bool,
    /// Those of them with this reason
    #[arg(long, value_name = "CODE", value_parser = code())]
    code: Option<String>,
}

pub(super) async fn execute(
    arguments: Arguments,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let database = arguments.database;
    let settings = arguments.keyset.settings_with(arguments.config, database)?;
    let replay = tokio::select! {
        replay = settings.replay() => replay?,
        () = stop.cancelled() => return Ok(Exit::Done),
    };
    let Which { ids, all: _, code } = arguments.which;
    let asked = if ids.is_empty() {
        Asked::Open(code)
    } else {
        Asked::Ids(ids)
    };
    let mut replayer = Replayer::new(settings.database()?, replay, stop);
    let bar = ProgressBar::new(0).with_style(
        ProgressStyle::with_template("{wide_bar} {pos}/{len} entries")
            .expect("the template is valid"),
    );
    let mut logged = Instant::now();
    let result = replayer
        .run(asked, |totals, all| {
            bar.set_length(all);
            bar.set_position(totals.entries());
            if bar.is_hidden() && logged.elapsed() >= LOG_EVERY {
                logged = Instant::now();
                tracing::info!(entries = totals.entries(), all, "replaying");
            }
        })
        .await;
    bar.finish_and_clear();
    let totals = replayer.totals();
    // What was asked for in vain has no numbers; what a failure cut short has.
    let printed = match &result {
        Ok(())
        | Err(ReplayError::Database(_) | ReplayError::Entry { .. } | ReplayError::KeySet(_)) => {
            print(totals, arguments.output)
        }
        Err(
            ReplayError::NoTrail(_)
            | ReplayError::Unknown(_)
            | ReplayError::OtherPipeline { .. }
            | ReplayError::Discarded(_),
        ) => Ok(()),
    };
    result?;
    printed?;
    Ok(if totals.open() == 0 {
        Exit::Done
    } else {
        Exit::StillRejected
    })
}

fn print(totals: &Totals, output: Output) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    if output == Output::Json {
        let line = serde_json::to_string(totals).map_err(io::Error::other)?;
        return writeln!(stdout, "{line}");
    }
    let Totals {
        replayed,
        duplicates,
        settled_before,
        still_rejected,
        unopened,
    } = totals;
    let duplicate = if *duplicates == 1 {
        "duplicate"
    } else {
        "duplicates"
    };
    write!(stdout, "{replayed} replayed, {duplicates} {duplicate}")?;
    if *settled_before > 0 {
        write!(stdout, ", {settled_before} settled before")?;
    }
    write!(stdout, ", {} still open", totals.open())?;
    let by_reason = still_rejected.iter().map(|(code, count)| (*code, *count));
    write!(stdout, "{}", reasons(by_reason))?;
    match unopened {
        0 => {}
        1 => write!(stdout, "\n  1 does not open")?,
        _ => write!(stdout, "\n  {unopened} do not open")?,
    }
    writeln!(stdout)
}

impl From<ReplayError> for Failure {
    fn from(error: ReplayError) -> Self {
        let exit = match &error {
            ReplayError::Database(_) | ReplayError::Entry { .. } => Exit::Database,
            ReplayError::KeySet(_) => Exit::Keyset,
            ReplayError::NoTrail(_) => Exit::Audit,
            ReplayError::Unknown(_)
            | ReplayError::OtherPipeline { .. }
            | ReplayError::Discarded(_) => Exit::Usage,
        };
        Self::new(exit, error)
    }
}
