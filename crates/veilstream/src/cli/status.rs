//! `veilstream status`: what the dashboard shows, on a shell.

use std::{
    fs,
    io::{self, Write},
    net::IpAddr,
    path::PathBuf,
    time::Duration,
};

use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use clap::Args;
use http::{Request, StatusCode, Uri, header};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::{client::legacy::Client, rt::TokioExecutor};
use serde::Deserialize;

use super::{
    escaping::escaped,
    exit::{Exit, Failure},
    live::seconds,
    logging,
    options::{Output, any_path},
};

const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 4 << 20;

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream status
  veilstream status --output json | jq .totals
  veilstream status --admin https://worker-7.example:8484 --token-file admin-token

Ends with 0 while queue and database answer, and with 1 if not or if no worker answers.")]
pub(super) struct Arguments {
    /// Address of a worker's admin server
    #[arg(long, value_name = "URL", default_value = "http://127.0.0.1:8484")]
    admin: String,
    /// The file of its token; needed where it is another machine's
    #[arg(long, value_name = "FILE", value_parser = any_path())]
    token_file: Option<PathBuf>,
    /// Text for people, or the whole answer as JSON
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// What is shown of the answer.
#[derive(Deserialize)]
struct Status {
    version: String,
    pipeline: String,
    table: String,
    queue: String,
    database: String,
    uptime_seconds: f64,
    ready: bool,
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

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let body = ask(&arguments).await.map_err(Failure::other)?;
    let status: Status = serde_json::from_slice(&body)
        .context("the answer is not one of veilstream's; is the address right?")
        .map_err(Failure::other)?;
    let mut stdout = io::stdout().lock();
    match arguments.output {
        Output::Json => {
            stdout.write_all(&body)?;
            writeln!(stdout)?;
        }
        Output::Text => print(&mut stdout, &status)?,
    }
    Ok(if status.ready {
        Exit::Done
    } else {
        Exit::Other
    })
}

async fn ask(arguments: &Arguments) -> anyhow::Result<Bytes> {
    let address = arguments.admin.trim_end_matches('/');
    let uri: Uri = format!("{address}/api/status")
        .parse()
        .with_context(|| format!("{address} is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        bail!("{address} is no http:// or https:// URL");
    }
    let is_readable = uri.scheme_str() == Some("http") && !is_local(&uri);
    let mut request = Request::get(uri);
    if let Some(path) = &arguments.token_file {
        if is_readable {
            tracing::warn!(
                "the token goes over the network in clear; put TLS before the admin server and say https://"
            );
        }
        let token = fs::read_to_string(path)
            .with_context(|| format!("the token {} cannot be read", path.display()))?;
        let token = format!("Bearer {}", token.trim_end());
        request = request.header(header::AUTHORIZATION, token);
    }
    let request = request.body(Empty::<Bytes>::new())?;
    let connector = HttpsConnectorBuilder::new()
        .with_native_roots()
        .context("no trusted certificates; install ca-certificates")?
        .https_or_http()
        .enable_http1()
        .build();
    let client = Client::builder(TokioExecutor::new()).build(connector);
    let asking = async {
        let response = client.request(request).await;
        let response = response.map_err(|error| {
            let reason = veilstream::source::with_causes(&error);
            anyhow!("no worker answers at {address}: {reason}. Does `veilstream run` run there?")
        })?;
        let status = response.status();
        let body = Limited::new(response.into_body(), MOST_BYTES)
            .collect()
            .await;
        let body = body.map_err(|error| anyhow!("the answer broke off: {error}"))?;
        Ok((status, body.to_bytes()))
    };
    let answer = tokio::time::timeout(TIMEOUT, asking).await;
    let (status, body) =
        answer.unwrap_or_else(|_| Err(anyhow!("no worker answers at {address} in time")))?;
    match status {
        StatusCode::OK => Ok(body),
        StatusCode::UNAUTHORIZED => bail!("{address} wants its token: --token-file"),
        other => bail!("{address} answered {other}; is that a worker's admin server?"),
    }
}

/// Whether it is on this machine.
fn is_local(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let ip: Option<IpAddr> = host.trim_matches(['[', ']']).parse().ok();
    host == "localhost" || ip.is_some_and(|ip| ip.is_loopback())
}

/// Whoever answers may not be whom it was meant for.
fn shown(text: &str) -> String {
    escaped(text).to_string()
}

fn time(value: Option<f64>) -> String {
    value.map_or_else(|| "-".to_owned(), seconds)
}

fn print(out: &mut impl Write, status: &Status) -> io::Result<()> {
    print_services(out, status)?;
    print_messages(out, status)?;
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
        "{state}: pipeline {}, veilstream {version}, up {up}",
        shown(&status.pipeline)
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
        bytes,
    } = &status.totals;
    writeln!(
        out,
        "{received} received = {loaded} loaded + {duplicates} duplicates + {quarantined} quarantined + {left} \
         left + {in_flight} in flight; {} MB",
        bytes / 1_000_000
    )?;
    for ByCode { code, messages } in &status.quarantine.by_code {
        writeln!(out, "  quarantined: {messages} {}", shown(code))?;
    }
    for entry in status.quarantine.newest.iter().flatten() {
        let (id, at, reason) = (&entry.id, &entry.rejected_at, &entry.reason);
        writeln!(out, "  open: {} {} {}", shown(id), shown(at), shown(reason))?;
    }
    Ok(())
}

fn print_stages(out: &mut impl Write, stages: &[Stage]) -> io::Result<()> {
    writeln!(
        out,
        "\n{:<10}{:>10}{:>10}{:>10}",
        "last minute", "calls", "p50", "p99"
    )?;
    for Stage {
        name,
        calls,
        p50,
        p99,
    } in stages
    {
        writeln!(
            out,
            "{:<11}{calls:>10}{:>10}{:>10}",
            shown(name),
            time(*p50),
            time(*p99)
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
