//! What a run shows on a terminal while it runs: one line, or with an end a bar.

use std::{fmt::Write, sync::Arc, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use veilstream::{
    history::History,
    metrics::{Metrics, Totals},
    pipeline::Until,
};

use super::logging;

const EVERY: Duration = Duration::from_millis(250);

/// Shows how a run goes on; gone when it is dropped.
pub(super) struct Live {
    bar: ProgressBar,
    metrics: Arc<Metrics>,
    history: Arc<History>,
}

impl Live {
    /// Of a run over about so many messages, if it has an end.
    pub(super) fn new(
        until: Until,
        messages: u64,
        metrics: Arc<Metrics>,
        history: Arc<History>,
    ) -> Self {
        let (length, template) = match until {
            Until::Stopped => (None, "{msg}"),
            Until::QueueEmpty => (Some(messages), "{wide_bar} {percent} %, {eta} left\n{msg}"),
        };
        let style = ProgressStyle::with_template(template).expect("the template is valid");
        let bar = ProgressBar::no_length().with_style(style);
        if let Some(length) = length {
            bar.set_length(length);
        }
        Self {
            bar: logging::bars().add(bar),
            metrics,
            history,
        }
    }

    /// Goes on for ever; where nobody looks, it does nothing.
    pub(super) async fn show(&self) {
        if self.bar.is_hidden() || logging::is_for_machines() {
            return std::future::pending().await;
        }
        let mut ticks = tokio::time::interval(EVERY);
        loop {
            ticks.tick().await;
            let totals = self.metrics.totals();
            let settled = totals.loaded + totals.duplicates + totals.quarantined + totals.left;
            // How many there are was an estimate, and more come.
            if self.bar.length().is_some_and(|length| length < settled) {
                self.bar.set_length(settled);
            }
            self.bar.set_position(settled);
            self.bar.set_message(self.line(&totals));
        }
    }

    fn line(&self, totals: &Totals) -> String {
        let now = self.history.now();
        let mut line = format!("{:.0} messages/s", now.map_or(0.0, |now| now.per_second));
        if let Some(delay) = now.and_then(|now| now.delay_p50) {
            let _ = write!(line, ", {} behind", seconds(delay));
        }
        let Totals {
            loaded,
            duplicates,
            quarantined,
            ..
        } = totals;
        let _ = write!(
            line,
            ", {} in flight; {loaded} loaded, {duplicates} duplicates, {quarantined} quarantined",
            totals.in_flight()
        );
        line
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        logging::bars().remove(&self.bar);
    }
}

/// A time as people say it.
pub(super) fn seconds(seconds: f64) -> String {
    match seconds {
        ..1.0 => format!("{:.0} ms", seconds * 1e3),
        1.0..120.0 => format!("{seconds:.1} s"),
        120.0..7_200.0 => format!("{:.0} min", seconds / 60.0),
        _ => format!("{:.1} h", seconds / 3_600.0),
    }
}
