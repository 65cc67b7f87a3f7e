//! What a row costs PostgreSQL, beside plain COPY of the same rows.

use std::{fs, pin::pin, process::Stdio, time::Duration};

use anyhow::{Context, Result, ensure};
use bytes::{Bytes, BytesMut};
use devqueue::{Canned, Settings as QueueSettings};
use futures_util::{SinkExt, TryStreamExt};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio_postgres::Client;
use veilstream::{
    encode::{COPY_HEADER, COPY_TRAILER},
    sample::login_events,
    startup::DEFAULT_QUEUE,
};

use crate::{
    emptying::count,
    figures::{Figures, number},
    ground::{Database, Ground},
    measurement::Settings,
    process, progress,
    queue::Queue,
    section::{Bound, Column, Goal, Row, Section},
};

/// Rows of a transaction, but where veilstream runs as it is.
const BATCH: usize = 5_000;
/// Different events that take turns; strays are not among them.
const BODIES: usize = 10_000;
const MOST_MESSAGES: usize = 100_000;

/// Of one run, for each row.
struct Cost {
    log_bytes: f64,
    cpu_micros: f64,
}

pub(crate) async fn measure(settings: &Settings) -> Result<Section> {
    // Nobody else writes to the log meanwhile.
    let ground = Ground::start(&[("autovacuum", "off")]).await?;
    let messages = settings.messages.min(MOST_MESSAGES);
    let (mut ours, mut batched, mut plain) = (Vec::new(), Vec::new(), Vec::new());
    for run in 1..=settings.runs {
        let queue = queue(messages)?;
        let database = ground.database(settings, &queue).await?;
        let veilstream = of_veilstream(settings, &database, &queue, messages).await?;
        let copy = of_plain_copy(&database, messages).await?;
        let queue = self::queue(messages)?;
        let database = ground.database(settings, &queue).await?;
        let batches = of_loader(settings, &database, &queue, messages).await?;
        progress::say(format_args!(
            "run {run} of {}: {:.0} bytes of log and {:.2} µs a row, in batches {:.0} and {:.2}, plain \
             COPY {:.0} and {:.2}",
            settings.runs,
            veilstream.log_bytes,
            veilstream.cpu_micros,
            batches.log_bytes,
            batches.cpu_micros,
            copy.log_bytes,
            copy.cpu_micros
        ));
        ours.push(veilstream);
        batched.push(batches);
        plain.push(copy);
    }
    let log = |one: &Cost| one.log_bytes;
    let cpu = |one: &Cost| one.cpu_micros;
    let goal = |name, runs: &[Cost], value: fn(&Cost) -> f64, most| {
        let times = figures(runs, value).median() / figures(&plain, value).median();
        Goal::new(name, times, "times plain COPY", Bound::AtMost(most))
    };
    Ok(Section {
        name: String::new(),
        title: "What a row costs PostgreSQL",
        note: format!(
            "{} login events without strays, from a queue that answers from memory, with an index on `user_id`; \
             once by veilstream as it runs, in the batches that come together by themselves, and once by its \
             loader alone with {} rows a transaction; beside it the same rows, in the same order, by COPY \
             alone into the same kind of table, as many a transaction. CPU is that of the backends that load, \
             log the write-ahead log; each begins after a checkpoint.",
            number(count(messages as u64)),
            number(count(BATCH as u64))
        ),
        subject: "way",
        columns: vec![
            Column::new("write-ahead log", "bytes/row"),
            Column::new("CPU of PostgreSQL", "us/row"),
        ],
        rows: vec![
            Row::new("veilstream", [figures(&ours, log), figures(&ours, cpu)]),
            Row::new(
                "veilstream's loader",
                [figures(&batched, log), figures(&batched, cpu)],
            ),
            Row::new("plain COPY", [figures(&plain, log), figures(&plain, cpu)]),
        ],
        goals: vec![
            goal("write-ahead log of a row", &ours, log, 1.6),
            goal(
                "CPU of PostgreSQL for a row, in batches",
                &batched,
                cpu,
                1.7,
            ),
        ],
    })
}

fn figures(runs: &[Cost], value: fn(&Cost) -> f64) -> Figures {
    Figures::new(runs.iter().map(value).collect())
}

