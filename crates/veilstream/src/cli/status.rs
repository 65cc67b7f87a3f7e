//! `veilstream status`: what the dashboard shows, on a shell.

mod shown;

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
use veilstream::config::{self, DEFAULT_ADMIN_PORT, Listen};

use super::{
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, Output, any_path},
};
use shown::{Status, print};

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
    #[arg(
        long,
        value_name = "URL",
        help = "Address of a worker's admin server [default: as VEILSTREAM_ADMIN_LISTEN or the \
                configuration says, else http://127.0.0.1:8484]"
    )]
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
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
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
