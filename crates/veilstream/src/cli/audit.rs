//! `veilstream audit`: the trail of what was unmasked, shown of the quarantine, or replayed.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, Subcommand};
use comfy_table::{
    ColumnConstraint, ContentArrangement, Table, Width, presets::UTF8_FULL_CONDENSED,
};
use serde_json::json;
use veilstream::{
    audit::{
        Anchor, Entry,
        database::{self, VerifyError},
        file::{self, TrailFileError},
    },
    startup::reading,
};

use super::{
    TABLE_WIDTH,
    escaping::{escaped, escaped_json},
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, Output, at_most},
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List who opened what, when and why, the newest first
    List(List),
    /// Follow the chain of hashes from the first entry to the last
    Verify(Verify),
}

#[derive(Args)]
#[command(after_help = "\
Example:
  veilstream audit list --domain ip --output json | jq '.[] | .at + \" \" + .reason'

A token's fingerprint is the first 16 bytes of its SHA-256:
  printf %s \"$TOKEN\" | sha256sum | head -c 32
Of method `format`, of its symbols only: printf %s \"$TOKEN\" | tr -d ' ./:()+_-' | sha256sum | …
In domain `(quarantine)`: of `quarantine show`, of the entry's id; of `quarantine replay`, of the target \
table's name with its schema.")]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    database: DatabaseOptions,
    /// How many entries at the most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_most)]
    limit: i64,
    /// Only those of one domain
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
    /// A table for people, or one line with an array of objects for machines
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream audit verify                      # prints the newest entry as SEQ:HASH: keep it
  veilstream audit verify --expect 17:9f2c…    # finds later whether anything up to it is gone
  veilstream audit verify --file veilstream-audit.jsonl

Ends with 6 where the trail is broken (with 1 or 4 where it cannot be read), and names the first entry that is wrong. An end that was \
cut off is only found with --expect.")]
pub(super) struct Verify {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    database: DatabaseOptions,
    /// The trail of `unmask --offline` instead of the database's
    #[arg(long, value_name = "FILE")]
    file: Option<PathBuf>,
    /// An anchor that was noted earlier has to be in the chain
    #[arg(long, value_name = "SEQ:HASH")]
    expect: Option<Anchor>,
    /// How the result is written
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn execute(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List(arguments) => list(arguments).await,
        Command::Verify(arguments) => verify(arguments).await,
    }
}

async fn list(arguments: List) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let settings = arguments.database.settings(arguments.config)?;
    let client = reading(&settings.database()?).await?;
    let domain = arguments.domain.as_deref();
    let entries = database::newest(&client, domain, arguments.limit).await?;
    let mut stdout = io::stdout().lock();
    match arguments.output {
        Output::Json => {
            let line = serde_json::to_string(&entries).map_err(io::Error::other)?;
            writeln!(stdout, "{}", escaped_json(&line).as_str())?;
        }
        Output::Text if entries.is_empty() => match domain {
            Some(domain) => writeln!(
                stdout,
                "nothing was unmasked in a domain `{}`",
                escaped(domain).as_str()
            )?,
            None => writeln!(stdout, "nothing was unmasked")?,
        },
        Output::Text => writeln!(stdout, "{}", table(&entries))?,
    }
    Ok(Exit::Done)
}

async fn verify(arguments: Verify) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let verified = if let Some(path) = &arguments.file {
        file::verify(path, arguments.expect).map_err(not_verified)
    } else {
        let settings = arguments.database.settings(arguments.config)?;
        let client = reading(&settings.database()?).await?;
        let verified = database::verify(&client, arguments.expect).await;
        verified.map_err(Failure::from)
    };
    let mut stdout = io::stdout().lock();
    match (arguments.output, verified) {
        (Output::Text, Ok(newest)) => writeln!(
            stdout,
            "the trail is whole: {} {}\nnewest: {newest}",
            newest.seq,
            if newest.seq == 1 { "entry" } else { "entries" }
        )?,
        (Output::Json, Ok(newest)) => {
            let newest_anchor = newest.to_string();
            let line = json!({"ok": true, "entries": newest.seq, "newest": newest_anchor});
            writeln!(stdout, "{line}")?;
        }
        (Output::Json, Err(failure)) if failure.exit == Exit::Audit => {
            let line = json!({"ok": false, "broken": failure.error.to_string()});
            writeln!(stdout, "{line}")?;
            return Ok(Exit::Audit);
        }
        (Output::Json | Output::Text, Err(failure)) => return Err(failure),
    }
    Ok(Exit::Done)
}

/// A file that could not be read says nothing of the trail: that is no alarm.
fn not_verified(error: TrailFileError) -> Failure {
    match error {
        TrailFileError::Unusable { .. } => Failure::other(error),
        TrailFileError::OpenToOthers { .. }
        | TrailFileError::NotAnEntry { .. }
        | TrailFileError::CutOff { .. }
        | TrailFileError::Broken { .. }
        | TrailFileError::PerCall { .. } => error.into(),
    }
}

/// Entries as a table, times to the second and fingerprints short; all of it is in the JSON.
fn table(entries: &[Entry]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(TABLE_WIDTH);
    table.set_header([
        "entry, at (UTC)",
        "role, user",
        "action, domain",
        "tokens",
        "reason",
    ]);
    for entry in entries {
        let time = entry.at.to_string()[..19].replace('T', " ");
        let role = escaped(&entry.database_role);
        let user = escaped(&format!("{}@{}", entry.os_user, entry.host));
        let (action, domain) = (escaped(&entry.action), escaped(&entry.domain));
        table.add_row([
            format!("{}\n{time}", entry.seq),
            format!("{}\n{}", role.as_str(), user.as_str()),
            format!("{}\n{}", action.as_str(), domain.as_str()),
            tokens(entry),
            escaped(&entry.reason).to_string(),
        ]);
    }
    // Times, `(quarantine)` and the beginnings of fingerprints stay in one piece, with the blanks around.
    for (place, width) in [(0, 21), (2, 14), (3, 12)] {
        let column = table.column_mut(place).expect("there is a column");
        column.set_constraint(ColumnConstraint::LowerBoundary(Width::Fixed(width)));
    }
    table
}

/// How many, and the beginnings of the first ones' fingerprints.
fn tokens(entry: &Entry) -> String {
    let short = entry.fingerprints.iter().take(3);
    let short: Vec<_> = short
        .map(|one| format!("{}…", &one.to_string()[..8]))
        .collect();
    let more = if entry.fingerprints.len() > short.len() {
        " …"
    } else {
        ""
    };
    format!("{}: {}{more}", entry.tokens, short.join(" "))
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Database(error) => error.into(),
            error @ VerifyError::Broken(_) => Self::new(Exit::Audit, error),
        }
    }
}

impl From<TrailFileError> for Failure {
    fn from(error: TrailFileError) -> Self {
        Self::new(Exit::Audit, error)
    }
}
