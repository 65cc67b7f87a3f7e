//! `veilstream quarantine list`.

use std::io::{self, Write};

use clap::Args;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use veilstream::{
    load::quarantine::{self, Filter, Listed, State, Task, check_privileges},
    startup::reading,
};

use super::{StateOption, entries, reasons};
use crate::cli::{
    TABLE_WIDTH,
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, Output},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream quarantine list
  veilstream quarantine list --code missing_field --limit 10
  veilstream quarantine list --state all --output json | jq '.[].reason'")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    database: DatabaseOptions,
    /// Entries of which state
    #[arg(long, value_enum, default_value_t)]
    state: StateOption,
    /// Only those with this reason, such as `missing_field`
    #[arg(long, value_name = "CODE")]
    code: Option<String>,
    /// How many entries at the most
    #[arg(long, value_name = "N", default_value_t = 100,
          value_parser = clap::value_parser!(i64).range(1..))]
    limit: i64,
    /// A table for people, or one line with an array of objects for machines
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let settings = arguments.database.settings(arguments.config)?;
    let client = reading(&settings.database()?).await?;
    check_privileges(&client, Task::List).await?;
    let filter = Filter {
        state: arguments.state.state(),
        reason: arguments.code,
    };
    let listed = quarantine::list(&client, &filter, arguments.limit).await?;
    if arguments.output == Output::Json {
        let line = serde_json::to_string(&listed).map_err(io::Error::other)?;
        writeln!(io::stdout(), "{line}")?;
        return Ok(Exit::Done);
    }
    let mut stdout = io::stdout().lock();
    if listed.is_empty() {
        match (&filter.reason, filter.state) {
            (None, None | Some(State::Open)) => writeln!(stdout, "the quarantine is empty")?,
            (_, _) => writeln!(stdout, "no such entry is in quarantine")?,
        }
        return Ok(Exit::Done);
    }
    let counts = quarantine::count_by_reason(&client, &filter).await?;
    writeln!(stdout, "{}", table(&listed, filter.state.is_none()))?;
    let counts: Vec<(&str, u64)> = counts
        .iter()
        .map(|(reason, count)| (reason.as_str(), u64::try_from(*count).unwrap_or(0)))
        .collect();
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let more = if all > listed.len() as u64 {
        format!(" (the newest {} are shown)", listed.len())
    } else {
        String::new()
    };
    let by_reason = reasons(counts.into_iter());
    writeln!(stdout, "{}: {by_reason}{more}", entries(all))?;
    Ok(Exit::Done)
}

/// Entries as a table, times to the second; all that is known of them is in the JSON.
fn table(listed: &[Listed], with_state: bool) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(TABLE_WIDTH);
    let mut header = vec!["id, quarantined at", "reason"];
    if with_state {
        header.push("state");
    }
    table.set_header(header);
    for entry in listed {
        let time = entry.quarantined_at[..19].replace('T', " ");
        let mut row = vec![format!("{}\n{time}", entry.id), reason(entry)];
        if with_state {
            row.push(entry.state.clone());
        }
        table.add_row(row);
    }
    // Ids stay in one piece, to be copied.
    let ids = table.column_mut(0).expect("there is a column");
    ids.set_constraint(ColumnConstraint::ContentWidth);
    table
}

/// The code, and below it what it is about.
fn reason(entry: &Listed) -> String {
    let column = entry.column.clone();
    let sqlstate = entry.sqlstate.as_ref();
    let sqlstate = sqlstate.map(|code| format!("SQLSTATE {code}"));
    let about: Vec<_> = column.into_iter().chain(sqlstate).collect();
    if about.is_empty() {
        entry.reason.clone()
    } else {
        format!("{}\n{}", entry.reason, about.join(", "))
    }
}
