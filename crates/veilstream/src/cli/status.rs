//! `veilstream status`: what the dashboard shows, on a shell.

use std::{
    fs,
    io::{self, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
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
use jiff::Timestamp;
use serde::Deserialize;
use veilstream::config::{self, DEFAULT_ADMIN_PORT, Listen};

use super::{
    escaping::escaped,
    exit::{Exit, Failure},
    live::seconds,
    logging,
    options::{ConfigOption, Output, any_path},
};

const TIMEOUT: Duration = Duration::from_secs(10);
const MOST_BYTES: usize = 4 << 20;

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream status
  veilstream status --config orders.toml     # of the worker that has this configuration
  veilstream status --output json | jq .totals
  veilstream status --admin https://worker-7.example:8484 --token-file admin-token

Ends with 0 while queue and database answer, and with 1 if not or if no worker answers.")]
pub(super) struct Arguments {
    /// Address of a worker's admin server [default: as VEILSTREAM_ADMIN_LISTEN or the configuration
    /// says, else http://127.0.0.1:8484]
    #[arg(long, value_name = "URL")]
    admin: Option<String>,
    #[command(flatten)]
    config: ConfigOption,
    /// The file of its token; without --admin, the configuration's
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
    started_at: Timestamp,
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

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let Arguments {
        admin,
        config,
        token_file,
        output,
    } = arguments;
    let worker = match admin {
        Some(address) => Worker {
            address,
            token_file,
            is_elsewhere: true,
        },
        None => Worker::of(&config.admin()?, token_file)?,
    };
    let body = ask(&worker).await.map_err(Failure::other)?;
    let status: Status = serde_json::from_slice(&body)
        .context("the answer is not one of veilstream's; is the address right?")
        .map_err(Failure::other)?;
    let mut stdout = io::stdout().lock();
    match output {
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

/// Whom to ask.
struct Worker {
    address: String,
    token_file: Option<PathBuf>,
    /// Whether it may be another machine's.
    is_elsewhere: bool,
}

impl Worker {
    /// The one on this machine that has this configuration. The token is for where it is asked for only.
    fn of(admin: &config::Admin, token_file: Option<PathBuf>) -> Result<Self, Failure> {
        let listens = match admin.listen {
            None => SocketAddr::from((Ipv4Addr::LOCALHOST, DEFAULT_ADMIN_PORT)),
            Some(Listen::At(address)) => address,
            Some(Listen::Off) => {
                let off = anyhow!(
                    "this worker has no admin server: its address is \"off\". Set admin.listen, or name another \
                     worker's with --admin"
                );
                return Err(Failure::new(Exit::Usage, off));
            }
        };
        let configured = admin.token_file.clone();
        let configured = configured.filter(|_| !listens.ip().is_loopback());
        Ok(Self {
            address: format!("http://{}", reached(listens)),
            token_file: token_file.or(configured),
            is_elsewhere: false,
        })
    }
}

/// Who listens on all addresses is asked on loopback.
fn reached(listens: SocketAddr) -> SocketAddr {
    let ip = match listens.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listens.port())
}

async fn ask(worker: &Worker) -> anyhow::Result<Bytes> {
    let address = worker.address.trim_end_matches('/');
    let uri: Uri = format!("{address}/api/status")
        .parse()
        .with_context(|| format!("{address} is no URL"))?;
    if !matches!(uri.scheme_str(), Some("http" | "https")) {
        bail!("{address} is no http:// or https:// URL");
    }
    let is_readable = worker.is_elsewhere && uri.scheme_str() == Some("http") && !is_local(&uri);
    let mut request = Request::get(uri);
    if let Some(path) = &worker.token_file {
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
