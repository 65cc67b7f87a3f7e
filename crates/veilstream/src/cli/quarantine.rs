//! `veilstream quarantine`: rejected messages.

use std::io::{self, Write};

use clap::{Args, Subcommand};
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use veilstream::{
    load::{
        quarantine::{self, Listed},
        schema,
    },
    startup::connect,
};

use super::{
    TABLE_WIDTH,
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, Output},
};

#[derive(Subcommand)]
pub(super) enum Command {
    /// List what is in quarantine and why, the newest first
    List(List),
}

#[derive(Args)]
#[command(after_help = "Example:\n  veilstream quarantine list --output json | jq '.[].reason'")]
pub(super) struct List {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    database: DatabaseOptions,
    /// How many entries at the most
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// A table for people, or one line with an array of objects for machines
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn execute(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::List(arguments) => list(arguments).await,
    }
}

async fn list(arguments: List) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let settings = arguments.database.settings(arguments.config)?;
    let client = connect(&settings.database()?).await?;
    schema::begin_reading(&client).await?;
    schema::check(&client).await?;
    let entries = quarantine::list(&client, arguments.limit).await?;
    let mut stdout = io::stdout().lock();
    match arguments.output {
        Output::Json => {
            let line = serde_json::to_string(&entries).map_err(io::Error::other)?;
            writeln!(stdout, "{line}")?;
        }
        Output::Text if entries.is_empty() => writeln!(stdout, "the quarantine is empty")?,
        Output::Text => writeln!(stdout, "{}", table(&entries))?,
    }
    Ok(Exit::Done)
}

/// Entries as a table, times to the second; all that is known of them is in the JSON.
fn table(entries: &[Listed]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(TABLE_WIDTH);
    table.set_header(["quarantined at", "reason", "column", "id"]);
    for entry in entries {
        table.add_row([
            &entry.quarantined_at[..19].replace('T', " "),
            &entry.reason,
            entry.column.as_deref().unwrap_or("–"),
            &entry.id,
        ]);
    }
    // Reasons and ids stay in one piece, to be copied; a time is broken where its date ends.
    for column in [1, 3] {
        let column = table.column_mut(column).expect("there are four columns");
        column.set_constraint(ColumnConstraint::ContentWidth);
    }
    table
}
