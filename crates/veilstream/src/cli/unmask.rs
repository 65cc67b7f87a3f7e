//! `veilstream unmask`: the values of tokens, with a reason.

use std::io::{self, BufRead, Write};

use clap::{Args, builder::NonEmptyStringValueParser};
use masking::UnmaskError;
use zeroize::Zeroizing;

use super::{
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, KeysetOptions, Output},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream unmask --reason 'ticket 4711' vs1s.AQ…
  psql -Atc 'SELECT masked_ip FROM user_logins' | veilstream unmask --reason 'ticket 4711'

Every token is opened before the first value is printed: either all of them or none.")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// Why; it is written to the log
    #[arg(long, value_name = "TEXT", value_parser = NonEmptyStringValueParser::new())]
    reason: String,
    /// Tokens; without any, one a line is read from standard input
    #[arg(value_name = "TOKEN")]
    tokens: Vec<String>,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    let settings = arguments.keyset.settings(arguments.config)?;
    let keyset = settings.keyset().await?;
    let tokens = if arguments.tokens.is_empty() {
        // On a thread of its own: at a terminal, Ctrl-C has to end the wait for a line.
        tokio::task::spawn_blocking(read_lines)
            .await
            .map_err(Failure::other)??
    } else {
        arguments.tokens
    };
    let mut unmasker = keyset.unmasker();
    let mut values = Zeroizing::new(String::new());
    for (place, token) in tokens.iter().enumerate() {
        let unmasked = unmasker.unmask(token).map_err(|error| {
            let not_a_token = matches!(error, UnmaskError::NotAToken);
            let exit = if not_a_token {
                Exit::Usage
            } else {
                Exit::Keyset
            };
            Failure::new(exit, anyhow::anyhow!("token {}: {error}", place + 1))
        })?;
        values.push_str(&unmasked.value);
        values.push('\n');
    }
    tracing::info!(tokens = tokens.len(), reason = arguments.reason, "unmasked");
    io::stdout().lock().write_all(values.as_bytes())?;
    Ok(Exit::Done)
}

fn read_lines() -> io::Result<Vec<String>> {
    let lines = io::stdin().lock().lines();
    let tokens = lines.map(|line| line.map(|line| line.trim().to_owned()));
    tokens
        .filter(|line| line.as_ref().map_or(true, |line| !line.is_empty()))
        .collect()
}
