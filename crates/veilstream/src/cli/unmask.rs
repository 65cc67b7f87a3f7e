//! `veilstream unmask`: the values of tokens, with a reason and a trail.

use std::{
    io::{self, BufRead, IsTerminal, Write},
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use clap::Args;
use masking::{Keyset, UnmaskError, Unmasked};
use serde::Serialize;
use serde_json::json;
use veilstream::{
    audit::{
        Anchor, LONGEST_REASON, Opening,
        database::{self, AppendError},
        file,
    },
    load::{DatabaseError, key_set::KeySetError, schema},
    startup::{Settings, StartError, reading},
};
use zeroize::Zeroizing;

use super::{
    escaping::{escaped, escaped_json_of},
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, KeysetOptions, Output},
};

/// Where `--offline` leaves its trail unless it is told otherwise.
const TRAIL: &str = "veilstream-audit.jsonl";

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream unmask --reason 'ticket 4711' vs1s.AQ…
  psql -Atc 'SELECT masked_ip FROM user_logins' | veilstream unmask --reason 'ticket 4711'
  veilstream unmask --reason 'ticket 4711' --domain address 203.0.113.7

Every token is opened before the first value is printed: either all of them or none. Before that, \
who, when, why, domains and the tokens' fingerprints are written into veilstream.audit and \
committed; `veilstream audit list` shows them. Without the trail nothing is printed.

A value can hold whatever was sent, line breaks too: scripts use --output json. On a terminal, control \
characters are shown as \\u{1b}.")]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    #[command(flatten)]
    database: DatabaseOptions,
    /// Why; it stays in the trail and the log for good, so name a ticket rather than a person
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    reason: String,
    /// The tokens' domain; those of methods `ip` and `format` do not say it themselves
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// The key that made the tokens, if the domain has another one by now (`ip` and `format`)
    #[arg(long, value_name = "ID", requires = "domain")]
    key: Option<u32>,
    /// Ask no database: the trail is written to a local file, and the database has none
    #[arg(long)]
    offline: bool,
    /// The file for the trail of --offline [default: veilstream-audit.jsonl]
    #[arg(long, value_name = "FILE", requires = "offline")]
    trail: Option<PathBuf>,
    /// Values only, one a line, or one line with an array of objects for machines: token (its place
    /// in the call, from 1), domain, value
    #[arg(long, value_enum, default_value_t)]
    output: Output,
    /// Tokens; without any, standard input is read: one a line, or several with tabs between them
    #[arg(value_name = "TOKEN")]
    tokens: Vec<String>,
}

pub(super) fn reason(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        return Err("a reason has to be given".to_owned());
    }
    if text.chars().count() > LONGEST_REASON || text.contains('\0') {
        return Err(format!(
            "a reason has at most {LONGEST_REASON} characters, and no NUL"
        ));
    }
    Ok(text.to_owned())
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let database = arguments.database;
    let settings = arguments.keyset.settings_with(arguments.config, database)?;
    let keyset = settings.keyset().await?;
    let tokens = if arguments.tokens.is_empty() {
        // On a thread of its own: at a terminal, Ctrl-C has to end the wait for a line.
        tokio::task::spawn_blocking(read_lines)
            .await
            .map_err(Failure::other)??
    } else {
        arguments.tokens
    };
    // As `mask` prints the tokens of a value that has several.
    let tokens = tokens.iter().flat_map(|line| line.split('\t'));
    let tokens: Vec<_> = tokens.map(str::to_owned).collect();
    if tokens.is_empty() {
        return Ok(Exit::Done);
    }
    let values = open(&keyset, &tokens, arguments.domain.as_deref(), arguments.key)?;
    let mut opening = Opening::new(arguments.reason.clone());
    for unmasked in &values {
        opening.add(unmasked);
    }
    let entry = if arguments.offline {
        let trail = arguments.trail.unwrap_or_else(|| TRAIL.into());
        write_to_file(trail, opening).await?
    } else {
        write_to_database(&settings, &keyset, &opening).await?
    };
    let reason = arguments.reason;
    tracing::info!(tokens = tokens.len(), reason, entry = entry.seq, "unmasked");
    print(&values, arguments.output)?;
    Ok(Exit::Done)
}

