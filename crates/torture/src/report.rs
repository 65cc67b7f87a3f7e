//! What a run threw, and what came out.

use std::{fmt::Write as _, path::PathBuf};

use comfy_table::{CellAlignment, Table, presets::UTF8_FULL_CONDENSED};
use serde::Serialize;

use crate::{
    director::Played,
    oracle::Verdict,
    scenario::{Options, Scenario},
    stage::Stage,
    tally::Thrown,
};

/// The report of one run.
#[derive(Debug, Clone, Serialize)]
pub struct Report {
    /// The kind of run.
    pub scenario: Scenario,
    /// The seed that repeats it.
    pub seed: u64,
    /// How many kills were asked for.
    pub kills: usize,
    /// How many workers there were at once.
    pub workers: usize,
    /// PostgreSQL's version.
    pub postgresql: String,
    /// Everything that was thrown, with counts.
    pub thrown: Vec<Count>,
    /// What came out.
    pub outcome: Outcome,
    /// What is wrong; empty when every promise was kept.
    pub violations: Vec<String>,
    /// Where the workers' logs are, if something is wrong.
    pub logs: Option<PathBuf>,
}

/// How often something was thrown.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct Count {
    /// At what.
    pub at: &'static str,
    /// What it is.
    pub what: &'static str,
    /// How often.
    pub times: u64,
}

/// What came out of a run.
#[derive(Debug, Clone, Serialize)]
pub struct Outcome {
    /// Messages that were sent.
    pub messages: usize,
    /// Rows in the target table.
    pub rows: usize,
    /// Entries in the quarantine.
    pub quarantined: usize,
    /// Messages still in the queue.
    pub in_queue: usize,
    /// Messages that are in none of the three.
    pub lost: usize,
    /// Rows or entries that are there a second time.
    pub doubled: usize,
    /// Deliveries that were recognised as duplicates, by workers that lived to tell.
    pub duplicates_met: u64,
    /// Processes of veilstream that were started.
    pub workers_started: usize,
    /// Those of them that could not start, since a fault came in between.
    pub starts_failed: usize,
    /// From the first message to the last clean worker.
    pub seconds: f64,
}

impl Report {
    pub(crate) fn new(stage: &Stage, played: &Played, verdict: Verdict) -> Self {
        let Options {
            scenario,
            seed,
            kills,
            workers,
            ..
        } = stage.options;
        let thrown = Thrown::ALL.map(|thrown| {
            let (at, what) = thrown.label();
            let times = stage.tally.of(thrown);
            Count { at, what, times }
        });
        let departed = || played.departed.iter().map(|departed| &departed.ended);
        let summaries = departed().filter_map(|ended| ended.summary);
        let summaries = summaries.chain(played.clean.iter().copied());
        let failed = played
            .departed
            .iter()
            .filter(|one| !one.was_told && !one.ended.had_started);
        Self {
            scenario,
            seed,
            kills,
            workers,
            postgresql: stage.server_version(),
            thrown: thrown.into_iter().filter(|count| count.times > 0).collect(),
            outcome: Outcome {
                messages: played.sent.len(),
                rows: verdict.rows,
                quarantined: verdict.quarantined,
                in_queue: verdict.queued,
                lost: verdict.lost,
                doubled: verdict.doubled,
                duplicates_met: summaries.map(|summary| summary.duplicates).sum(),
                workers_started: played.workers + played.clean.len(),
                starts_failed: failed.count(),
                seconds: (played.seconds * 10.0).round() / 10.0,
            },
            violations: verdict.violations.into_lines(),
            logs: None,
        }
    }

    /// Whether every promise was kept.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// For people.
    pub fn text(&self) -> String {
        let Outcome {
            messages,
            rows,
            quarantined,
            in_queue,
            lost,
            doubled,
            duplicates_met,
            workers_started,
            starts_failed,
            seconds,
        } = &self.outcome;
        let outcome = table(
            ["what came out", ""],
            [
                ("messages sent", messages.to_string()),
                ("rows", rows.to_string()),
                ("quarantined", quarantined.to_string()),
                ("still in the queue", in_queue.to_string()),
                ("lost", lost.to_string()),
                ("doubled", doubled.to_string()),
                ("duplicates met", duplicates_met.to_string()),
                ("workers started", workers_started.to_string()),
                ("starts that failed", starts_failed.to_string()),
                ("seconds", format!("{seconds:.1}")),
            ]
            .map(|(what, times)| (what.to_owned(), times)),
        );
        let thrown = self.thrown.iter().map(|count| {
            let Count { at, what, times } = count;
            (format!("{at}: {what}"), times.to_string())
        });
        let thrown = table(["what was thrown", "times"], thrown);
        let (scenario, seed) = (self.scenario.name(), self.seed);
        let mut text = format!("{scenario}, seed {seed}\n{thrown}\n{outcome}\n");
        if self.is_clean() {
            text.push_str("Every message is in exactly one place.\n");
        }
        for violation in &self.violations {
            let _ = writeln!(text, "WRONG: {violation}");
        }
        if let Some(logs) = &self.logs {
            let (kills, workers) = (self.kills, self.workers);
            let _ = writeln!(
                text,
                "Logs: {}\nRepeat with --scenario {scenario} --seed {seed} --messages {messages} \
                 --kills {kills} --workers {workers}",
                logs.display()
            );
        }
        text
    }
}

fn table(header: [&str; 2], lines: impl IntoIterator<Item = (String, String)>) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_header(header);
    for (what, number) in lines {
        table.add_row([what, number]);
    }
    let numbers = table.column_mut(1).expect("there are two columns");
    numbers.set_cell_alignment(CellAlignment::Right);
    table
}
