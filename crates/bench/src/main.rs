//! How fast veilstream is, and what others make of the same job: `make bench`.

mod chart;
mod contender;
mod database_cost;
mod emptying;
mod end_to_end;
mod figures;
mod ground;
mod growth;
mod latency;
mod machine;
mod markdown;
mod masking;
mod measurement;
mod process;
mod progress;
mod queue;
mod report;
mod round_trips;
mod section;
mod stage;
mod stages;
mod start_up;
mod thread_time;
mod versions;
mod workers;

use std::{
    io::Write as _,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result};
use clap::{Parser, ValueEnum};

use machine::Machine;
use measurement::{Measurement, Settings};
use report::Report;

#[derive(Parser)]
#[command(
    about = "Benchmarks of veilstream and its peers, on an otherwise idle machine",
    after_help = "\
Examples:
  bench                                   everything: takes a while
  bench --only masking --runs 3           one section of the report
  bench --only end-to-end --messages 20000

The report goes to standard output and, as report.md, report.json (with the
values of all runs) and report.svg, to the folder."
)]
struct Arguments {
    /// These measurements only
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Measurement>,
    /// Runs of each; medians are reported
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u16).range(1..))]
    runs: u16,
    /// Messages a run; of slow peers fewer are asked
    #[arg(long, default_value_t = 200_000, value_parser = clap::value_parser!(u32).range(1..))]
    messages: u32,
    /// Measure growth up to five million messages
    #[arg(long)]
    five_million: bool,
    /// The veilstream to measure [default: the one beside this program]
    #[arg(long)]
    veilstream: Option<PathBuf>,
    /// The Vector to compare with [default: the one on the PATH]
    #[arg(long)]
    vector: Option<PathBuf>,
    /// The Python of the peers
    #[arg(long, default_value = "target/bench/venv/bin/python")]
    python: PathBuf,
    /// Where the report is written
    #[arg(long, default_value = "target/bench")]
    folder: PathBuf,
}

// One thread, as the canned queue has: what the queue does for a call is less than waking another thread.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    match bench(Arguments::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            progress::say(format_args!("error: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

async fn bench(arguments: Arguments) -> Result<()> {
    let is_built_here = arguments.veilstream.is_none();
    let settings = Settings {
        runs: usize::from(arguments.runs),
        messages: arguments.messages as usize,
        veilstream: beside_this(arguments.veilstream, "veilstream")?,
        floor: beside_this(None, "floor")?,
        probe: beside_this(None, "probe")?,
        five_million: arguments.five_million,
        vector: arguments.vector.unwrap_or_else(vector_on_path),
        python: arguments.python,
    };
    let mut report = Report {
        date: jiff::Timestamp::now().strftime("%F %H:%M UTC").to_string(),
        command: command(),
        runs: settings.runs,
        machine: Machine::this()?,
        versions: versions::versions(&settings, is_built_here),
        sections: Vec::new(),
    };
    for measurement in Measurement::value_variants() {
        if arguments.only.is_empty() || arguments.only.contains(measurement) {
            progress::say(format_args!("{measurement}:"));
            let section = measurement.measure(&settings).await;
            report
                .sections
                .push(section.with_context(|| measurement.to_string())?);
            // What is measured stays, whatever becomes of the rest.
            report.write(&arguments.folder)?;
        }
    }
    write!(std::io::stdout(), "{}", report.markdown())?;
    progress::say(format_args!(
        "the report is in {}",
        arguments.folder.display()
    ));
    Ok(())
}

/// A program of this workspace: the given one, or the one that was built into the same folder.
fn beside_this(given: Option<PathBuf>, name: &str) -> Result<PathBuf> {
    let path = match given {
        Some(path) => path,
        None => std::env::current_exe()?.with_file_name(name),
    };
    path.canonicalize()
        .with_context(|| format!("{}: `make bench` builds it", path.display()))
}

/// Where Vector is; just its name if it is nowhere.
fn vector_on_path() -> PathBuf {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let mut candidates = std::env::split_paths(&folders).map(|folder| folder.join("vector"));
    let found = candidates.find(|candidate| candidate.is_file());
    found.unwrap_or_else(|| "vector".into())
}

/// How this program was started, without the folder that it is in.
fn command() -> String {
    let mut arguments = std::env::args();
    let program = arguments.next().unwrap_or_default();
    let name = Path::new(&program).file_name().unwrap_or_default();
    let rest = arguments.map(|argument| format!(" {argument}"));
    name.to_string_lossy().into_owned() + &rest.collect::<String>()
}
