//! `veilstream mask`: the tokens of values.

use std::{
    fmt::Write as _,
    io::{self, BufRead, Write},
};

use clap::{Args, ValueEnum};
use masking::{Form, KeysetError, Masker};
use serde::Serialize;
use uuid::Uuid;
use zeroize::Zeroizing;

use super::{
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, KeysetOptions, Output},
};

#[derive(Args)]
#[command(after_help = "\
Example:
  TOKEN=$(veilstream mask --domain ip 199.172.111.135)
  psql -c \"SELECT * FROM user_logins WHERE masked_ip = ANY (string_to_array('$TOKEN', E'\\t'))\"

A process's arguments can be seen by others on the machine; standard input cannot:
  veilstream mask --domain ip < addresses.txt

A line a value. After a promotion a value has a token of each key that is or was in use: they stand on
its line with tabs between them, the one that is made today first. For columns of other types cast the
array: ::inet[], ::uuid[], ::bytea[].")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// The domain of the values
    #[arg(long, value_name = "NAME")]
    domain: String,
    /// The form of the tokens, by the type of the column to look in: text for text, varchar and inet
    #[arg(long, value_enum, default_value_t)]
    form: FormOption,
    /// Tokens only, or one line with an array of objects: key and token, one array a value
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Values in clear; without any, one a line is read from standard input
    #[arg(value_name = "VALUE")]
    values: Vec<String>,
}

/// How tokens are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum FormOption {
    /// As they stand in a text
    #[default]
    Text,
    /// For a bytea column: `\x` and hexadecimal digits
    Bytea,
    /// For a uuid column
    Uuid,
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
    let form = arguments.form;
    let maskers = keyset.maskers(&arguments.domain, form.into());
    let mut maskers = maskers.map_err(of_key_set)?;
    let clear = if arguments.values.is_empty() {
        // On a thread of its own: at a terminal, Ctrl-C has to end the wait for a line.
        tokio::task::spawn_blocking(read_lines)
            .await
            .map_err(Failure::other)??
    } else {
        arguments.values.into_iter().map(Zeroizing::new).collect()
    };
    let mut values = Vec::with_capacity(clear.len());
    for (place, value) in clear.iter().enumerate() {
        let tokens = tokens(&mut maskers, value, form).map_err(|error| {
            // The value itself is not repeated: it is personal.
            Failure::new(Exit::Usage, anyhow::anyhow!("value {}: {error}", place + 1))
        })?;
        values.push(tokens);
    }
    print(&values, arguments.output)?;
    Ok(Exit::Done)
}

/// Values are taken as they are, white space and all: canonical forms say what becomes of it.
fn read_lines() -> io::Result<Vec<Zeroizing<String>>> {
    let lines = io::stdin().lock().lines();
    lines.map(|line| line.map(Zeroizing::new)).collect()
}

fn tokens(
    maskers: &mut [(u32, Masker)],
    value: &str,
    form: FormOption,
) -> anyhow::Result<Vec<Token>> {
    let tokens = maskers.iter_mut().map(|(key, masker)| {
        let mut token = Vec::new();
        masker.mask(value, &mut token)?;
        Ok(Token {
            key: *key,
            token: form.write(token)?,
        })
    });
    tokens.collect()
}

impl FormOption {
    /// The token as PostgreSQL writes it in a column of the form.
    fn write(self, token: Vec<u8>) -> anyhow::Result<String> {
        Ok(match self {
            Self::Text => String::from_utf8(token)?,
            Self::Bytea => token.iter().fold("\\x".to_owned(), |mut text, byte| {
                let _ = write!(text, "{byte:02x}");
                text
            }),
            Self::Uuid => Uuid::from_slice(&token)?.to_string(),
        })
    }
}

impl From<FormOption> for Form {
    fn from(form: FormOption) -> Self {
        match form {
            FormOption::Text => Self::Text,
            FormOption::Bytea => Self::Bytes,
            FormOption::Uuid => Self::Uuid,
        }
    }
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
