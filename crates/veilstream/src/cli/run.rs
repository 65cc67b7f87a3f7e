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
    admin::{About, Admin, LOOK_AFTER, LOOK_EVERY},
    history::History,
    metrics::{Metrics, Totals},
    pipeline::{Pipeline, RunError, Until},
};

use super::{
    exit::{Exit, Failure},
    live::Live,
    logging,
    options::{AdminOption, Output, PipelineOptions},
    serve::Place,
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
    admin: AdminOption,
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
    let settings = arguments.pipeline.settings_with(&arguments.admin)?;
    let until = if arguments.once {
        Until::QueueEmpty
    } else {
        Until::Stopped
    };
    let place = Place::take(&settings, until).await?;
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
    tracing::info!(
        pipeline = settings.configuration().pipeline.name,
        queue = parts.queue.url(),
        protocol = parts.queue.other_protocol(),
        table = %settings.configuration().pipeline.table,
        database = parts.database.describe(),
        "started"
    );
    let metrics = Arc::new(Metrics::new());
    let history = Arc::new(History::new(Arc::clone(&metrics)));
    let about = About {
        pipeline: settings.configuration().pipeline.name.clone(),
        table: settings.configuration().pipeline.table.to_string(),
        queue: parts.queue.url().to_owned(),
        database: parts.database.describe(),
    };
    let messages = parts.queue.settings().approximate_messages;
    let warnings = parts.warnings.clone();
    let pipeline = Pipeline::new(parts, until, Arc::clone(&metrics), stop);
    let admin = Admin::new(
        about,
        pipeline.clone(),
        Arc::clone(&metrics),
        Arc::clone(&history),
    );
    // Who looks sees a run to its end, and so does what shows it here.
    let end = CancellationToken::new();
    let admin = admin.warning_of(warnings);
    let admin = admin.looking_again(settings, LOOK_AFTER, LOOK_EVERY);
    let serving = place.serve(admin, end.child_token());
    let live = Live::start(
        until,
        messages,
        pipeline.clone(),
        Arc::clone(&metrics),
        Arc::clone(&history),
    );
    let sampling = end.clone();
    tokio::spawn(async move { history.keep(&sampling).await });
    let (summary, result) = run(pipeline, &metrics).await;
    drop(live);
    end.cancel();
    if let Some(serving) = serving {
        let _ = serving.await;
    }
    let printed = print(&summary, output);
    // How the run ended counts for more than whether anybody reads its summary.
    result?;
    printed?;
    Ok(Exit::Done)
}

/// Runs the data path and sums up what it did, whether or not it failed.
pub(super) async fn run(pipeline: Pipeline, metrics: &Metrics) -> (Summary, Result<(), RunError>) {
    let began = Instant::now();
    let result = pipeline.run().await;
    let seconds = rounded(began.elapsed());
    (
        Summary {
            totals: metrics.totals(),
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
