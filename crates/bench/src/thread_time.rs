//! CPU time of the thread that asks.

use std::time::Duration;

use anyhow::Result;
use rustix::time::{ClockId, clock_gettime};

/// What this thread has used so far, to the nanosecond: what others do on the machine at the same
/// time is not in it.
pub(crate) fn thread_time() -> Result<Duration> {
    Ok(clock_gettime(ClockId::ThreadCPUTime).try_into()?)
}
