//! The command line of veilstream.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
