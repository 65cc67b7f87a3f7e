//! CPU time of the thread that asks (proc(5)).

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// What this thread has used so far: what others do on the machine at the same time is not in it.
pub(crate) fn thread_time() -> Result<Duration> {
    let schedstat = fs::read_to_string("/proc/thread-self/schedstat")?;
    let nanoseconds = schedstat.split_whitespace().next();
    let nanoseconds = nanoseconds.context("schedstat is empty")?.parse()?;
    Ok(Duration::from_nanos(nanoseconds))
}
