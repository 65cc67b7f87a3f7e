//! `make torture`.

use std::{
    io::{IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use torture::{Options, Report, Scenario};

#[derive(Parser)]
#[command(
    about = "The real binary under kills, crashes and faults; every message accounted for",
    after_help = "\
Examples:
  torture                                   all scenarios, a new seed
  torture --scenario fifo --seed 4711       one of them again
  torture --scenario standard --messages 5000 --kills 8

The seed decides over messages, kills and faults; the timing of processes is the
machine's own. Exit code 1: a promise was broken, and the report says which."
)]
struct Arguments {
    /// One scenario only
    #[arg(long, value_enum)]
    scenario: Option<Scenario>,
    /// The seed of a run to repeat
    #[arg(long)]
    seed: Option<u64>,
    /// How many messages; without it as many as the scenario has
    #[arg(long, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    messages: Option<u32>,
    /// How many times a worker is killed
    #[arg(long)]
    kills: Option<usize>,
    /// How many workers at once
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=16))]
    workers: Option<u32>,
    /// The binary
    #[arg(long, default_value = "target/release/veilstream")]
    binary: PathBuf,
    /// Tables for people, or one line of JSON a scenario
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    #[default]
    Text,
    Json,
}

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Dropping the run stops its processes and servers and removes its files.
    let ended = tokio::select! {
        ended = torture(arguments) => ended,
        signalled = signalled() => signalled,
    };
    match ended {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            // Where nobody reads standard error any more, the exit code still tells.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Whether every promise was kept in every scenario.
async fn torture(arguments: Arguments) -> Result<bool> {
    let binary = arguments.binary.canonicalize().with_context(|| {
        let binary = arguments.binary.display();
        format!("{binary}: build it with `cargo build --release -p veilstream`")
    })?;
    let seed = arguments.seed.unwrap_or_else(|| fastrand::u64(..));
    let scenarios = arguments
        .scenario
        .map_or(Scenario::ALL.to_vec(), |one| vec![one]);
    let mut all_clean = true;
    for scenario in scenarios {
        let (messages, kills, workers) = scenario.full();
        let number = |given: Option<u32>, usual| given.map_or(usual, |given| given as usize);
        let options = Options {
            binary: binary.clone(),
            scenario,
            seed,
            messages: number(arguments.messages, messages),
            kills: arguments.kills.unwrap_or(kills),
            workers: number(arguments.workers, workers),
            progress: std::io::stderr().is_terminal(),
        };
        let name = scenario.name();
        writeln!(std::io::stderr(), "{name}: seed {seed}")?;
        let report = torture::run(options).await?;
        all_clean &= report.is_clean();
        print(&report, arguments.output)?;
    }
    Ok(all_clean)
}

fn print(report: &Report, output: Output) -> Result<()> {
    let mut stdout = std::io::stdout().lock();
    match output {
        Output::Text => writeln!(stdout, "{}", report.text())?,
        Output::Json => writeln!(stdout, "{}", serde_json::to_string(report)?)?,
    }
    Ok(())
}

/// Ctrl-C or SIGTERM.
async fn signalled() -> Result<bool> {
    let mut terminate = signal(SignalKind::terminate())?;
    tokio::select! {
        interrupted = tokio::signal::ctrl_c() => interrupted?,
        _ = terminate.recv() => {}
    }
    anyhow::bail!("interrupted; everything that was started is stopped and removed")
}
