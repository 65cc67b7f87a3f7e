//! What each stage of the data path takes of the processor, by veilstream's own parts, one stage
//! after the other on one thread.

use std::{
    hint::black_box,
    io::Write as _,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use serde::Serialize;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use veilstream::{
    acknowledge::MOST_ENTRIES,
    decode::Envelope,
    delivery::Durable,
    inspect::Watch,
    load::{Loader, Prepared},
    prepare::Preparer,
    source::{Budget, Leases, Message, Permit},
    startup::{Overrides, Parts, Settings, environment},
};

use crate::thread_time::thread_time;

/// Calls under way at once, so that the loop is awoken for several answers, as under load.
const CALLS: usize = 8;
/// Rows of a batch: about what comes together by itself under load.
const ROWS: usize = 1_000;

/// CPU time of each stage, in microseconds a message.
#[derive(Default, Serialize)]
struct Stages {
    messages: usize,
    /// The call.
    receive: f64,
    /// Its answer.
    parse: f64,
    /// Everything from a message to a row: digest, key, lease, decode, mask.
    prepare: f64,
    /// Alone, of the same events; part of the above.
    decode: f64,
    mask: f64,
    load: f64,
    delete: f64,
}

/// Empties the queue and prints the figures as JSON.
pub(crate) async fn measure() -> Result<()> {
    let parts = Arc::new(parts().await?);
    let mut stages = Stages::default();
    let (received, receive) = timed(receive(&parts)).await?;
    let (messages, parse) = timed(async {
        let parsed = received
            .iter()
            .map(|body| parts.queue.client().messages(body.as_ref()));
        Ok(parsed.collect::<Result<Vec<_>, _>>()?)
    })
    .await?;
    stages.messages = messages.iter().map(Vec::len).sum();
    ensure!(stages.messages > 0, "the queue is empty");
    let (decode, mask) = decode_and_mask(&parts, &messages)?;
    let (prepared, prepare) = timed(async { prepare(&parts, messages).await }).await?;
    let (durable, load) = timed(Box::pin(load(&mut loader(&parts), prepared, ROWS))).await?;
    let ((), delete) = timed(delete(&parts, durable)).await?;
    let per_message = |time: Duration| {
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 messages")]
        let messages = stages.messages as f64;
        time.as_secs_f64() * 1e6 / messages
    };
    let stages = Stages {
        receive: per_message(receive),
        parse: per_message(parse),
        prepare: per_message(prepare),
        decode: per_message(decode),
        mask: per_message(mask),
        load: per_message(load),
        delete: per_message(delete),
        ..stages
    };
    writeln!(std::io::stdout(), "{}", serde_json::to_string(&stages)?)?;
    Ok(())
}

async fn parts() -> Result<Parts> {
    let overrides = Overrides {
        queue_url: environment("VEILSTREAM_QUEUE_URL"),
        database_url: environment("DATABASE_URL"),
        keyset: environment("VEILSTREAM_KEYSET").map(PathBuf::from),
        ..Overrides::default()
    };
    Ok(Settings::new(overrides)?.parts().await?)
}

/// What it takes of this thread, on which everything runs.
async fn timed<T>(work: impl Future<Output = Result<T>>) -> Result<(T, Duration)> {
    let began = thread_time()?;
    let done = work.await?;
    Ok((done, thread_time()?.saturating_sub(began)))
}

async fn receive(parts: &Arc<Parts>) -> Result<Vec<impl AsRef<[u8]> + use<>>> {
    let mut tasks = JoinSet::new();
    for _ in 0..CALLS {
        let parts = Arc::clone(parts);
        tasks.spawn(async move {
            let mut bodies = Vec::new();
            loop {
                let body = parts.queue.receive(Duration::ZERO).await?.read().await?;
                if body.len() <= b"{}".len() {
                    return Ok::<_, anyhow::Error>(bodies);
                }
                bodies.push(body);
            }
        });
    }
    let mut bodies = Vec::new();
    while let Some(received) = tasks.join_next().await {
        bodies.extend(received??);
    }
    Ok(bodies)
}

/// Decodes and masks every event; how long it took to decode them, and how much longer with masking.
fn decode_and_mask(
    parts: &Parts,
    messages: &[Vec<Option<Message<'_>>>],
) -> Result<(Duration, Duration)> {
    let envelope = Envelope {
        message_id: "01234567-89ab-4def-8123-456789abcdef",
        sent_at_millis: 1_700_000_000_000,
    };
    let mut masking = parts.masking.clone();
    let bodies = messages.iter().flatten().flatten().map(|one| &*one.body);
    let decode = |body| parts.decoder.decode(body, &envelope);
    let began = thread_time()?;
    for body in bodies.clone() {
        black_box(decode(body).is_ok());
    }
    let between = thread_time()?;
    for body in bodies {
        black_box(
            decode(body)
                .and_then(|decoded| masking.apply(decoded))
                .is_ok(),
        );
    }
    let decoding = between.saturating_sub(began);
    let both = thread_time()?.saturating_sub(between);
    Ok((decoding, both.saturating_sub(decoding)))
}

async fn prepare(parts: &Parts, messages: Vec<Vec<Option<Message<'_>>>>) -> Result<Vec<Prepared>> {
    let budget = Budget::new(u32::MAX, u32::MAX);
    let leases = Leases::new(parts.queue.terms());
    let mut preparer = Preparer::new(parts, Watch::new(&parts.decoder));
    let mut prepared = Vec::new();
    for receive in messages {
        let room = budget.messages(u32::try_from(receive.len())?).await;
        let permit = Permit::new(room, budget.bytes(1).await, receive.len());
        let lease = leases.begin(Instant::now(), permit, &receive);
        prepared.extend(preparer.prepare(receive, &lease).prepared);
    }
    Ok(prepared)
}

fn loader(parts: &Parts) -> Loader {
    Loader::new(Arc::clone(&parts.database), Arc::clone(&parts.target))
}

async fn load(loader: &mut Loader, prepared: Vec<Prepared>, rows: usize) -> Result<Vec<Durable>> {
    let mut prepared = prepared.into_iter();
    let mut durable = Vec::new();
    loop {
        let batch: Vec<_> = prepared.by_ref().take(rows).collect();
        if batch.is_empty() {
            return Ok(durable);
        }
        let loaded = loader.load(batch, &CancellationToken::new()).await;
        let loaded = loaded.map_err(|_| anyhow::anyhow!("a batch was not loaded"))?;
        durable.extend(loaded.durable);
    }
}

/// Loads what the queue holds by one connection, so many rows a transaction, for somebody who looks at
/// that connection.
pub(crate) async fn load_only(rows: usize) -> Result<()> {
    let parts = Arc::new(parts().await?);
    let received = receive(&parts).await?;
    let client = parts.queue.client();
    let messages = received.iter().map(|body| client.messages(body.as_ref()));
    let messages = messages.collect::<Result<Vec<_>, _>>()?;
    let prepared = prepare(&parts, messages).await?;
    let mut loader = loader(&parts);
    let durable = Box::pin(load(&mut loader, prepared, rows)).await?;
    writeln!(std::io::stdout(), "{}", durable.len())?;
    std::io::stdin().read_line(&mut String::new())?;
    Ok(())
}

async fn delete(parts: &Arc<Parts>, mut durable: Vec<Durable>) -> Result<()> {
    let share = durable.len().div_ceil(CALLS).next_multiple_of(MOST_ENTRIES);
    let mut tasks = JoinSet::new();
    while !durable.is_empty() {
        let mine = durable.split_off(durable.len().saturating_sub(share));
        let parts = Arc::clone(parts);
        tasks.spawn(async move {
            for entries in mine.chunks(MOST_ENTRIES) {
                let failed = parts.queue.delete(entries).await?;
                ensure!(failed.is_empty(), "{} deletes failed", failed.len());
            }
            Ok(())
        });
    }
    while let Some(deleted) = tasks.join_next().await {
        deleted??;
    }
    Ok(())
}
