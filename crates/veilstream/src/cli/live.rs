//! What a run shows on a terminal while it runs: one line, or with an end a bar.

use std::{
    fmt::Write,
    sync::{
        Arc,
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use veilstream::{
    history::History,
    metrics::{Metrics, Totals},
    pipeline::{Pipeline, Until},
};

use super::logging;

const EVERY: Duration = Duration::from_millis(250);
/// A terminal that is stopped (Ctrl-S) does not keep a run from ending.
const LAST_DRAWING: Duration = Duration::from_millis(500);

/// Shows how a run goes on until it is dropped, from a thread of its own: a terminal may take nothing
/// for a while.
pub(super) struct Live {
    end: Option<Sender<()>>,
    ended: Receiver<()>,
}

struct Drawing {
    bar: ProgressBar,
    run: Pipeline,
    metrics: Arc<Metrics>,
    history: Arc<History>,
}

impl Live {
    /// Begins, if somebody may be looking. A run with an end is over about so many messages.
    pub(super) fn start(
        until: Until,
        messages: u64,
        run: Pipeline,
        metrics: Arc<Metrics>,
        history: Arc<History>,
    ) -> Option<Self> {
        if logging::bars().is_hidden() || logging::is_for_machines() {
            return None;
        }
        let (length, template) = match until {
            Until::Stopped => (None, "{wide_msg}"),
            Until::QueueEmpty => (
                Some(messages),
                "{wide_bar} {percent} %, {eta} left\n{wide_msg}",
            ),
        };
        let style = ProgressStyle::with_template(template).expect("the template is valid");
        let bar = ProgressBar::no_length().with_style(style);
        if let Some(length) = length {
            bar.set_length(length);
        }
        let drawing = Drawing {
            bar: logging::bars().add(bar),
            run,
            metrics,
            history,
        };
        let ((end, told), (done, ended)) = (channel(), channel());
        thread::spawn(move || {
            drawing.go_on(&told);
            // Nobody may be waiting any more.
            let _ = done.send(());
        });
        Some(Self {
            end: Some(end),
            ended,
        })
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        drop(self.end.take());
        let _ = self.ended.recv_timeout(LAST_DRAWING);
    }
}

impl Drawing {
    fn go_on(&self, until: &Receiver<()>) {
        loop {
            let totals = self.metrics.totals();
            let settled = totals.loaded + totals.duplicates + totals.quarantined + totals.left;
            // How many there are was an estimate, and more come.
            if self.bar.length().is_some_and(|length| length < settled) {
                self.bar.set_length(settled);
            }
            self.bar.set_position(settled);
            self.bar.set_message(self.line(&totals));
            match until.recv_timeout(EVERY) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        self.bar.finish_and_clear();
        logging::bars().remove(&self.bar);
    }

    fn line(&self, totals: &Totals) -> String {
        let now = self.history.now();
        let state = self.run.state();
        let mut line = format!("{:.0}/s", now.map_or(0.0, |now| now.per_second));
        // While nothing is committed, what waits the longest tells how far behind it is.
        let waiting = || state.oldest_in_flight.map(|age| age.as_secs_f64());
        if let Some(delay) = now.and_then(|now| now.delay_p50).or_else(waiting) {
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
            state.in_flight
        );
        line
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
