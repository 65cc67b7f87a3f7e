//! Asking a person before something is done that cannot be undone.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::anyhow;

use super::exit::{Exit, Failure};

/// Asks on a terminal for `answer` to be typed; elsewhere nobody can be asked. `warning` tells what
/// will be lost, `deed` completes "Type … " with what the answer does, `undone` says what is not
/// done.
///
/// # Errors
///
/// A mistake of usage where there is no terminal, or something else was typed.
pub(super) async fn confirm(
    warning: &str,
    answer: &str,
    deed: &str,
    undone: &str,
) -> Result<(), Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, anyhow!(text));
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(usage(format!(
            "{undone}: there is no terminal to ask on. {warning} If that is what you want, say --yes"
        )));
    }
    let question = format!("{warning}\nType {answer} {deed}: ");
    io::stderr().write_all(question.as_bytes())?;
    // On a thread of its own: Ctrl-C has to end the wait for a line.
    let typed = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let typed = typed.await.map_err(Failure::other)??;
    if typed.trim() == answer {
        Ok(())
    } else {
        Err(usage(format!("{undone}: {answer} was not typed")))
    }
}
