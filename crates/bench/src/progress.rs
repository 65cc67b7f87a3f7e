//! What is being done, on standard error: a run of the benchmarks takes many minutes.

use std::{fmt, io::Write as _};

/// A line for whoever waits.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    // Where nobody reads it any more, the report is still written.
    let _ = writeln!(std::io::stderr(), "{line}");
}
