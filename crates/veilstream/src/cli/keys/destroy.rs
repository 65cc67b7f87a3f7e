//! `veilstream keys destroy`.

use std::io::{self, BufRead, IsTerminal, Write};

use anyhow::anyhow;
use clap::Args;
use masking::Keyset;

use super::{file, names, of_file, of_keyset};
use crate::cli::{
    exit::{Exit, Failure},
    options::{ConfigOption, KeysetOptions},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream keys destroy 1          # asks, on a terminal
  veilstream keys destroy 1 --yes

Backups and the workers' copies of the file still hold the key: destroy them too.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// The key, as `veilstream keys list` shows it
    #[arg(value_name = "ID")]
    key: u32,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    let key = arguments.key;
    let file = file(arguments.config, arguments.keyset)?;
    let change = file.begin_change().await.map_err(of_file)?;
    let lost = what_is_lost(change.keyset(), key)?;
    if !arguments.yes {
        confirm(key, &lost).await?;
    }
    let (keyset, ()) = change
        .apply(|keyset| keyset.destroy(key))
        .await
        .map_err(of_file)?;
    writeln!(
        io::stdout(),
        "key {key} is destroyed (generation {}). {lost}\nBackups and the workers' copies of the file still \
         hold it: destroy them too.",
        keyset.generation()
    )?;
    Ok(Exit::Done)
}

/// What nobody can read any more without the key; or why it cannot be destroyed, before anybody is asked.
fn what_is_lost(keyset: &Keyset, key: u32) -> Result<String, Failure> {
    let trial = keyset.reopen(keyset.to_json().as_bytes());
    trial
        .and_then(|mut trial| trial.destroy(key))
        .map_err(of_keyset)?;
    let reversible = keyset
        .domains()
        .filter(|domain| domain.method.is_reversible());
    Ok(format!(
        "What it made can never be read again: tokens of the domains {}, and originals in quarantine that were \
         sealed with it. A worker must have started with the key that is primary now: a database that knows \
         none of a key set's keys refuses it.",
        names(reversible)
    ))
}

/// Asks on a terminal; elsewhere nobody can be asked.
async fn confirm(key: u32, lost: &str) -> Result<(), Failure> {
    let usage = |text: String| Failure::new(Exit::Usage, anyhow!(text));
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Err(usage(format!(
            "key {key} is not destroyed: there is no terminal to ask on. {lost} If that is what you want, \
             say --yes"
        )));
    }
    let question =
        format!("Destroying key {key} cannot be undone. {lost}\nType {key} to destroy it: ");
    io::stderr().write_all(question.as_bytes())?;
    // On a thread of its own: Ctrl-C has to end the wait for a line.
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        io::stdin().lock().read_line(&mut line).map(|_| line)
    });
    let answer = answer.await.map_err(Failure::other)??;
    if answer.trim() == key.to_string() {
        Ok(())
    } else {
        Err(usage(format!(
            "key {key} is not destroyed: {key} was not typed"
        )))
    }
}
