//! `veilstream demo`: the whole job on a queue and a PostgreSQL of its own, nothing left behind.

use std::{
    fmt::Display,
    io::{self, Write},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use clap::Args;
use comfy_table::{Table, presets::UTF8_FULL_CONDENSED};
use devqueue::DevQueue;
use indicatif::{ProgressBar, ProgressStyle};
use localpg::Cluster;
use tokio_postgres::Client;
use tokio_util::sync::CancellationToken;
use veilstream::{
    keyset_file,
    load::schema,
    metrics::Metrics,
    pipeline::{Pipeline, Until},
    sample::login_events,
    startup::{DEFAULT_QUEUE, Overrides, Settings, connect},
};

use super::{
    exit::{Exit, Failure},
    keys, logging,
    options::Output,
    run::{self, Summary},
};

const FIRST_ROWS: &str = "SELECT user_id, device_type, masked_ip, masked_device_id, locale, \
    app_version::text, create_date::text FROM user_logins \
    ORDER BY user_id <> '424cdd21-063a-43a7-b91b-7ca1a833afae' LIMIT 5";
const SEEN_AGAIN: &str = "SELECT masked_device_id, count(*)::text FROM user_logins \
    GROUP BY masked_device_id HAVING count(*) > 1 \
    ORDER BY count(*) DESC, masked_device_id LIMIT 5";

const REJECTED: &str = "SELECT message_id, date_trunc('second', quarantined_at)::text, reason, \
    column_name FROM veilstream.quarantine ORDER BY quarantined_at LIMIT 5";

#[derive(Args)]
#[command(
    after_help = "Examples:\n  veilstream demo\n  veilstream demo --events 100000\n  \
                        veilstream demo --keep      # stays up until Ctrl-C, to look around in"
)]
pub(super) struct Arguments {
    /// Stay up after the run until Ctrl-C
    #[arg(long)]
    keep: bool,
    /// How many login events to queue
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    events: u32,
}

/// The demo's own servers and files; dropping it stops and removes them.
struct Stage {
    cluster: Cluster,
    queue: DevQueue,
}

pub(super) async fn execute(
    arguments: Arguments,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    say("Starting a queue and a PostgreSQL of its own …")?;
    let stage = Stage::set_up(arguments.events as usize).await?;
    let settings = stage.settings()?;
    let client = connect(&settings.database()?).await?;
    schema::migrate(&client, &settings.configuration().pipeline).await?;

    let summary = run_over(&settings, u64::from(arguments.events), &stop).await?;
    if stop.is_cancelled() {
        drop(client);
        stage.tear_down().await?;
        say("Interrupted. The queue, the PostgreSQL and their files are gone.")?;
        return Ok(Exit::Done);
    }
    show(&client, &summary, u64::from(arguments.events)).await?;
    if arguments.keep {
        stage.describe()?;
        stop.cancelled().await;
    } else {
        say(NEXT)?;
    }
    drop(client);
    stage.tear_down().await?;
    Ok(Exit::Done)
}

const NEXT: &str = "\
What to try next:
  veilstream demo --keep            stay up, to look around in
  veilstream demo --events 100000   how fast it is
  veilstream run --help             your own queue and table
";

impl Stage {
    async fn set_up(events: usize) -> Result<Self, Failure> {
        let cluster = tokio::task::spawn_blocking(|| Cluster::builder().start())
            .await
            .map_err(Failure::other)?
            .map_err(|error| Failure::new(Exit::Database, error))?;
        let of_queue = |error| Failure::new(Exit::Queue, error);
        let queue = DevQueue::start(devqueue::Settings::default()).await?;
        queue.create_queue(DEFAULT_QUEUE, &[]).map_err(of_queue)?;
        for event in login_events().take(events) {
            queue.send(DEFAULT_QUEUE, &event).map_err(of_queue)?;
        }
        let stage = Self { cluster, queue };
        keyset_file::create(&stage.keyset(), &keys::throw_away()?)
            .map_err(|error| Failure::new(Exit::Keyset, error))?;
        Ok(stage)
    }

    /// Among the cluster's files, which are removed whatever becomes of this process.
    fn keyset(&self) -> PathBuf {
        self.cluster.directory().join("keyset.json")
    }

    /// The settings that `veilstream run` would have with this queue, database and key set.
    fn settings(&self) -> Result<Settings, Failure> {
        let settings = Settings::new(Overrides {
            queue_url: Some(self.queue.queue_url(DEFAULT_QUEUE)),
            database_url: Some(self.cluster.url("postgres")),
            keyset: Some(self.keyset()),
            ..Overrides::default()
        })?;
        Ok(settings.without_environment())
    }

    fn describe(&self) -> io::Result<()> {
        let database = self.cluster.url("postgres");
        let queue = self.queue.queue_url(DEFAULT_QUEUE);
        let endpoint = self.queue.endpoint_url();
        let keyset = quoted(&self.keyset());
        say(&format!(
            "\
Everything stays up until Ctrl-C. In another terminal:

  psql '{database}' -c 'SELECT * FROM user_logins LIMIT 10'

  AWS_ACCESS_KEY_ID=demo AWS_SECRET_ACCESS_KEY=demo aws sqs send-message --region us-east-1 \\
    --endpoint-url {endpoint} --queue-url {queue} \\
    --message-body '{{\"user_id\": \"you\", \"ip\": \"192.0.2.1\", \"device_id\": \"1\"}}'

  veilstream run --once --queue-url {queue} \\
    --database-url '{database}' --keyset {keyset}
"
        ))
    }

