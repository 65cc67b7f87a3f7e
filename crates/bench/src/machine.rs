//! What the benchmarks ran on.

use std::{fmt, fs};

use anyhow::{Context, Result};
use serde::Serialize;

/// A machine, as Linux tells of it.
#[derive(Serialize)]
pub(crate) struct Machine {
    /// The model's name, or the architecture where the kernel does not know it.
    cpu: String,
    /// How many of them this process may use.
    cores: usize,
    memory_gibibytes: f64,
    kernel: String,
}

impl Machine {
    /// This one.
    pub(crate) fn this() -> Result<Self> {
        let cpuinfo = read("/proc/cpuinfo")?;
        let cpu = field(&cpuinfo, "model name").unwrap_or(std::env::consts::ARCH);
        let meminfo = read("/proc/meminfo")?;
        let memory = field(&meminfo, "MemTotal").context("no MemTotal in /proc/meminfo")?;
        let kibibytes: f64 = memory.trim_end_matches(" kB").parse()?;
        Ok(Self {
            cpu: cpu.to_owned(),
            cores: std::thread::available_parallelism()?.get(),
            memory_gibibytes: kibibytes / f64::from(1 << 20),
            kernel: read("/proc/sys/kernel/osrelease")?.trim().to_owned(),
        })
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cpu,
            cores,
            memory_gibibytes,
            kernel,
        } = self;
        write!(
            f,
            "{cores} cores of {cpu}, shared by everything that ran; {memory_gibibytes:.1} GiB of memory; \
             Linux {kernel}"
        )
    }
}

fn read(path: &str) -> Result<String> {
    fs::read_to_string(path).with_context(|| path.to_owned())
}

/// The value of the first line `name : value`.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let mut fields = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
    Some(value.trim())
}