async fn of_veilstream(
    settings: &Settings,
    database: &Database,
    queue: &Queue,
    messages: usize,
) -> Result<Cost> {
    let observer = database.connect().await?;
    let before = log_position(&observer).await?;
    let mut worker = database.work(settings, queue)?;
    while queue.left() > 0 {
        worker.ensure_running()?;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let log = log_position(&observer).await? - before;
    let cpu = cpu_of_veilstream(&observer).await?;
    worker.kill().await?;
    Ok(Cost::of(log, cpu, messages))
}

async fn of_loader(
    settings: &Settings,
    database: &Database,
    queue: &Queue,
    messages: usize,
) -> Result<Cost> {
    let observer = database.connect().await?;
    let before = log_position(&observer).await?;
    let mut probe = database.command(&settings.probe, queue);
    let probe = probe.args(["load", &BATCH.to_string()]);
    let probe = probe.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut probe = probe.spawn()?;
    let said = probe.stdout.take().context("its output is piped")?;
    let loaded = BufReader::new(said).lines().next_line().await?;
    ensure!(
        loaded.as_deref() == Some(&*messages.to_string()),
        "the loader of {messages} messages said {loaded:?}"
    );
    let log = log_position(&observer).await? - before;
    let cpu = cpu_of_veilstream(&observer).await?;
    probe.kill().await?;
    Ok(Cost::of(log, cpu, messages))
}

/// What its connections to this database have taken.
async fn cpu_of_veilstream(observer: &Client) -> Result<Duration> {
    let sql = "SELECT pid FROM pg_stat_activity \
               WHERE application_name = 'veilstream' AND datname = current_database()";
    let backends = observer.query(sql, &[]).await?;
    ensure!(!backends.is_empty(), "no connection of veilstream's");
    backends.iter().map(|row| cpu_of(row.get(0))).sum()
}

/// Login events without strays, each once.
fn queue(messages: usize) -> Result<Queue> {
    let events = login_events().filter(|event| event.contains("\"user_id\""));
    let queue = Canned::start(
        &QueueSettings::default(),
        DEFAULT_QUEUE,
        events.take(BODIES),
        messages as u64,
    )?;
    Ok(Queue::Canned(queue))
}

async fn of_plain_copy(database: &Database, messages: usize) -> Result<Cost> {
    let client = database.connect().await?;
    let copies = batches(&client).await?;
    let sql = "CREATE TABLE plain (LIKE user_logins); CREATE INDEX ON plain (user_id); CHECKPOINT";
    client.batch_execute(sql).await?;
    let backend = client.query_one("SELECT pg_backend_pid()", &[]).await?;
    let backend: i32 = backend.get(0);
    let observer = database.connect().await?;
    let before = (log_position(&observer).await?, cpu_of(backend)?);
    let mut rows = 0;
    for copy in copies {
        let sink = client.copy_in("COPY plain FROM STDIN (FORMAT binary)");
        let mut sink = pin!(sink.await?);
        sink.send(copy).await?;
        rows += sink.finish().await?;
    }
    ensure!(rows == messages as u64, "{rows} rows of {messages}");
    let log = log_position(&observer).await? - before.0;
    let cpu = cpu_of(backend)?.saturating_sub(before.1);
    Ok(Cost::of(log, cpu, messages))
}

/// The rows that veilstream has loaded, as they lie in the table, in COPY's binary format.
async fn batches(client: &Client) -> Result<Vec<Bytes>> {
    let all = client
        .copy_out("COPY user_logins TO STDOUT (FORMAT binary)")
        .await?;
    let mut all: BytesMut = all
        .try_fold(BytesMut::new(), async |mut all, part| {
            all.extend_from_slice(&part);
            Ok(all)
        })
        .await?;
    let mut rows = all.split_off(COPY_HEADER.len()).freeze();
    let mut batches = Vec::new();
    let mut batch = COPY_HEADER.to_vec();
    let mut in_batch = 0;
    while let Some(length) = row_length(&rows)? {
        batch.extend_from_slice(&rows.split_to(length));
        in_batch += 1;
        if in_batch == BATCH {
            batch.extend_from_slice(&COPY_TRAILER);
            batches.push(std::mem::replace(&mut batch, COPY_HEADER.to_vec()).into());
            in_batch = 0;
        }
    }
    if in_batch > 0 {
        batch.extend_from_slice(&COPY_TRAILER);
        batches.push(batch.into());
    }
    Ok(batches)
}

/// The length of the row that stands first: the number of its fields, then of each its length, which
/// is negative for NULL, and its content. `None` at the trailer.
fn row_length(rows: &[u8]) -> Result<Option<usize>> {
    let cut = "a row is cut off";
    let fields = i16::from_be_bytes(*rows.first_chunk().context(cut)?);
    let mut length = 2;
    for _ in 0..fields {
        let field = rows[length..].first_chunk().context(cut)?;
        length += 4 + usize::try_from(i32::from_be_bytes(*field)).unwrap_or(0);
    }
    Ok((fields >= 0).then_some(length))
}

/// How much was written to the log since the cluster was made, in bytes.
async fn log_position(client: &Client) -> Result<f64> {
    let sql = "SELECT pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8";
    Ok(client.query_one(sql, &[]).await?.get(0))
}

/// CPU time of a process of one thread: to the nanosecond where the kernel keeps it so
/// (`CONFIG_SCHED_INFO`), otherwise to the hundredth of a second.
fn cpu_of(process: i32) -> Result<Duration> {
    let schedstat = fs::read_to_string(format!("/proc/{process}/schedstat")).unwrap_or_default();
    let nanoseconds = schedstat.split_whitespace().next();
    match nanoseconds.and_then(|text| text.parse().ok()) {
        // A kernel that does not keep it says 0.
        None | Some(0) => process::cpu_time(u32::try_from(process)?),
        Some(nanoseconds) => Ok(Duration::from_nanos(nanoseconds)),
    }
}

impl Cost {
    fn of(log: f64, cpu: Duration, messages: usize) -> Self {
        let messages = count(messages as u64);
        Self {
            log_bytes: log / messages,
            cpu_micros: cpu.as_secs_f64() * 1e6 / messages,
        }
    }
}
