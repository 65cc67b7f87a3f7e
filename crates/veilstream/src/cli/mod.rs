//! The commands, one file each.

mod audit;
mod check;
mod completions;
mod confirmation;
mod demo;
mod dev_queue;
mod escaping;
mod exit;
mod init;
mod inspect;
mod keys;
mod lines;
mod live;
mod logging;
mod look;
mod mask;
mod migrate;
mod options;
mod plan;
mod quarantine;
mod run;
mod serve;
mod signals;
mod status;
mod unmask;

use std::{io, process::ExitCode, thread};

use clap::{
    Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};
use tokio::runtime::{self, Runtime};
use tokio_util::sync::CancellationToken;

use exit::{Exit, Failure};
use signals::Signals;

const EXIT_CODES: &str = "\
Exit codes:
  0    done
  1    standard output cannot be written, or another fault of the machine or of veilstream
  2    usage or configuration
  3    the queue cannot be reached, or refuses
  4    the database cannot be reached, or does not fit
  5    key set or token
  6    audit trail: broken, not written, or a limit on unmasking is reached
  7    run --once: most messages were rejected; has their producer changed?
  8    some of what was to be replayed from quarantine is still rejected, or does not open
  130  ended by SIGINT (Ctrl-C)      143  ended by SIGTERM

Environment:
  VEILSTREAM_CONFIG, VEILSTREAM_QUEUE_URL, VEILSTREAM_KEYSET, DATABASE_URL, PG*, AWS_*
  VEILSTREAM_PASSPHRASE_FILE, VEILSTREAM_PASSPHRASE
  VEILSTREAM_ADMIN_LISTEN, VEILSTREAM_ADMIN_DATABASE_URL
  VEILSTREAM_LOG    error, warn, info (default) or debug";

/// Tables are as wide as the narrowest terminal in use.
const TABLE_WIDTH: u16 = 80;

/// From Amazon SQS into PostgreSQL, personal data masked on the way, each message exactly once
#[derive(Parser)]
#[command(name = "veilstream", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show the whole job with a queue and a PostgreSQL of its own
    Demo(demo::Arguments),
    /// Move messages from the queue into the table
    Run(run::Arguments),
    /// Create schema `veilstream`, and the target table unless it exists
    Migrate(migrate::Arguments),
    /// Find what keeps a run from working or endangers it, and say what to do; change nothing
    Check(check::Arguments),
    /// Propose a configuration for the events in the queue
    Init(init::Arguments),
    /// Show what would become of messages in the queue: event and row side by side; change nothing
    Plan(plan::Arguments),
    /// Look for personal data that would be loaded in clear, in a sample of the queue or of a table
    Inspect(inspect::Arguments),
    /// Create key sets, list and change them
    #[command(subcommand)]
    Keys(keys::Command),
    /// Print the tokens of values, to look somebody up without decrypting a table
    Mask(mask::Arguments),
    /// Print the values of tokens, and leave a trail of it
    Unmask(unmask::Arguments),
    /// Look at the trail of what was unmasked
    #[command(subcommand)]
    Audit(audit::Command),
    /// List rejected messages, show, replay, discard and purge them
    #[command(subcommand)]
    Quarantine(quarantine::Command),
    /// Show how a running worker does, from its admin server
    Status(status::Arguments),
    /// Serve an SQS-compatible queue in memory, for development and tests
    DevQueue(dev_queue::Arguments),
    /// Print completions for a shell
    Completions(completions::Arguments),
}

/// Parses the command line, runs the command and says how it ended.
pub(crate) fn main() -> ExitCode {
    let command = match Cli::try_parse() {
        Ok(cli) => cli.command,
        Err(error) => without_stray_values(error).exit(),
    };
    let exit = match runtime() {
        Ok(runtime) => {
            let exit = runtime.block_on(until_second_signal(command));
            // Tasks that did not end in time do not keep the process.
            runtime.shutdown_background();
            exit
        }
        Err(error) => exit::report(&Failure::other(error)),
    };
    exit.into()
}

/// Half of the processors, at least one: the others are for the database and the kernel, and tasks on
/// one thread wake each other without a system call (docs/performance.md has the measurement).
fn runtime() -> io::Result<Runtime> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    runtime::Builder::new_multi_thread()
        .worker_threads(processors.div_ceil(2))
        .enable_all()
        .build()
}

/// A value in the wrong place can be a database's URL with its password, or a person's address: it
/// is not repeated on the screen.
fn without_stray_values(mut error: clap::Error) -> clap::Error {
    let stray = match error.get(ContextKind::InvalidArg) {
        Some(ContextValue::String(argument)) => !argument.starts_with('-'),
        _ => false,
    };
    if stray && error.kind() == ErrorKind::UnknownArgument {
        let covered = ContextValue::String("(not shown: it may be a secret)".to_owned());
        error.insert(ContextKind::InvalidArg, covered);
    }
    error
}

/// The first signal asks the command to end, the second ends it at once.
async fn until_second_signal(command: Command) -> Exit {
    let mut signals = match Signals::listen() {
        Ok(signals) => signals,
        Err(error) => return exit::report(&Failure::other(error)),
    };
    let stop = signals.stop();
    let mut executing = std::pin::pin!(execute(command, stop.clone()));
    let mut by_signal = None;
    loop {
        tokio::select! {
            result = &mut executing => {
                let exit = result.unwrap_or_else(|failure| exit::report(&failure));
                // What was asked to end ends with the signal's code, unless it failed.
                return if exit == Exit::Done { by_signal.unwrap_or(exit) } else { exit };
            }
            signal = signals.next() => {
                if by_signal.replace(signal).is_some() {
                    return signal;
                }
                stop.cancel();
            }
        }
    }
}

async fn execute(command: Command, stop: CancellationToken) -> Result<Exit, Failure> {
    match command {
        Command::Demo(arguments) => demo::execute(arguments, stop).await,
        Command::Run(arguments) => run::execute(arguments, stop).await,
        Command::Migrate(arguments) => unless(&stop, migrate::execute(arguments)).await,
        Command::Check(arguments) => unless(&stop, Box::pin(check::execute(arguments))).await,
        Command::Init(arguments) => init::execute(arguments, stop).await,
        Command::Plan(arguments) => plan::execute(arguments, stop).await,
        Command::Inspect(arguments) => inspect::execute(arguments, stop).await,
        Command::Keys(command) => unless(&stop, keys::execute(command)).await,
        Command::Mask(arguments) => unless(&stop, mask::execute(arguments)).await,
        Command::Unmask(arguments) => unless(&stop, unmask::execute(arguments)).await,
        Command::Audit(command) => unless(&stop, audit::execute(command)).await,
        Command::Quarantine(command) => quarantine::execute(command, stop).await,
        Command::Status(arguments) => unless(&stop, status::execute(arguments)).await,
        Command::DevQueue(arguments) => dev_queue::execute(arguments, stop).await,
        Command::Completions(arguments) => completions::execute(&arguments),
    }
}

/// A command that has nothing to settle when it is stopped: it is dropped where it stands, and an
/// open transaction rolls back with its connection.
async fn unless(
    stop: &CancellationToken,
    command: impl Future<Output = Result<Exit, Failure>>,
) -> Result<Exit, Failure> {
    tokio::select! {
        result = command => result,
        () = stop.cancelled() => Ok(Exit::Done),
    }
}
