//! How long it takes from a message in the queue to its row.

use std::{
    collections::HashMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use anyhow::{Context, Result, bail, ensure};
use veilstream::startup::DEFAULT_QUEUE;

use crate::{
    figures::Figures,
    ground::{Database, Ground, Worker},
    measurement::Settings,
    progress,
    queue::{Kind, Queue},
    section::{Bound, Column, Goal, Row, Section},
};

/// Messages a second, and how many of them are sent at the most.
const RATES: [(u32, u32); 3] = [(1, 10), (100, 1_000), (1_000, 5_000)];
/// The rate that the goal is about.
const NORMAL: u32 = 100;
/// Transactions of one row at the most, to see what a COMMIT takes.
const COMMITS: usize = 300;
const DEADLINE: Duration = Duration::from_mins(1);

/// The middle and the slow end of many times, in milliseconds.
struct Times {
    p50: f64,
    p99: f64,
}

pub(crate) async fn measure(settings: &Settings) -> Result<Section> {
    let ground = Ground::start(&[("track_commit_timestamp", "on")]).await?;
    let most = u32::try_from(settings.messages)?;
    let rates = RATES.map(|(rate, messages)| (rate, messages.min(most)));
    let transactions = COMMITS.min(settings.messages);
    let mut by_rate: Vec<Vec<Times>> = rates.iter().map(|_| Vec::new()).collect();
    let mut commits = Vec::new();
    for run in 1..=settings.runs {
        let queue = Queue::start(Kind::NEAR, 0).await?;
        let database = ground.database(settings, &queue).await?;
        let mut worker = database.work(settings, &queue)?;
        // The first message finds connections that are not open yet.
        send(&queue, 10_000, 1, &mut worker).await?;
        for ((rate, messages), measured) in rates.into_iter().zip(&mut by_rate) {
            let sent = send(&queue, rate, messages, &mut worker).await?;
            let times = until_committed(&database, rate, &sent).await?;
            progress::say(format_args!(
                "run {run} of {}, {rate} messages/s: p50 {:.1} ms, p99 {:.1} ms",
                settings.runs, times.p50, times.p99
            ));
            measured.push(times);
        }
        worker.kill().await?;
        commits.push(commit_times(&database, transactions).await?);
    }
    let mut goals = Vec::new();
    let mut rows = Vec::new();
    for ((rate, messages), times) in rates.into_iter().zip(&by_rate) {
        let [p50, p99] = figures(times);
        if rate == NORMAL {
            let name = format!("p99 at {rate} messages/s, without the COMMIT");
            goals.push(Goal::new(name, p99.median(), "ms", Bound::AtMost(50.0)));
        }
        let row = Row::new(format!("{rate} messages/s"), [p50, p99]);
        rows.push(row.with_remark(format!("of {messages} messages a run")));
    }
    let commit = Row::new("COMMIT of one row, for comparison", figures(&commits));
    rows.push(commit.with_remark(format!("of {transactions} transactions a run")));
    Ok(Section {
        name: String::new(),
        title: "Latency",
        note: "From the moment when the built-in queue has a message to the time stamp of its row's transaction \
               (`pg_xact_commit_timestamp`), which PostgreSQL takes before it writes the COMMIT to the disk; a \
               row is visible once that is done, so the last line comes on top. Queue, worker and database share the \
               machine and its clock. Of fewer than 100 messages the slowest stands for the p99."
            .to_owned(),
        subject: "sent",
        columns: vec![Column::new("p50", "ms"), Column::new("p99", "ms")],
        rows,
        goals,
    })
}

fn figures(runs: &[Times]) -> [Figures; 2] {
    let of = |value: fn(&Times) -> f64| Figures::new(runs.iter().map(value).collect());
    [of(|one| one.p50), of(|one| one.p99)]
}

/// Sends events at a rate and waits until all are deleted; when each was sent, in microseconds of the
/// wall clock.
async fn send(queue: &Queue, rate: u32, messages: u32, worker: &mut Worker) -> Result<Vec<i64>> {
    let Queue::Embedded(server) = queue else {
        bail!("only the built-in queue takes messages");
    };
    let mut turns = tokio::time::interval(Duration::from_secs(1) / rate);
    let mut sent = Vec::new();
    for number in 0..messages {
        turns.tick().await;
        sent.push(now()?);
        let body = format!(
            r#"{{"user_id": "{rate}-{messages}-{number}", "app_version": "2.3.0", "device_type": "android", "ip": "199.172.111.135", "locale": "RU", "device_id": "593-47-5928"}}"#
        );
        server.send(DEFAULT_QUEUE, &body)?;
    }
    let began = Instant::now();
    while queue.left() > 0 {
        worker.ensure_running()?;
        ensure!(began.elapsed() < DEADLINE, "{} are left", queue.left());
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    Ok(sent)
}

fn now() -> Result<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH)?;
    Ok(i64::try_from(since.as_micros())?)
}

async fn until_committed(database: &Database, rate: u32, sent: &[i64]) -> Result<Times> {
    let client = database.connect().await?;
    let prefix = format!("{rate}-{}-", sent.len());
    let sql = format!(
        "SELECT user_id, (extract(epoch FROM pg_xact_commit_timestamp(xmin)) * 1000000)::bigint \
         FROM user_logins WHERE user_id LIKE '{prefix}%'"
    );
    let rows = client.query(&sql, &[]).await?;
    let committed: HashMap<String, i64> = rows.iter().map(|row| (row.get(0), row.get(1))).collect();
    let mut times = Vec::new();
    for (number, sent) in sent.iter().enumerate() {
        let at = committed.get(&format!("{prefix}{number}"));
        let at = at.with_context(|| format!("no row of message {number}"))?;
        times.push(Duration::from_micros(u64::try_from(at - sent).unwrap_or(0)));
    }
    Ok(Times::of(times))
}

/// How long the COMMIT of a row takes, while nothing else happens.
async fn commit_times(database: &Database, transactions: usize) -> Result<Times> {
    let client = database.connect().await?;
    let create = "CREATE TABLE commits (number integer)";
    client.batch_execute(create).await?;
    let mut times = Vec::new();
    for _ in 0..transactions {
        let insert = "BEGIN; INSERT INTO commits VALUES (1)";
        client.batch_execute(insert).await?;
        let began = Instant::now();
        client.batch_execute("COMMIT").await?;
        times.push(began.elapsed());
    }
    Ok(Times::of(times))
}

impl Times {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        let at = |percent: usize| {
            let place = (times.len() * percent).div_ceil(100).saturating_sub(1);
            times[place].as_secs_f64() * 1e3
        };
        Self {
            p50: at(50),
            p99: at(99),
        }
    }
}
