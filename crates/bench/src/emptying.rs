//! veilstream empties a queue, measured from outside.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    figures::Figures,
    ground::{Database, Worker},
    measurement::Settings,
    queue::Queue,
};

/// What it took.
pub(crate) struct Emptying {
    /// Deleted messages, from the start of the first process on.
    pub(crate) messages_per_second: f64,
    /// User and system time of all processes, for each deleted message.
    pub(crate) cpu_micros_per_message: f64,
    /// The most memory that one of the processes had resident.
    pub(crate) peak_mebibytes: f64,
    /// Calls of the queue for each thousand deleted messages.
    pub(crate) calls_per_thousand: f64,
}

/// So many processes over a queue with so many messages, until it is empty or, where that comes
/// first, for so long. What landed is counted when the queue is empty.
pub(crate) async fn empty(
    settings: &Settings,
    database: &Database,
    queue: &Queue,
    messages: usize,
    processes: usize,
    longest: Duration,
) -> Result<Emptying> {
    let began = Instant::now();
    let mut workers = (0..processes)
        .map(|_| database.work(settings, queue))
        .collect::<Result<Vec<_>>>()?;
    while queue.left() > 0 && began.elapsed() < longest {
        for worker in &mut workers {
            worker.ensure_running()?;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    let seconds = began.elapsed().as_secs_f64();
    let left = queue.left();
    let calls = count(queue.calls().values().sum());
    let cpu = workers.iter().map(Worker::cpu_seconds);
    let cpu: f64 = cpu.sum::<Result<_>>()?;
    let mut peak_mebibytes: f64 = 0.0;
    for worker in workers {
        peak_mebibytes = peak_mebibytes.max(worker.peak_mebibytes()?);
        worker.kill().await?;
    }
    let done = messages - left;
    ensure!(
        done > 0,
        "no message was deleted within {seconds:.0} seconds"
    );
    let landed = database.landed().await?;
    ensure!(
        landed >= done && (left > 0 || landed == done),
        "{landed} messages landed, {done} are deleted"
    );
    let done = count(done as u64);
    Ok(Emptying {
        messages_per_second: done / seconds,
        cpu_micros_per_message: cpu * 1e6 / done,
        peak_mebibytes,
        calls_per_thousand: calls * 1e3 / done,
    })
}

/// A figure of several runs.
pub(crate) fn figures(runs: &[Emptying], value: fn(&Emptying) -> f64) -> Figures {
    Figures::new(runs.iter().map(value).collect())
}

/// A number that is counted, as a figure.
pub(crate) fn count(number: u64) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52")]
    let number = number as f64;
    number
}
