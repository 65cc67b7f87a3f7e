//! What `veilstream status` shows of the answer, as text.

use std::io::{self, Write};

use jiff::Timestamp;
use serde::Deserialize;

use crate::cli::{escaping::escaped, live::seconds};

/// What is shown of the answer.
#[derive(Deserialize)]
pub(super) struct Status {
    version: String,
    pipeline: String,
    table: String,
    queue: String,
    database: String,
    started_at: Timestamp,
    uptime_seconds: f64,
    pub(super) ready: bool,
    services: Vec<Service>,
    totals: Totals,
    per_second: f64,
    delay_seconds: Delay,
    oldest_in_flight_seconds: Option<f64>,
    stages: Vec<Stage>,
    fleets: Vec<Fleet>,
    budget: Vec<Budget>,
    deletions_failed: u64,
    lease_extensions: u64,
    retries: Vec<Retries>,
    ledger_partitions: i64,
    quarantine: Quarantine,
    warnings: Vec<String>,
}

#[derive(Deserialize)]
struct Service {
    #[serde(rename = "service")]
    name: String,
    reachable: bool,
    away_seconds: Option<f64>,
    cause: Option<String>,
}

#[derive(Deserialize)]
struct Totals {
    received: u64,
    loaded: u64,
    duplicates: u64,
    quarantined: u64,
    left: u64,
    in_flight: u64,
    deleted: u64,
    bytes: u64,
}

#[derive(Deserialize)]
struct Delay {
    p50: Option<f64>,
    p99: Option<f64>,
}

#[derive(Deserialize)]
struct Stage {
    #[serde(rename = "stage")]
    name: String,
    calls: u64,
    seconds: f64,
    p50: Option<f64>,
    p99: Option<f64>,
}

#[derive(Deserialize)]
struct Fleet {
    #[serde(rename = "fleet")]
    name: String,
    members: u64,
    most: u64,
}

#[derive(Deserialize)]
struct Budget {
    resource: String,
    used: u64,
    most: u64,
}

#[derive(Deserialize)]
struct Retries {
    cause: String,
    retries: u64,
}

#[derive(Deserialize)]
struct Quarantine {
    by_code: Vec<ByCode>,
    newest: Option<Vec<Entry>>,
    newest_error: Option<String>,
}

#[derive(Deserialize)]
struct Entry {
    id: String,
    rejected_at: String,
    reason: String,
}

#[derive(Deserialize)]
struct ByCode {
    code: String,
    messages: u64,
}

/// Whoever answers may not be whom it was meant for.
fn shown(text: &str) -> String {
    escaped(text).to_string()
}

fn time(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), seconds)
}

/// For people.
pub(super) fn print(out: &mut impl Write, status: &Status) -> io::Result<()> {
    print_services(out, status)?;
    print_messages(out, status)?;
    print_quarantine(out, &status.quarantine)?;
    print_stages(out, &status.stages)?;
    print_tasks(out, status)?;
    for warning in &status.warnings {
        writeln!(out, "warning: {}", shown(warning))?;
    }
    Ok(())
}

fn print_services(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let state = if status.ready { "ready" } else { "NOT READY" };
    let (version, up) = (shown(&status.version), seconds(status.uptime_seconds));
    writeln!(
        out,
        "{state}: pipeline {}, veilstream {version}, up {up} since {} UTC",
        shown(&status.pipeline),
        status.started_at.strftime("%F %T")
    )?;
    writeln!(out, "  queue     {}", shown(&status.queue))?;
    writeln!(
        out,
        "  database  {}, table {}",
        shown(&status.database),
        shown(&status.table)
    )?;
    for service in status.services.iter().filter(|service| !service.reachable) {
        let away = service.away_seconds.map_or_else(String::new, seconds);
        let cause = service.cause.as_deref().unwrap_or("no reason is known");
        writeln!(
            out,
            "  the {} is away for {away}: {}",
            shown(&service.name),
            shown(cause)
        )?;
    }
    Ok(())
}

fn print_messages(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let Delay { p50, p99 } = status.delay_seconds;
    writeln!(
        out,
        "\n{:.0} messages/s; from sent to committed p50 {}, p99 {}; oldest in flight {}",
        status.per_second,
        time(p50),
        time(p99),
        time(status.oldest_in_flight_seconds)
    )?;
    let Totals {
        received,
        loaded,
        duplicates,
        quarantined,
        left,
        in_flight,
        deleted,
        bytes,
    } = &status.totals;
    writeln!(
        out,
        "{received} received = {loaded} loaded + {duplicates} duplicates + {quarantined} quarantined + {left} \
         left + {in_flight} in flight"
    )?;
    writeln!(
        out,
        "{deleted} deleted from the queue; {} MB received",
        bytes / 1_000_000
    )
}

fn print_quarantine(out: &mut impl Write, quarantine: &Quarantine) -> io::Result<()> {
    for ByCode { code, messages } in &quarantine.by_code {
        writeln!(out, "  quarantined: {messages} {}", shown(code))?;
    }
    match (&quarantine.newest_error, &quarantine.newest) {
        (Some(error), _) => {
            let error = shown(error);
            writeln!(out, "  the newest entries cannot be read: {error}")
        }
        (None, None) => writeln!(
            out,
            "  open entries are shown once admin.database_url is set; `veilstream quarantine list` shows them, too"
        ),
        (None, Some(newest)) if newest.is_empty() => writeln!(out, "  no entry is open"),
        (None, Some(newest)) => newest.iter().try_for_each(|entry| {
            let (id, at, reason) = (&entry.id, &entry.rejected_at, &entry.reason);
            writeln!(out, "  open: {} {} {}", shown(id), shown(at), shown(reason))
        }),
    }
}

fn print_stages(out: &mut impl Write, stages: &[Stage]) -> io::Result<()> {
    writeln!(
        out,
        "\n{:<11}{:>10}{:>10}{:>10}{:>10}{:>10}",
        "last minute", "share", "calls", "time", "p50", "p99"
    )?;
    let all: f64 = stages.iter().map(|stage| stage.seconds).sum();
    for stage in stages {
        let share = if all > 0.0 { stage.seconds / all } else { 0.0 };
        writeln!(
            out,
            "{:<11}{:>9.0}%{:>10}{:>10}{:>10}{:>10}",
            shown(&stage.name),
            100.0 * share,
            stage.calls,
            seconds(stage.seconds),
            time(stage.p50),
            time(stage.p99)
        )?;
    }
    Ok(())
}

/// Fleets, budget, and what went wrong.
fn print_tasks(out: &mut impl Write, status: &Status) -> io::Result<()> {
    let of = |name: &str, now, most| format!("{} {now} of {most}", shown(name));
    let fleets = status.fleets.iter();
    let fleets = fleets.map(|fleet| of(&fleet.name, fleet.members, fleet.most));
    let budget = status.budget.iter();
    let budget = budget.map(|part| of(&part.resource, part.used, part.most));
    let parts: Vec<_> = fleets.chain(budget).collect();
    writeln!(out, "\n{}", parts.join(", "))?;
    let (failed, extensions) = (status.deletions_failed, status.lease_extensions);
    writeln!(
        out,
        "{failed} deletions failed, {extensions} leases extended, the ledger has {} days",
        status.ledger_partitions
    )?;
    for Retries { cause, retries } in &status.retries {
        writeln!(out, "  tried again: {retries} {}", shown(cause))?;
    }
    Ok(())
}
