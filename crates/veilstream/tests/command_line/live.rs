//! Runs whose output is read while they go on.

use std::{
    io::{BufRead, BufReader},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    time::Duration,
};

use crate::VEILSTREAM;

/// A line that takes longer than this does not come.
const DEADLINE: Duration = Duration::from_mins(2);

/// A run in the foreground; it is killed if the test fails before it ends.
pub(crate) struct Live {
    child: Child,
    lines: Receiver<String>,
}

impl Live {
    /// Begins a run with nothing in its environment but `PATH` and what is given; its standard
    /// input stays open and empty.
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        Self::of(VEILSTREAM, arguments, environment)
    }

    /// The same of another program than the binary under test.
    pub(crate) fn of(program: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(program)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let stdout = BufReader::new(child.stdout.take().expect("a pipe"));
        let (sender, lines) = channel();
        std::thread::spawn(move || {
            for line in stdout.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    return;
                }
            }
        });
        Self { child, lines }
    }

    /// Everything that it prints up to the line that holds some words, and with it.
    pub(crate) fn until(&self, words: &str) -> String {
        let mut printed = String::new();
        loop {
            let line = self
                .lines
                .recv_timeout(DEADLINE)
                .unwrap_or_else(|_| panic!("no {words:?} after {printed}"));
            printed.push_str(&line);
            printed.push('\n');
            if line.contains(words) {
                return printed;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let kill = Command::new("kill")
            .arg(format!("-{name}"))
            .arg(self.child.id().to_string())
            .status();
        assert!(kill.expect("kill runs").success());
    }

    /// Sends a signal until it ends.
    pub(crate) fn signal_until_it_ends(&self, name: &str) {
        for _ in 0..600 {
            self.signal(name);
            let ended = self.lines.recv_timeout(Duration::from_millis(50));
            if ended == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
        panic!("{name} is not heard");
    }

    /// Waits for its end: the exit code, `None` if a signal ended it.
    pub(crate) fn finish(mut self) -> Option<i32> {
        while self.lines.recv_timeout(DEADLINE).is_ok() {}
        self.child
            .wait()
            .expect("the system says how it ended")
            .code()
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // It has ended by itself, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
