//! The shell process that looks after a server, so that nothing of it outlives its owner.

use std::{
    fs,
    io::{BufRead, BufReader, ErrorKind, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Stdio},
};

use crate::{Binaries, Error, account::Account};

const SCRIPT: &str = include_str!("watchdog.sh");

/// How long a server may take to become ready, in seconds.
pub(crate) const READY_WITHIN: u64 = 30;

/// Lines of the server's log that an error shows.
const LOG_LINES: usize = 20;

/// What became of a start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Started {
    Ready,
    Exited,
    Late,
}

/// Our end of the process: commands go in, answers come out. Dropping it stops the server and
/// removes the directory.
#[derive(Debug)]
pub(crate) struct Watchdog {
    process: Child,
    /// `None` once closed, which tells the process to clean up.
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    directory: PathBuf,
    account: Account,
    binaries: Binaries,
}

impl Watchdog {
    /// Starts the process, which makes a directory that only `account` can enter.
    pub(crate) fn start(
        account: &Account,
        binaries: &Binaries,
        superuser: &str,
    ) -> Result<Self, Error> {
        let parents = parents();
        for parent in &parents {
            let directory =
                parent.join(format!("veilstream-pg-{}", crate::builder::random_hex(8)?));
            if let Some(watchdog) = Self::start_in(directory, account, binaries, superuser)? {
                return Ok(watchdog);
            }
        }
        let tried: Vec<String> = parents
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        Err(Error::NoDirectory {
            tried: tried.join(", "),
            account: account.name().to_owned(),
        })
    }

    /// `None` if the account cannot make that directory.
    fn start_in(
        directory: PathBuf,
        account: &Account,
        binaries: &Binaries,
        superuser: &str,
    ) -> Result<Option<Self>, Error> {
        let mut process = account
            .command(Path::new("/bin/sh"))
            .args(["-c", SCRIPT, "veilstream-pg-watchdog"])
            .args([directory.as_os_str(), binaries.directory().as_os_str()])
            .args([superuser, &READY_WITHIN.to_string()])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // A Ctrl-C in the terminal is for the owner, who then lets go of us.
            .process_group(0)
            .spawn()
            .map_err(Error::io("run /bin/sh"))?;
        let commands = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().ok_or(Error::WatchdogGone)?);
        let mut watchdog = Self {
            process,
            commands,
            answers,
            directory,
            account: account.clone(),
            binaries: binaries.clone(),
        };
        match watchdog.answer() {
            Ok(_) => Ok(Some(watchdog)),
            Err(_) => Ok(None),
        }
    }

    /// The directory of the cluster: its data, log and certificates.
    pub(crate) fn directory(&self) -> &Path {
        &self.directory
    }

    pub(crate) fn data_directory(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// Who the server runs as.
    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Writes a file of the cluster that only its account can read. Fails if it exists.
    pub(crate) fn write_private(&self, name: &str, content: &str) -> Result<PathBuf, Error> {
        use std::os::unix::fs::OpenOptionsExt;
        let path = self.directory.join(name);
        fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)
            .and_then(|mut file| {
                self.account.give(&file)?;
                file.write_all(content.as_bytes())
            })
            .map_err(Error::io(format!("write {}", path.display())))?;
        Ok(path)
    }

    /// Makes the data directory. The superuser's password is in the file `password`.
    pub(crate) fn initdb(&mut self) -> Result<(), Error> {
        match self.ask("initdb")?.as_str() {
            "initialised" => Ok(()),
            _ => Err(Error::Initdb {
                output: tail(&self.directory.join("initdb.log")),
            }),
        }
    }

    /// Starts the server and waits until it accepts connections.
    pub(crate) fn start_server(&mut self, port: u16) -> Result<Started, Error> {
        match self.ask(&format!("start {port}"))?.as_str() {
            "ready" => Ok(Started::Ready),
            "late" => Ok(Started::Late),
            _ => Ok(Started::Exited),
        }
    }

    /// Stops the server without a checkpoint, as if it had crashed.
    pub(crate) fn crash_server(&mut self) -> Result<(), Error> {
        self.ask("crash").map(drop)
    }

    /// The end of the server's log.
    pub(crate) fn log_tail(&self) -> String {
        tail(&self.directory.join("postgres.log"))
    }

    fn ask(&mut self, command: &str) -> Result<String, Error> {
        let commands = self.commands.as_mut().ok_or(Error::WatchdogGone)?;
        writeln!(commands, "{command}").map_err(|_| Error::WatchdogGone)?;
        self.answer()
    }

    fn answer(&mut self) -> Result<String, Error> {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(length) if length > 0 => Ok(line.trim_end().to_owned()),
            _ => Err(Error::WatchdogGone),
        }
    }

    /// Stops the server and removes the directory; waits until that is done. Idempotent.
    pub(crate) fn finish(&mut self) -> Result<(), Error> {
        let was_open = self.commands.take().is_some();
        let status = self
            .process
            .wait()
            .map_err(Error::io("wait for the PostgreSQL server"))?;
        if was_open && !status.success() {
            // Somebody killed the process, so its work is ours.
            let pg_ctl = self.binaries.program("pg_ctl");
            let _ = self
                .account
                .command(&pg_ctl)
                .args(["stop", "-m", "immediate", "-D"])
                .arg(self.data_directory())
                .stdout(Stdio::null())
                .stderr(Stdio::null())
                .status();
        }
        match fs::remove_dir_all(&self.directory) {
            Err(error) if error.kind() != ErrorKind::NotFound => Err(Error::io(format!(
                "remove {}",
                self.directory.display()
            ))(error)),
            _ => Ok(()),
        }
    }
}

impl Drop for Watchdog {
    fn drop(&mut self) {
        // Nobody is left to tell. `Cluster::stop` is there for those who want to know.
        let _ = self.finish();
    }
}

/// Where the directory may be made, best first. The temporary directory of root may be closed to the
/// account that the server runs as.
fn parents() -> Vec<PathBuf> {
    let mut parents = Vec::new();
    for parent in [
        std::env::temp_dir(),
        PathBuf::from("/tmp"),
        PathBuf::from("/var/tmp"),
    ] {
        let parent = std::path::absolute(&parent).unwrap_or(parent);
        if !parents.contains(&parent) {
            parents.push(parent);
        }
    }
    parents
}

fn tail(path: &Path) -> String {
    let text = fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_LINES)..].join("\n")
}
