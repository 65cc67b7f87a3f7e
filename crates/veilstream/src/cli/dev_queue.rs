//! `veilstream dev-queue`: an SQS-compatible queue in memory.

use std::{
    io::{self, Write},
    net::{IpAddr, SocketAddr},
};

use clap::Args;
use devqueue::{DevQueue, Settings};
use tokio_util::sync::CancellationToken;
use veilstream::{sample::login_events, startup::DEFAULT_QUEUE};

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
}

pub(super) async fn execute(
    arguments: Arguments,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    let listen = SocketAddr::new(arguments.listen, arguments.port);
    let server = DevQueue::start(Settings {
        listen,
        ..Settings::default()
    })
    .await
    .map_err(|error| {
        Failure::new(
            Exit::Queue,
            anyhow::anyhow!("cannot listen on {listen}: {error}"),
        )
    })?;
    let of_queue = |error| Failure::new(Exit::Queue, error);
    server
        .create_queue(&arguments.queue, &[])
        .map_err(of_queue)?;
    for event in login_events().take(arguments.fill) {
        server.send(&arguments.queue, &event).map_err(of_queue)?;
    }
    let port = server.address().port();
    let queue = &arguments.queue;
    writeln!(io::stdout(), "http://localhost:{port}/000000000000/{queue}")?;
    tracing::info!(
        messages = arguments.fill,
        "listening on {}; Ctrl-C ends",
        server.address()
    );
    stop.cancelled().await;
    server.shutdown().await;
    Ok(Exit::Done)
}
