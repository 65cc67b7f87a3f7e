//! The last minutes of a run, a sample a second: rates and delays for those who look.

use std::{
    collections::VecDeque,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use crate::metrics::{Distribution, Metrics, Stage, Totals};

const EVERY: Duration = Duration::from_secs(1);
/// Five minutes of rates take one sample more.
const SAMPLES: usize = 301;
/// A rate of now is that of so many seconds.
const NOW: usize = 5;
/// How long a stage takes is that of the last minute.
const MINUTE: usize = 60;

/// Samples of a run, the oldest first.
pub struct History {
    metrics: Arc<Metrics>,
    samples: Mutex<VecDeque<Sample>>,
}

struct Sample {
    at: Timestamp,
    moment: Instant,
    totals: Totals,
    delay: Distribution,
    stages: [Distribution; Stage::ALL.len()],
}

/// What happened within a second, or a few.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Point {
    /// Its end.
    pub at: Timestamp,
    /// Messages settled a second: loaded, duplicates and quarantined.
    pub per_second: f64,
    /// From `SendMessage` to the commit in seconds, of half of the messages at the most.
    pub delay_p50: Option<f64>,
    /// Of all but one in a hundred.
    pub delay_p99: Option<f64>,
}

/// What a stage took within the last minute.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct StageTimes {
    /// Which one.
    pub stage: Stage,
    /// Calls or batches.
    pub calls: u64,
    /// All of them together, several at once counted each.
    pub seconds: f64,
    /// Half of them took no longer.
    pub p50: Option<f64>,
    /// All but one in a hundred.
    pub p99: Option<f64>,
}

impl History {
    /// One that begins now.
    pub fn new(metrics: Arc<Metrics>) -> Self {
        let history = Self {
            metrics,
            samples: Mutex::default(),
        };
        history.sample();
        history
    }

    /// Takes a sample a second until `end`.
    pub async fn keep(&self, end: &CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = ticks.tick() => self.sample(),
                () = end.cancelled() => return,
            }
        }
    }

    fn sample(&self) {
        let metrics = &self.metrics;
        let sample = Sample {
            at: Timestamp::try_from(SystemTime::now()).unwrap_or_default(),
            moment: Instant::now(),
            totals: metrics.totals(),
            delay: metrics.send_to_commit(),
            stages: Stage::ALL.map(|stage| metrics.stage(stage)),
        };
        let mut samples = self.samples.lock();
        if samples.len() == SAMPLES {
            samples.pop_front();
        }
        samples.push_back(sample);
    }

    /// What happens now: the last few seconds.
    pub fn now(&self) -> Option<Point> {
        let samples = self.samples.lock();
        let last = samples.back()?;
        let first = samples.get(samples.len().saturating_sub(NOW + 1))?;
        last.since(first)
    }

    /// Second by second, the oldest first.
    pub fn points(&self) -> Vec<Point> {
        let samples = self.samples.lock();
        let pairs = samples.iter().zip(samples.iter().skip(1));
        pairs
            .filter_map(|(earlier, later)| later.since(earlier))
            .collect()
    }

    /// Where the time goes, in the last minute.
    pub fn stages(&self) -> Vec<StageTimes> {
        let samples = self.samples.lock();
        let first = samples.get(samples.len().saturating_sub(MINUTE + 1));
        let Some((first, last)) = first.zip(samples.back()) else {
            return Vec::new();
        };
        let stages = Stage::ALL
            .into_iter()
            .zip(first.stages.iter().zip(&last.stages));
        stages
            .map(|(stage, (first, last))| {
                let times = last.since(first);
                StageTimes {
                    stage,
                    calls: times.count,
                    seconds: times.sum,
                    p50: times.quantile(0.5),
                    p99: times.quantile(0.99),
                }
            })
            .collect()
    }
}

impl Sample {
    fn since(&self, earlier: &Self) -> Option<Point> {
        let seconds = (self.moment - earlier.moment).as_secs_f64();
        let settled = |totals: &Totals| totals.loaded + totals.duplicates + totals.quarantined;
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 messages")]
        let messages = settled(&self.totals).saturating_sub(settled(&earlier.totals)) as f64;
        let delay = self.delay.since(&earlier.delay);
        (seconds > 0.0).then(|| Point {
            at: self.at,
            per_second: messages / seconds,
            delay_p50: delay.quantile(0.5),
            delay_p99: delay.quantile(0.99),
        })
    }
}