    async fn tear_down(self) -> Result<(), Failure> {
        let Self { cluster, queue } = self;
        queue.shutdown().await;
        tokio::task::spawn_blocking(|| cluster.stop())
            .await
            .map_err(Failure::other)?
            .map_err(|error| Failure::new(Exit::Database, error))
    }
}

/// The code of `veilstream run --once`, with a progress bar on a terminal.
async fn run_over(
    settings: &Settings,
    events: u64,
    stop: &CancellationToken,
) -> Result<Summary, Failure> {
    let parts = settings.parts().await?;
    let metrics = Arc::new(Metrics::new());
    let bar = ProgressBar::new(events).with_style(
        ProgressStyle::with_template("{wide_bar} {pos}/{len} messages")
            .expect("the template is valid"),
    );
    let watched = Arc::clone(&metrics);
    let watching = bar.clone();
    let watcher = tokio::spawn(async move {
        loop {
            let totals = watched.totals();
            watching.set_position(totals.loaded + totals.quarantined);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let run = Pipeline::new(parts, Until::QueueEmpty, Arc::clone(&metrics), stop.clone());
    let (summary, result) = run::run(run, &metrics).await;
    watcher.abort();
    bar.finish_and_clear();
    result?;
    Ok(summary)
}

async fn show(client: &Client, summary: &Summary, events: u64) -> Result<(), Failure> {
    let header = [
        "user_id",
        "device_type",
        "masked_ip",
        "masked_device_id",
        "locale",
        "app_version",
        "create_date",
    ];
    say("\nThe first rows of user_logins, the example of the documentation on top:")?;
    say(&query(client, FIRST_ROWS, &header).await?)?;

    say("\nIn quarantine (the originals are sealed):")?;
    say(&query(
        client,
        REJECTED,
        &["message", "quarantined_at", "reason", "column_name"],
    )
    .await?)?;

    say("\nDevices seen more than once, found through their tokens:")?;
    say(&query(client, SEEN_AGAIN, &["masked_device_id", "logins"]).await?)?;

    let totals = summary.totals;
    let lost = events.saturating_sub(totals.loaded + totals.quarantined);
    say(&format!(
        "\n{} loaded, {} quarantined, {lost} lost, {} duplicates, in {:.1} seconds\n",
        totals.loaded, totals.quarantined, totals.duplicates, summary.seconds
    ))?;
    Ok(())
}

/// The result of a query as a table that fits 80 columns; every column is text.
async fn query(client: &Client, sql: &str, header: &[&str]) -> Result<String, Failure> {
    let rows = client
        .query(sql, &[])
        .await
        .map_err(|error| Failure::new(Exit::Database, error))?;
    if rows.is_empty() {
        return Ok(" (none)".to_owned());
    }
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_header(header.iter().map(|name| folded(name)));
    for row in rows {
        let cells = (0..row.len()).map(|column| shortened(row.get(column)));
        table.add_row(cells);
    }
    Ok(table.to_string())
}

/// A long name of a column on two lines, broken behind the `_` that is nearest to its middle.
fn folded(name: &str) -> String {
    let breaks = name.match_indices('_').map(|(place, _)| place + 1);
    match breaks.min_by_key(|place| (2 * place).abs_diff(name.len())) {
        Some(place) if name.len() > 9 => format!("{}\n{}", &name[..place], &name[place..]),
        _ => name.to_owned(),
    }
}

/// Tokens and ids are long; their ends tell tokens apart, their beginnings ids.
fn shortened(cell: Option<&str>) -> String {
    match cell {
        None => "NULL".to_owned(),
        Some(token) if token.starts_with("vs1s.") => {
            format!("…{}", &token[token.len().saturating_sub(8)..])
        }
        Some(id) if id.len() == 36 => format!("{}…", &id[..8]),
        Some(text) => text.to_owned(),
    }
}

fn quoted(path: &Path) -> String {
    format!("'{}'", path.display())
}

fn say(text: &(impl Display + ?Sized)) -> io::Result<()> {
    writeln!(io::stdout().lock(), "{text}")
}

#[cfg(test)]
mod tests {
    use super::shortened;

    #[test]
    fn tokens_and_ids_are_shortened_and_other_values_are_not() {
        assert_eq!(shortened(None), "NULL");
        assert_eq!(shortened(Some("android")), "android");
        let token = "vs1s.AQECAwQFBgcICQoLDA0ODxAREhMUFRYXGBk";
        assert_eq!(shortened(Some(token)), "…UFRYXGBk");
        let id = "424cdd21-063a-43a7-b91b-7ca1a833afae";
        assert_eq!(shortened(Some(id)), "424cdd21…");
    }
}
