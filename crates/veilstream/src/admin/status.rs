//! What the dashboard and `veilstream status` show.

use std::fmt::Write;

use jiff::Timestamp;
use serde::Serialize;

use super::Admin;
use crate::{
    history::{Point, StageTimes},
    load::quarantine::Listed,
    pipeline::{BudgetState, FleetState, ServiceState},
};

/// One look at a run, as JSON.
#[derive(Serialize)]
pub struct Status {
    version: &'static str,
    pipeline: String,
    table: String,
    queue: String,
    database: String,
    now: Timestamp,
    started_at: Timestamp,
    uptime_seconds: f64,
    ready: bool,
    services: [ServiceState; 2],
    totals: Totals,
    per_second: f64,
    delay_seconds: Delay,
    oldest_in_flight_seconds: Option<f64>,
    stages: Vec<StageTimes>,
    fleets: [FleetState; 2],
    budget: [BudgetState; 2],
    deletions_failed: u64,
    lease_extensions: u64,
    retries: Vec<Retries>,
    ledger_partitions: i64,
    history: Vec<Point>,
    quarantine: Quarantine,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Totals {
    #[serde(flatten)]
    messages: crate::metrics::Totals,
    in_flight: u64,
    bytes: u64,
}

#[derive(Serialize)]
struct Delay {
    p50: Option<f64>,
    p99: Option<f64>,
}

#[derive(Serialize)]
struct Retries {
    cause: &'static str,
    retries: u64,
}

#[derive(Serialize)]
struct Quarantine {
    /// Of this run.
    by_code: Vec<ByCode>,
    /// The newest open entries; nothing where nobody is set who may look.
    newest: Option<Vec<Shown>>,
    /// Why they cannot be read, where somebody is set.
    newest_error: Option<String>,
    may_act: bool,
    why_not: Option<String>,
}

#[derive(Serialize)]
struct ByCode {
    code: &'static str,
    messages: u64,
}

/// An entry, without its original.
#[derive(Serialize)]
struct Shown {
    id: String,
    rejected_at: String,
    sent_at: String,
    code: String,
    column: Option<String>,
    reason: String,
}

impl Status {
    pub(super) async fn of(admin: &Admin) -> Self {
        let now = Timestamp::now();
        let state = admin.run.state();
        let (metrics, history) = (&admin.metrics, &admin.history);
        let messages = metrics.totals();
        let current = history.now();
        Self {
            version: env!("CARGO_PKG_VERSION"),
            pipeline: admin.about.pipeline.clone(),
            table: admin.about.table.clone(),
            queue: admin.about.queue.clone(),
            database: admin.about.database.clone(),
            now,
            started_at: admin.started_at,
            uptime_seconds: now.duration_since(admin.started_at).as_secs_f64(),
            ready: state.is_ready(),
            totals: Totals {
                messages,
                in_flight: state.in_flight,
                bytes: metrics.bytes(),
            },
            per_second: current.map_or(0.0, |point| point.per_second),
            delay_seconds: Delay {
                p50: current.and_then(|point| point.delay_p50),
                p99: current.and_then(|point| point.delay_p99),
            },
            oldest_in_flight_seconds: state.oldest_in_flight.map(|age| age.as_secs_f64()),
            stages: history.stages(),
            deletions_failed: metrics.deletions_failed(),
            lease_extensions: metrics.lease_extensions(),
            retries: metrics
                .retries()
                .into_iter()
                .map(|(cause, retries)| Retries { cause, retries })
                .collect(),
            ledger_partitions: metrics.ledger_partitions(),
            history: history.points(),
            quarantine: Quarantine::of(admin).await,
            warnings: admin.warnings(),
            services: state.services,
            fleets: state.fleets,
            budget: state.budget,
        }
    }
}

impl Quarantine {
    async fn of(admin: &Admin) -> Self {
        let by_code = admin.metrics.quarantined_by_code().into_iter();
        let (newest, newest_error) = match &admin.operator {
            None => (None, None),
            Some(operator) => match operator.newest().await {
                Ok(newest) => (Some(newest), None),
                Err(reason) => (None, Some(reason)),
            },
        };
        let mut why_not = newest_error.clone();
        if admin.operator.is_none() {
            why_not = Some(super::quarantine::NO_OPERATOR.to_owned());
        }
        if why_not.is_none() && admin.token.is_none() {
            why_not = Some("set admin.token_file to replay and discard from here".to_owned());
        }
        Self {
            by_code: by_code
                .map(|(code, messages)| ByCode { code, messages })
                .collect(),
            newest: newest.map(|newest| newest.iter().map(Shown::of).collect()),
            newest_error,
            may_act: why_not.is_none(),
            why_not,
        }
    }
}

impl Shown {
    fn of(entry: &Listed) -> Self {
        let mut reason = entry.reason.replace('_', " ");
        if let Some(column) = &entry.column {
            // Where PostgreSQL refused the row, it may be the name of a constraint.
            let what = if entry.sqlstate.is_some() {
                "by"
            } else {
                "in column"
            };
            let _ = write!(reason, " {what} {column}");
        }
        if let Some(sqlstate) = &entry.sqlstate {
            let _ = write!(reason, " (SQLSTATE {sqlstate})");
        }
        Self {
            id: entry.id.clone(),
            rejected_at: entry.quarantined_at.clone(),
            sent_at: entry.sent_at.clone(),
            code: entry.reason.clone(),
            column: entry.column.clone(),
            reason,
        }
    }
}
