//! `veilstream dev-queue`: an SQS-compatible queue in memory.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use clap::Args;
use devqueue::{Canned, DevQueue, Settings};
use tokio_util::sync::CancellationToken;
use veilstream::{config::duration, sample::login_events, startup::DEFAULT_QUEUE};

use super::{
    exit::{Exit, Failure},
    logging,
    options::Output,
};

#[derive(Args)]
#[command(after_help = "\
Example:
  veilstream dev-queue --fill 100 &
  AWS_ACCESS_KEY_ID=dev AWS_SECRET_ACCESS_KEY=dev aws sqs receive-message --region us-east-1 \\
      --endpoint-url http://localhost:4566 \\
      --queue-url http://localhost:4566/000000000000/login-queue
  veilstream dev-queue --canned 1000000 --delay 10ms   # to measure a client

What it holds is gone when it ends. It checks no signature: keep it on this machine.")]
pub(super) struct Arguments {
    /// Address to listen on
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1")]
    listen: IpAddr,
    /// Port to listen on; 0 takes a free one
    #[arg(long, default_value_t = 4566)]
    port: u16,
    /// The queue to create
    #[arg(long, value_name = "NAME", default_value = DEFAULT_QUEUE)]
    queue: String,
    /// Put so many sample login events into it
    #[arg(long, value_name = "N", default_value_t = 0)]
    fill: usize,
    /// Hand out so many login events from memory, each once, and keep none: the
    /// least work for the queue, to measure clients with
    #[arg(long, value_name = "N", conflicts_with = "fill",
          value_parser = clap::value_parser!(u64).range(1..=MOST_CANNED))]
    canned: Option<u64>,
    /// Send every answer so much later, as over a network: 1ms, 10ms, 2s; the
    /// timer may add up to 1 ms
    #[arg(long, value_name = "TIME", default_value = "0ms", value_parser = delay)]
    delay: Duration,
}

/// Different events that canned messages are made of, a whole number of hundreds: one event in a
/// hundred is a stray one.
const CANNED_EVENTS: usize = 2_000;
/// The first of so many was sent as many milliseconds ago, which is less than a queue's retention.
const MOST_CANNED: u64 = 1_000_000_000;

pub(super) async fn execute(
    arguments: Arguments,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    let listen = SocketAddr::new(arguments.listen, arguments.port);
    let settings = Settings {
        listen,
        delay: arguments.delay,
        ..Settings::default()
    };
    let cannot_listen = |error| {
        let error = anyhow::anyhow!("cannot listen on {listen}: {error}");
        Failure::new(Exit::Queue, error)
    };
    if let Some(messages) = arguments.canned {
        let events = login_events().take(CANNED_EVENTS);
        let server = Canned::start(&settings, &arguments.queue, events, messages);
        let server = server.map_err(cannot_listen)?;
        announce(&arguments.queue, server.address(), messages)?;
        stop.cancelled().await;
        report(&server.calls());
        let (received, deleted) = (server.received(), server.deleted());
        tracing::info!(received, deleted, "messages");
        server.shutdown();
        return Ok(Exit::Done);
    }
    let server = DevQueue::start(settings).await.map_err(cannot_listen)?;
    let of_queue = |error| Failure::new(Exit::Queue, error);
    server
        .create_queue(&arguments.queue, &[])
        .map_err(of_queue)?;
    for event in login_events().take(arguments.fill) {
        server.send(&arguments.queue, &event).map_err(of_queue)?;
    }
    announce(&arguments.queue, server.address(), arguments.fill as u64)?;
    stop.cancelled().await;
    report(&server.calls());
    server.shutdown().await;
    Ok(Exit::Done)
}

/// Prints the queue's URL, for scripts.
fn announce(queue: &str, address: SocketAddr, messages: u64) -> io::Result<()> {
    let port = address.port();
    writeln!(io::stdout(), "http://localhost:{port}/000000000000/{queue}")?;
    tracing::info!(messages, "listening on {address}; Ctrl-C ends");
    Ok(())
}

fn report(calls: &BTreeMap<&'static str, u64>) {
    for (action, count) in calls {
        tracing::info!(count, "calls of {action}");
    }
}

/// Reads a delay: milliseconds, or a duration as in the configuration.
fn delay(text: &str) -> Result<Duration, String> {
    let milliseconds = text
        .strip_suffix("ms")
        .and_then(|digits| digits.parse().ok());
    if let Some(milliseconds) = milliseconds {
        return Ok(Duration::from_millis(milliseconds));
    }
    duration::parse(text).map_err(|_| "no delay; write it as in 10ms or 2s".to_owned())
}
