//! What the process takes of its machine, by the names that Prometheus' own clients give it
//! (Prometheus, "Writing client libraries", "Process metrics").

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use parking_lot::Mutex;
use prometheus::{Counter, Gauge};
use rustix::param::{clock_ticks_per_second, page_size};

use super::registrar::Registrar;

/// Where user and system time in ticks and the resident pages stand, after the program's name, which may
/// hold spaces (`proc_pid_stat(5)`, fields 14, 15 and 24).
const USER_TICKS: usize = 14 - 3;
const SYSTEM_TICKS: usize = 15 - 3;
const RESIDENT_PAGES: usize = 24 - 3;

pub(super) struct Process {
    cpu: Counter,
    memory: Gauge,
    /// Two may look at once.
    looking: Mutex<()>,
}

impl Process {
    pub(super) fn new(registrar: &Registrar<'_>) -> Self {
        let started = registrar.register(Gauge::new(
            "process_start_time_seconds",
            "When the run began, in seconds since 1970-01-01 UTC.",
        ));
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        started.set(now.unwrap_or_default().as_secs_f64());
        Self {
            cpu: registrar.register(Counter::new(
                "process_cpu_seconds_total",
                "User and system time of the process.",
            )),
            memory: registrar.register(Gauge::new(
                "process_resident_memory_bytes",
                "Memory that the process has resident.",
            )),
            looking: Mutex::new(()),
        }
    }

    /// Looks again; where the kernel does not tell, nothing changes.
    pub(super) fn set(&self) {
        let _looking = self.looking.lock();
        let Some((cpu_seconds, bytes)) = looked_up() else {
            return;
        };
        self.cpu.inc_by((cpu_seconds - self.cpu.get()).max(0.0));
        self.memory.set(bytes);
    }
}

fn looked_up() -> Option<(f64, f64)> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, fields) = stat.rsplit_once(") ")?;
    let fields: Vec<_> = fields.split(' ').collect();
    let number = |place: usize| fields.get(place)?.parse::<f64>().ok();
    #[expect(clippy::cast_precision_loss, reason = "small numbers")]
    let (ticks, page) = (clock_ticks_per_second() as f64, page_size() as f64);
    let cpu = (number(USER_TICKS)? + number(SYSTEM_TICKS)?) / ticks;
    Some((cpu, number(RESIDENT_PAGES)? * page))
}
