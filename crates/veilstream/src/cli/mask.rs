//! `veilstream mask`: the tokens of values.

use std::io::{self, Write};

use clap::Args;
use masking::{KeysetError, Masker};
use serde::Serialize;

use super::{
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, KeysetOptions, Output},
};

#[derive(Args)]
#[command(after_help = "\
Example:
  TOKEN=$(veilstream mask --domain ip 199.172.111.135)
  psql -c \"SELECT * FROM user_logins WHERE masked_ip = '$TOKEN'\"

A line a value. After a promotion a value has a token of each key that is or was in use: they stand on
its line with tabs between them, the one that is made today first. To look for all of them:
  psql -c \"SELECT * FROM user_logins WHERE masked_ip = ANY (string_to_array('$TOKEN', E'\\t'))\"")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// The domain of the values
    #[arg(long, value_name = "NAME")]
    domain: String,
    /// Tokens only, or one line with an array of objects: key and token, one array a value
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Values in clear
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
}

/// A token of a value and the id of the key that makes it.
#[derive(Serialize)]
struct Token {
    key: u32,
    token: String,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let keyset = arguments.keyset.settings(arguments.config)?;
    let keyset = keyset.keyset().await?;
    let of_key_set = |error: KeysetError| Failure::new(Exit::Keyset, error);
    let mut maskers = keyset.maskers(&arguments.domain).map_err(of_key_set)?;
    let mut values = Vec::with_capacity(arguments.values.len());
    for (place, value) in arguments.values.iter().enumerate() {
        let tokens = tokens(&mut maskers, value).map_err(|error| {
            // The value itself is not repeated: it is personal.
            Failure::new(Exit::Usage, anyhow::anyhow!("value {}: {error}", place + 1))
        })?;
        values.push(tokens);
    }
    print(&values, arguments.output)?;
    Ok(Exit::Done)
}

fn tokens(maskers: &mut [(u32, Masker)], value: &str) -> anyhow::Result<Vec<Token>> {
    let tokens = maskers.iter_mut().map(|(key, masker)| {
        let mut token = Vec::new();
        masker.mask(value, &mut token)?;
        Ok(Token {
            key: *key,
            token: String::from_utf8(token)?,
        })
    });
    tokens.collect()
}

fn print(values: &[Vec<Token>], output: Output) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    match output {
        Output::Json => {
            let line = serde_json::to_string(values).map_err(io::Error::other)?;
            writeln!(stdout, "{line}")
        }
        Output::Text => {
            // No token holds a tab.
            for tokens in values {
                let tokens: Vec<_> = tokens.iter().map(|token| token.token.as_str()).collect();
                writeln!(stdout, "{}", tokens.join("\t"))?;
            }
            Ok(())
        }
    }
}
