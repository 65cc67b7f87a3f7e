//! A question on the terminal whose answer is not shown.

use std::{
    fs::{File, OpenOptions},
    io::{self, IsTerminal, Read, Write},
};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The process's own terminal, whatever its standard streams are (`tty(4)`).
const TERMINAL: &str = "/dev/tty";

/// A terminal hands over lines of up to 4,095 bytes (`termios(3)`, "canonical mode").
const LONGEST_LINE: usize = 4096;

/// Whether somebody sits at a terminal and sees what is said on it.
pub(super) fn is_there() -> bool {
    io::stderr().is_terminal() && open().is_ok()
}

fn open() -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(TERMINAL)
}

/// Asks, and reads a line without showing it. Dropped before the answer, it leaves the terminal as it was.
pub(super) async fn ask(prompt: &str) -> io::Result<Zeroizing<Vec<u8>>> {
    let terminal = open()?;
    let (mut output, input) = (terminal.try_clone()?, terminal.try_clone()?);
    // Silent before the question is asked: nobody can answer too early.
    let _silent = Silent::new(terminal)?;
    output.write_all(prompt.as_bytes())?;
    // On a thread of its own: Ctrl-C has to end the wait for a line.
    tokio::task::spawn_blocking(move || read_line(input))
        .await
        .map_err(io::Error::other)?
}

fn read_line(mut terminal: File) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut line = Zeroizing::new(vec![0; LONGEST_LINE]);
    let length = terminal.read(&mut line)?;
    line.truncate(length);
    if line.pop_if(|last| *last == b'\n').is_none() {
        return Err(io::Error::other("the line was not ended, or is too long"));
    }
    Ok(line)
}

/// A terminal that does not show what is typed, until this is dropped.
struct Silent {
    terminal: File,
    before: Termios,
}

impl Silent {
    fn new(terminal: File) -> io::Result<Self> {
        let before = tcgetattr(&terminal)?;
        let mut silent = before.clone();
        silent.local_modes -= LocalModes::ECHO;
        // The end of the line is seen, so that what comes next starts on another.
        silent.local_modes |= LocalModes::ECHONL | LocalModes::ICANON | LocalModes::ISIG;
        // What was typed before the question was shown to everybody: it is dropped.
        tcsetattr(&terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent {
    fn drop(&mut self) {
        // A terminal that is gone needs no setting back.
        let _ = tcsetattr(&self.terminal, OptionalActions::Now, &self.before);
    }
}
