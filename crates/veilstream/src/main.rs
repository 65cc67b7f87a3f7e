//! The command line of veilstream.

mod cli;

use std::process::ExitCode;

use mimalloc::MiMalloc;

/// Receiving, masking and loading allocate on one thread what another frees. docs/performance.md
/// has the measurements.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
