//! `veilstream inspect`: personal data that would be loaded in clear, found in a sample.

mod drawing;

use std::io::{self, Write};

use clap::Args;
use tokio_util::sync::CancellationToken;
use veilstream::{
    config::{Pipeline, TableName},
    inspect::{Report, Sample, Source},
    load::sampling::{self, Sampled, TakeRows},
    source::Message,
    startup::{Settings, connect},
};

use super::{
    exit::{Exit, Failure},
    logging,
    look::{look, unless_stopped},
    options::{Output, PipelineOptions},
};

/// What a sample has where no number is given.
const MESSAGES: u32 = 100;
const ROWS: u32 = 1000;
/// More messages would be visible again before all of them were given back.
const MOST_MESSAGES: u32 = 1000;

const HELP: &str = "\
Of each field it says how many values differ, the entropy of their distribution, the share of the \
most frequent one, how long they are, what they look like (ip, email, phone, MAC address, \
coordinates, card number, IBAN, national id, date of birth, uuid, …), whether they would be loaded in clear, and which method to \
choose. It never shows a value. The keys of objects are shown where they are names of fields: one that is no \
identifier (letters, digits, _ and -), or that looks like a value, is shown as *, and so are keys \
that change from object to object, as people's names and logins do. A few keys that are the same in \
most objects cannot be told from names of fields.

A queue's messages are received and all given back, also on Ctrl-C. Each then counts as received \
once more, and is hidden from others for some seconds: so FIFO queues, and those whose redrive \
policy has a maxReceiveCount of 3 or less, are refused unless --force is given. A message that was \
received nearly as often as its redrive policy allows can go to the dead-letter queue by it. A \
table is read in a transaction that can only read.

Findings are no failure: the exit code is 0. In JSON, `personal_in_clear` counts them.

Examples:
  veilstream inspect --queue-url http://localhost:4566/000000000000/login-queue
  veilstream inspect --config orders.toml --sample 500
  veilstream inspect --table public.customers --database-url postgresql://localhost/app
  veilstream inspect --output json | jq -e '.personal_in_clear == 0'";

#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// How many messages (100 without it, 1,000 at the most) or rows (1,000 without it)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    sample: Option<u32>,
    /// Look at a table rather than at the queue; any table, also one that veilstream did not write
    #[arg(long, value_name = "SCHEMA.NAME")]
    table: Option<TableName>,
    /// Look into the queue although a sample can do harm there
    #[arg(long, conflicts_with = "table")]
    force: bool,
    #[command(flatten)]
    pipeline: PipelineOptions,
}

pub(super) async fn execute(
    arguments: Arguments,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    let output = arguments.pipeline.output;
    logging::start(output)?;
    let settings = arguments.pipeline.settings()?;
    let pipeline = &settings.configuration().pipeline;
    let report = if let Some(table) = &arguments.table {
        let rows = arguments.sample.unwrap_or(ROWS);
        unless_stopped(&stop, of_table(&settings, table, rows)).await
    } else {
        let messages = arguments.sample.unwrap_or(MESSAGES);
        of_queue(&settings, messages, arguments.force, &stop).await
    };
    // What was stopped has nothing to say.
    if let Some((mut sample, source)) = report.transpose()? {
        print(&Report::new(&mut sample, source, pipeline), output)?;
    }
    Ok(Exit::Done)
}

/// A sample of the queue; `None` if it was stopped.
async fn of_queue(
    settings: &Settings,
    messages: u32,
    force: bool,
    stop: &CancellationToken,
) -> Option<Result<(Sample, Source), Failure>> {
    if messages > MOST_MESSAGES {
        let error = anyhow::anyhow!(
            "a sample of a queue has {MOST_MESSAGES} messages at the most: they are all hidden at \
             once"
        );
        return Some(Err(Failure::new(Exit::Usage, error)));
    }
    let mut sample = Sample::new(&settings.configuration().pipeline);
    let see = |message: &Message<'_>| sample.add_event(&message.body);
    let source = look(settings, messages, force, stop, see).await?;
    Some(source.map(|source| (sample, source)))
}

/// A sample of a table.
async fn of_table(
    settings: &Settings,
    table: &TableName,
    rows: u32,
) -> Result<(Sample, Source), Failure> {
    let pipeline: &Pipeline = &settings.configuration().pipeline;
    let client = connect(&settings.database()?).await?;
    let mut sample = Rows(Sample::new(pipeline));
    let Sampled {
        table,
        is_target,
        unreadable,
    } = sampling::sample(&client, table, &pipeline.table, rows, &mut sample).await?;
    let source = Source::Table {
        table: table.to_string(),
        configured: is_target,
        unreadable,
    };
    Ok((sample.0, source))
}

/// A sample that takes rows.
struct Rows(Sample);

impl TakeRows for Rows {
    fn begin_row(&mut self) {
        self.0.begin_row();
    }

    fn take_column(&mut self, name: &str, text: Option<&str>, is_json: bool) {
        self.0.add_column(name, text, is_json);
    }
}

fn print(report: &Report, output: Output) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match output {
        Output::Json => {
            let line = serde_json::to_string(report).map_err(io::Error::other)?;
            writeln!(stdout, "{line}")
        }
        Output::Text => {
            let colours = logging::takes_colours(&stdout);
            write!(stdout, "{}", drawing::draw(report, colours))
        }
    }
}
