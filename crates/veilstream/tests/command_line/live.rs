//! Runs whose output is read while they go on.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    time::Duration,
};

use crate::VEILSTREAM;

/// A line that takes longer than this does not come.
const DEADLINE: Duration = Duration::from_secs(120);

/// A run in the foreground; it is killed if the test fails before it ends.
pub(crate) struct Live {
    child: Child,
    lines: Receiver<String>,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) rest: String,
    pub(crate) stderr: String,
}

impl Live {
    /// Begins a run with nothing in its environment but `PATH` and what is given; its standard
    /// input stays open and empty.
    pub(crate) fn start(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let mut child = Command::new(VEILSTREAM)
            .args(arguments)
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .env("HOME", "/nonexistent")
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
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

    /// Waits for its end.
    pub(crate) fn finish(mut self) -> Ended {
        let mut rest = String::new();
        while let Ok(line) = self.lines.recv_timeout(DEADLINE) {
            rest.push_str(&line);
            rest.push('\n');
        }
        let mut stderr = String::new();
        let mut pipe = self.child.stderr.take().expect("a pipe");
        pipe.read_to_string(&mut stderr).expect("text");
        let status = self.child.wait().expect("the system says how it ended");
        Ended {
            code: status.code(),
            rest,
            stderr,
        }
    }
}

impl Drop for Live {
    fn drop(&mut self) {
        // It has ended by itself, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