/// Opens all of the tokens or none.
fn open(
    keyset: &Keyset,
    tokens: &[String],
    domain: Option<&str>,
    key: Option<u32>,
) -> Result<Vec<Unmasked>, Failure> {
    let mut unmasker = keyset.unmasker();
    let open = |(place, token): (usize, &String)| {
        let unmasked = match domain {
            Some(domain) => unmasker.unmask_in(domain, key, token),
            None => unmasker.unmask(token),
        };
        unmasked.map_err(|error| {
            let exit = match &error {
                UnmaskError::NotAToken
                | UnmaskError::NotOfDomain { .. }
                | UnmaskError::KeyNotAsked { .. }
                | UnmaskError::WhichKey { .. } => Exit::Usage,
                UnmaskError::UnknownKey { .. }
                | UnmaskError::Tampered { .. }
                | UnmaskError::NotCanonical { .. }
                | UnmaskError::OneWay { .. }
                | UnmaskError::OtherDomain { .. }
                | UnmaskError::UnknownDomain { .. }
                | UnmaskError::Destroyed { .. }
                | UnmaskError::UnusableKey { .. } => Exit::Keyset,
            };
            Failure::new(exit, anyhow!("token {}: {error}", place + 1))
        })
    };
    tokens.iter().enumerate().map(open).collect()
}

async fn write_to_database(
    settings: &Settings,
    keyset: &Keyset,
    opening: &Opening,
) -> Result<Anchor, Failure> {
    let write = async {
        let client = reading(&settings.database()?).await?;
        schema::end_reading(&client).await?;
        Ok::<_, StartError>(client)
    };
    let client = write.await.map_err(|error| {
        let hint = if let StartError::Database(DatabaseError::Connect(_)) = &error {
            ". Who holds the key set and has no database uses --offline"
        } else {
            ""
        };
        without_trail(Failure::from(error), hint)
    })?;
    let written = database::append(client, keyset, opening).await;
    written.map_err(|error| without_trail(Failure::from(error), ""))
}

async fn write_to_file(trail: PathBuf, opening: Opening) -> Result<Anchor, Failure> {
    let path = trail.clone();
    // It may wait for another process, which Ctrl-C has to end.
    let written = tokio::task::spawn_blocking(move || file::append(&path, &opening));
    let anchor = written
        .await
        .map_err(Failure::other)?
        .map_err(|error| without_trail(Failure::from(error), ""))?;
    say_offline(&trail);
    Ok(anchor)
}

/// Not a line of the log: it is said whatever the log's level is.
fn say_offline(trail: &Path) {
    let message = format!(
        "offline: the database has no trail of this; it is in {} only",
        trail.display()
    );
    let line = if logging::is_for_machines() {
        json!({"level": "WARN", "message": message}).to_string()
    } else {
        message
    };
    let _ = writeln!(io::stderr(), "{line}");
}

fn without_trail(failure: Failure, hint: &str) -> Failure {
    let Failure { exit, error } = failure;
    let error = anyhow!("nothing is unmasked without its trail: {error}{hint}");
    Failure { exit, error }
}

impl From<AppendError> for Failure {
    fn from(error: AppendError) -> Self {
        match error {
            AppendError::Database(error) | AppendError::KeySet(KeySetError::Database(error)) => {
                error.into()
            }
            AppendError::KeySet(error) => StartError::from(error).into(),
            error @ (AppendError::PerCall { .. } | AppendError::PerHour { .. }) => {
                Self::new(Exit::Audit, error)
            }
        }
    }
}

/// A value for machines.
#[derive(Serialize)]
struct Opened<'a> {
    /// The token's place in the call, from 1.
    token: usize,
    domain: &'a str,
    value: &'a str,
}

fn print(values: &[Unmasked], output: Output) -> io::Result<()> {
    let lines = match output {
        Output::Json => json_line(values)?,
        Output::Text => lines(values, io::stdout().is_terminal()),
    };
    let mut stdout = io::stdout().lock();
    stdout.write_all(lines.as_bytes())?;
    stdout.write_all(b"\n")?;
    stdout.flush()
}

/// In one piece, so that no copy is left behind by a growing buffer.
fn lines(values: &[Unmasked], on_terminal: bool) -> Zeroizing<String> {
    let shown: Vec<_> = values
        .iter()
        .map(|unmasked| {
            if on_terminal {
                escaped(&unmasked.value)
            } else {
                unmasked.value.clone()
            }
        })
        .collect();
    let length = shown.iter().map(|value| value.len() + 1).sum();
    let mut lines = Zeroizing::new(String::with_capacity(length));
    for (place, value) in shown.iter().enumerate() {
        if place > 0 {
            lines.push('\n');
        }
        lines.push_str(value);
    }
    lines
}

fn json_line(values: &[Unmasked]) -> io::Result<Zeroizing<String>> {
    let objects: Vec<_> = (1..)
        .zip(values)
        .map(|(token, unmasked)| Opened {
            token,
            domain: unmasked.domain.as_str(),
            value: &unmasked.value,
        })
        .collect();
    escaped_json_of(&objects)
}

fn read_lines() -> io::Result<Vec<String>> {
    let lines = io::stdin().lock().lines();
    let tokens = lines.map(|line| line.map(|line| line.trim().to_owned()));
    tokens
        .filter(|line| line.as_ref().map_or(true, |line| !line.is_empty()))
        .collect()
}
