//! Works that are measured in a process of their own: `bench` and `bench-check` start them.

mod rows;
mod stages;
#[path = "../../thread_time.rs"]
mod thread_time;

use std::{io::Write as _, process::ExitCode};

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(about = "What bench measures in a process of its own")]
struct Arguments {
    #[command(subcommand)]
    work: Work,
}

#[derive(Subcommand)]
enum Work {
    /// Make rows of so many login events, for an instruction counter
    Rows {
        #[arg(value_enum)]
        until: rows::Until,
        messages: usize,
    },
    /// Empty the queue that veilstream's variables name, stage after stage, and print what each took
    Stages,
    /// Load what the queue holds, so many rows a transaction, print a line, and keep the connection
    /// until standard input ends
    Load { rows: usize },
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Arguments::parse().work {
        Work::Rows { until, messages } => rows::make(until, messages),
        Work::Stages => stages::measure().await,
        Work::Load { rows } => stages::load_only(rows).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Whoever started it sees the exit code in any case.
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
