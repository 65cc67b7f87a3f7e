//! `veilstream keys destroy`.

use std::io::{self, Write};

use clap::Args;
use masking::Keyset;

use super::{file, names, of_file, of_keyset};
use crate::cli::{
    confirmation::confirm,
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
        confirm(
            &format!("Destroying key {key} cannot be undone. {lost}"),
            &key.to_string(),
            "to destroy it",
            &format!("key {key} is not destroyed"),
        )
        .await?;
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
