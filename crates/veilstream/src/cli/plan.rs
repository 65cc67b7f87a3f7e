//! `veilstream plan`: what would become of messages, shown before anything does.

mod drawing;

use std::io::{self, Write};

use clap::Args;
use tokio_util::sync::CancellationToken;
use veilstream::{
    plan::{Plan, Taken},
    source::Message,
    startup::Settings,
};

use super::{
    escaping::escaped_json_of,
    exit::{Exit, Failure},
    logging,
    look::{look, unless_stopped},
    options::{Output, PipelineOptions},
};

const HELP: &str = "\
On the left of each line a field of the event, on the right the column that takes it, as it would be \
in the table. What is masked, not loaded, or looks personal is covered on the left (•••); a token on \
the right is cut to its last characters. A column that would hold in clear what looks personal, or \
sentences, is covered on the right as well, and named at the end. Look through the output before you \
pass it on: no rule knows everything that is personal.

Neither database nor queue is changed. Not looked at is what only loading tells: whether a message \
was loaded before, and what the table's own constraints say.

The messages are received, and all given back before anything is printed, also on Ctrl-C. Each then \
counts as received once more, and is hidden from others for some seconds: so FIFO queues, and those \
whose redrive policy has a maxReceiveCount of 3 or less, are refused unless --force is given.

Rejects are no failure: the exit code is 0. In JSON, `rejected` counts them by reason.

Examples:
  veilstream plan --config orders.toml
  veilstream plan --config orders.toml --sample 100 --output json | jq .rejected";

#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// How many messages, 100 at the most
    #[arg(long, value_name = "N", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    sample: u32,
    /// Look into the queue although a sample can do harm there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    pipeline: PipelineOptions,
}

pub(super) async fn execute(
    arguments: Arguments,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    let Arguments {
        sample,
        force,
        pipeline,
    } = arguments;
    let output = pipeline.output;
    logging::start(output)?;
    let settings = pipeline.settings()?;
    // What was stopped has nothing to say.
    if let Some(plan) = plan(&settings, sample, force, &stop).await {
        print(&plan?, output)?;
    }
    Ok(Exit::Done)
}

/// The plan; `None` if it was stopped. Everything else is looked at before the queue is.
async fn plan(
    settings: &Settings,
    sample: u32,
    force: bool,
    stop: &CancellationToken,
) -> Option<Result<Plan, Failure>> {
    let rows = match unless_stopped(stop, settings.rows()).await? {
        Ok(rows) => rows,
        Err(error) => return Some(Err(error.into())),
    };
    let mut taken = Vec::new();
    let keep = |message: &Message<'_>| taken.push(Taken::new(message));
    let source = look(settings, sample, force, stop, keep).await?;
    Some(source.map(|source| Plan::new(settings.configuration(), rows, taken, source)))
}

fn print(plan: &Plan, output: Output) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match output {
        Output::Json => {
            stdout.write_all(escaped_json_of(plan)?.as_bytes())?;
            stdout.write_all(b"\n")
        }
        Output::Text => {
            let colours = logging::takes_colours(&stdout);
            write!(stdout, "{}", drawing::draw(plan, colours))
        }
    }
}
