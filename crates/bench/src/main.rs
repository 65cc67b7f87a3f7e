//! How fast veilstream is: values by each method of masking, then login events from the embedded queue
//! into a private PostgreSQL, with everything on, measured from outside the process.

mod figures;
mod masking;
mod process;
mod stage;

use std::{path::PathBuf, process::ExitCode};

use anyhow::{Context, ensure};
use clap::Parser;

use figures::Figures;
use stage::{Measured, Stage};

#[derive(Parser)]
#[command(about = "Benchmarks: methods of masking; embedded queue -> veilstream -> PostgreSQL")]
struct Arguments {
    /// Login events a run
    #[arg(long, default_value_t = 100_000)]
    messages: usize,
    /// Runs; medians are reported
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// The binary to measure
    #[arg(long, default_value = "target/release/veilstream")]
    binary: PathBuf,
    /// Measure the methods of masking only
    #[arg(long)]
    masking: bool,
}

#[tokio::main]
async fn main() -> ExitCode {
    match measure(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            #[expect(clippy::print_stderr, reason = "this is where a failure is said")]
            {
                eprintln!("error: {error:#}");
            }
            ExitCode::FAILURE
        }
    }
}

async fn measure(arguments: Arguments) -> anyhow::Result<()> {
    let Arguments {
        messages,
        runs,
        binary,
        masking,
    } = arguments;
    ensure!(runs > 0 && messages > 0, "nothing to measure");
    println!("{}", masking::report(runs)?);
    if masking {
        return Ok(());
    }
    let binary = binary.canonicalize().with_context(|| {
        format!(
            "{}: build it with `cargo build --release -p veilstream`",
            binary.display()
        )
    })?;
    let mut measured = Vec::with_capacity(runs);
    let mut server = String::new();
    for run in 1..=runs {
        let stage = Stage::set_up(&binary, messages).await?;
        server = stage.server_version().to_owned();
        let result = stage.run().await?;
        println!(
            "run {run} of {runs}: {:.0} messages/s",
            result.messages_per_second
        );
        measured.push(result);
    }
    println!("\n{}", report(messages, &server, &measured));
    Ok(())
}

/// The report in Markdown: medians, and the spread from the least to the most.
fn report(messages: usize, server: &str, measured: &[Measured]) -> String {
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let row = |name: &str, unit: &str, value: fn(&Measured) -> f64| {
        Figures::new(measured.iter().map(value).collect()).row(name, unit)
    };
    format!(
        "{messages} login events, {runs} runs, {cores} cores shared by queue, veilstream and \
         PostgreSQL {server} (fsync on)\n\n| figure | median | spread |\n|---|---|---|\n{}{}{}",
        row("end to end", "messages/s", |one| one.messages_per_second),
        row("CPU of veilstream", "us/message", |one| one
            .cpu_micros_per_message),
        row("peak memory of veilstream", "MiB", |one| one.peak_mebibytes),
        runs = measured.len(),
    )
}
