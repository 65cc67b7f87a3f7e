//! veilstream empties a queue, measured from outside.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::{
    figures::Figures,
    ground::{Database, Worker},
    measurement::Settings,
    queue::Queue,
};

/// Whoever takes longer hangs.
const DEADLINE: Duration = Duration::from_mins(10);

/// What it took from the first receive on.
pub(crate) struct Emptying {
    /// Deleted messages.
    pub(crate) messages_per_second: f64,
    /// User and system time of all processes, for each deleted message.
    pub(crate) cpu_micros_per_message: f64,
    /// The most memory that one of the processes had resident.
    pub(crate) peak_mebibytes: f64,
    /// Calls of the queue for each thousand deleted messages, with those at the start.
    pub(crate) calls_per_thousand: f64,
}

/// So many processes over a queue with so many messages, until it is empty or, where that comes
/// first, for so long if that is said. What landed is counted when the queue is empty.
pub(crate) async fn empty(
    settings: &Settings,
    database: &Database,
    queue: &Queue,
    messages: usize,
    processes: usize,
    longest: Option<Duration>,
) -> Result<Emptying> {
    let mut workers = (0..processes)
        .map(|_| database.work(settings, queue))
        .collect::<Result<Vec<_>>>()?;
    let asked = wait(&mut workers, DEADLINE, || queue.has_been_asked()).await?;
    ensure!(asked, "no receive within {DEADLINE:?}");
    let (began, at_first) = (Instant::now(), cpu_seconds(&workers)?);
    let is_empty = wait(&mut workers, longest.unwrap_or(DEADLINE), || {
        queue.left() == 0
    });
    let is_empty = is_empty.await?;
    let seconds = began.elapsed().as_secs_f64();
    let left = queue.left();
    ensure!(
        is_empty || longest.is_some(),
        "{left} messages are left after {DEADLINE:?}"
    );
    let calls = count(queue.calls().values().sum());
    let cpu = cpu_seconds(&workers)? - at_first;
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

/// Waits until it is so, for so long at the most; whether it is.
async fn wait(workers: &mut [Worker], longest: Duration, is_so: impl Fn() -> bool) -> Result<bool> {
    let began = Instant::now();
    while !is_so() {
        if began.elapsed() >= longest {
            return Ok(false);
        }
        workers.iter_mut().try_for_each(Worker::ensure_running)?;
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Ok(true)
}

/// What all of them have used so far.
fn cpu_seconds(workers: &[Worker]) -> Result<f64> {
    workers.iter().map(Worker::cpu_seconds).sum()
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
