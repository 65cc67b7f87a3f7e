//! `veilstream run`: the data path.

use std::{
    io::{self, Write},
    sync::Arc,
    time::{Duration, Instant},
};

use clap::Args;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use veilstream::{
    counters::{Counters, Totals},
    pipeline::{self, RunError, Until},
    startup::Parts,
};

use super::{
    exit::{Exit, Failure},
    logging,
    options::{Output, PipelineOptions},
};

const EXAMPLES: &str = "\
Examples:
  veilstream run --queue-url http://localhost:4566/000000000000/login-queue \\
      --database-url postgresql://localhost/app --keyset keyset.json
  veilstream run --config orders.toml
  veilstream run --once --output json      # until the queue is empty, then one line of JSON";

#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Arguments {
    /// End when the queue is empty and everything is settled, or when for a minute nothing came but
    /// what is left in the queue again and again
    #[arg(long)]
    once: bool,
    /// Go on receiving however many messages are rejected
    #[arg(long)]
    no_reject_limit: bool,
    #[command(flatten)]
    pipeline: PipelineOptions,
}

/// What a run did, as `--output json` says it.
#[derive(Default, Serialize)]
pub(super) struct Summary {
    #[serde(flatten)]
    pub(super) totals: Totals,
    pub(super) seconds: f64,
}

pub(super) async fn execute(
    arguments: Arguments,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    let output = arguments.pipeline.output;
    logging::start(output)?;
    let settings = arguments.pipeline.settings()?;
    let mut parts = tokio::select! {
        parts = settings.parts() => parts?,
        () = stop.cancelled() => {
            print(&Summary::default(), output)?;
            return Ok(Exit::Done);
        }
    };
    if arguments.no_reject_limit {
        parts.reject_limit = None;
    }
    let until = if arguments.once {
        Until::QueueEmpty
    } else {
        Until::Stopped
    };
    tracing::info!(
        pipeline = settings.configuration().pipeline.name,
        queue = parts.queue.url(),
        protocol = parts.queue.other_protocol(),
        table = %settings.configuration().pipeline.table,
        database = parts.database.describe(),
        "started"
    );
    let counters = Arc::new(Counters::default());
    let (summary, result) = run(parts, until, counters, stop).await;
    let printed = print(&summary, output);
    // How the run ended counts for more than whether anybody reads its summary.
    result?;
    printed?;
    Ok(Exit::Done)
}

/// Runs the data path and sums up what it did, whether or not it failed.
pub(super) async fn run(
    parts: Parts,
    until: Until,
    counters: Arc<Counters>,
    stop: CancellationToken,
) -> (Summary, Result<(), RunError>) {
    let began = Instant::now();
    let result = pipeline::run(parts, until, Arc::clone(&counters), stop).await;
    let seconds = rounded(began.elapsed());
    (
        Summary {
            totals: counters.totals(),
            seconds,
        },
        result,
    )
}

fn rounded(time: Duration) -> f64 {
    (time.as_secs_f64() * 1000.0).round() / 1000.0
}

fn print(summary: &Summary, output: Output) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match output {
        Output::Json => {
            let line = serde_json::to_string(summary).map_err(io::Error::other)?;
            writeln!(stdout, "{line}")
        }
        Output::Text => {
            let Totals {
                received,
                loaded,
                duplicates,
                quarantined,
                left,
                deleted,
            } = summary.totals;
            let seconds = summary.seconds;
            writeln!(
                stdout,
                "{received} received: {loaded} loaded, {duplicates} duplicates, {quarantined} \
                 quarantined, {left} left in the queue; {deleted} deleted, in {seconds:.1} s"
            )
        }
    }
}
