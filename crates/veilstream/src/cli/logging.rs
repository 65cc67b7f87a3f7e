//! Logs go to standard error: text for people, JSON for machines.

use std::{
    io::{self, IsTerminal, Write},
    sync::{LazyLock, OnceLock},
};

use console::Term;
use indicatif::{MultiProgress, ProgressDrawTarget, TermLike};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{Layer, filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};
use veilstream::startup::environment;

use super::{
    exit::{Exit, Failure},
    options::Output,
};

/// How this run speaks, once it is known.
static OUTPUT: OnceLock<Output> = OnceLock::new();

/// What is drawn on standard error beside the log: a line of the log goes above it.
static BARS: LazyLock<MultiProgress> = LazyLock::new(|| {
    let terminal = Term::stderr();
    MultiProgress::with_draw_target(if terminal.is_term() {
        ProgressDrawTarget::term_like_with_hz(Box::new(Unfailing(terminal)), 10)
    } else {
        ProgressDrawTarget::hidden()
    })
});

/// A terminal that may be gone at any time, since whoever started the run has logged out: what cannot be
/// shown is not missed. (indicatif panics where its terminal fails.)
#[derive(Debug)]
struct Unfailing(Term);

impl TermLike for Unfailing {
    fn width(&self) -> u16 {
        self.0.size().1
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_up(lines).or(Ok(()))
    }

    fn move_cursor_down(&self, lines: usize) -> io::Result<()> {
        self.0.move_cursor_down(lines).or(Ok(()))
    }

    fn move_cursor_right(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_right(columns).or(Ok(()))
    }

    fn move_cursor_left(&self, columns: usize) -> io::Result<()> {
        self.0.move_cursor_left(columns).or(Ok(()))
    }

    fn write_line(&self, text: &str) -> io::Result<()> {
        self.0.write_line(text).or(Ok(()))
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text).or(Ok(()))
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line().or(Ok(()))
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush().or(Ok(()))
    }
}

/// Standard error, around what is drawn there.
struct AroundBars;

impl Write for AroundBars {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        BARS.suspend(|| io::stderr().write(line))
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}

/// Where whatever is drawn on standard error belongs.
pub(super) fn bars() -> &'static MultiProgress {
    &BARS
}

/// Whether machines read what this run writes.
pub(super) fn is_for_machines() -> bool {
    OUTPUT.get() == Some(&Output::Json)
}

/// Whether standard error takes colours: a terminal does, unless it is told not to
/// (<https://no-color.org>).
pub(super) fn colours() -> bool {
    takes_colours(&io::stderr())
}

/// The same of any stream.
pub(super) fn takes_colours(stream: &impl IsTerminal) -> bool {
    let plain =
        environment("NO_COLOR").is_some() || environment("TERM").is_some_and(|t| t == "dumb");
    stream.is_terminal() && !plain
}

/// Starts logging. Only veilstream's own lines are shown below a warning: those of the libraries
/// beneath it can hold what passes through them.
pub(super) fn start(output: Output) -> Result<(), Failure> {
    OUTPUT.get_or_init(|| output);
    let level = match environment("VEILSTREAM_LOG") {
        None => Level::INFO,
        Some(name) => match name.to_ascii_lowercase().as_str() {
            "error" => Level::ERROR,
            "warn" => Level::WARN,
            "info" => Level::INFO,
            "debug" => Level::DEBUG,
            _ => {
                let error = anyhow::anyhow!(
                    "VEILSTREAM_LOG is none of the levels error, warn, info and debug"
                );
                return Err(Failure::new(Exit::Usage, error));
            }
        },
    };
    let filter = Targets::new().with_default(LevelFilter::WARN.min(level.into()));
    let filter = filter.with_target("veilstream", level);
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(|| AroundBars)
        // It would say on standard error that nobody reads standard error, and panic.
        .log_internal_errors(false)
        .with_target(false);
    let layer = match output {
        Output::Text => lines.with_ansi(colours()).boxed(),
        Output::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry()
        .with(layer.with_filter(filter))
        .init();
    Ok(())
}
