//! What Linux says of another process (proc(5)).

use std::{fs, time::Duration};

use anyhow::{Context, Result};

/// Linux counts CPU time for user space in hundredths of a second on every architecture
/// (`USER_HZ`).
const TICKS_PER_SECOND: f64 = 100.0;

/// User and system time that a process has used so far, with that of the children that it waited for.
pub(crate) fn cpu_time(process: u32) -> Result<Duration> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat"))?;
    // The name in parentheses may hold spaces; user and system time are the 12th and 13th fields
    // behind it, those of the children the 14th and 15th.
    let (_, fields) = stat.rsplit_once(')').context("no name in stat")?;
    let mut fields = fields.split_whitespace().skip(11);
    let mut ticks = || -> Result<f64> { Ok(fields.next().context("stat is short")?.parse()?) };
    Ok(Duration::from_secs_f64(
        (ticks()? + ticks()? + ticks()? + ticks()?) / TICKS_PER_SECOND,
    ))
}

/// The most memory that a process has had resident, in MiB.
pub(crate) fn peak_mebibytes(process: u32) -> Result<f64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status
        .lines()
        .find(|line| line.starts_with("VmHWM:"))
        .context("no VmHWM")?;
    let kibibytes: f64 = line
        .split_whitespace()
        .nth(1)
        .context("VmHWM is empty")?
        .parse()?;
    Ok(kibibytes / 1024.0)
}
