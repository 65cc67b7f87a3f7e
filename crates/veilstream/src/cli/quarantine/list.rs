//! `veilstream quarantine list`.

use std::io::{self, Write};

use clap::Args;
use comfy_table::{ColumnConstraint, ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use veilstream::{
    load::quarantine::{self, Filter, Listed, State, Task, check_privileges},
    startup::reading,
};

use super::{StateOption, code, elsewhere, entries, reasons};
use crate::cli::{
    TABLE_WIDTH,
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, Output, at_most},
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
    /// Only those with this reason
    #[arg(long, value_name = "CODE", value_parser = code())]
    code: Option<String>,
    /// Those of all pipelines, not only of the configured one
    #[arg(long)]
    all_pipelines: bool,
    /// How many entries at the most
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = at_most)]
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
    let pipeline = &settings.configuration().pipeline.name;
    let filter = Filter {
        state: arguments.state.state(),
        reason: arguments.code,
        pipeline: (!arguments.all_pipelines).then(|| pipeline.clone()),
    };
    let listed = quarantine::list(&client, &filter, arguments.limit).await?;
    let mut stdout = io::stdout().lock();
    if arguments.output == Output::Json {
        let line = serde_json::to_string(&listed).map_err(io::Error::other)?;
        writeln!(stdout, "{line}")?;
        return Ok(Exit::Done);
    }
    if listed.is_empty() {
        let whose = match &filter.pipeline {
            Some(pipeline) => format!(" of pipeline {pipeline}"),
            None => String::new(),
        };
        match (&filter.reason, filter.state) {
            (None, Some(State::Open)) => writeln!(stdout, "nothing{whose} is open")?,
            (_, _) => writeln!(stdout, "no such entry{whose} is in quarantine")?,
        }
    } else {
        let counts = quarantine::count_by_reason(&client, &filter).await?;
        writeln!(stdout, "{}", table(&listed, &filter))?;
        writeln!(stdout, "{}", sum(&counts, listed.len()))?;
    }
    if filter.pipeline.is_some() {
        let others = quarantine::count_open_elsewhere(&client, pipeline).await?;
        if !others.is_empty() {
            let others = elsewhere(&others);
            writeln!(stdout, "also open (--all-pipelines): {others}")?;
        }
    }
    Ok(Exit::Done)
}

/// How many there are, of which reasons.
fn sum(counts: &[(String, i64)], shown: usize) -> String {
    let counts: Vec<(&str, u64)> = counts
        .iter()
        .map(|(reason, count)| (reason.as_str(), u64::try_from(*count).unwrap_or(0)))
        .collect();
    let all: u64 = counts.iter().map(|(_, count)| count).sum();
    let more = match shown {
        shown if all <= shown as u64 => String::new(),
        1 => " (the newest is shown)".to_owned(),
        shown => format!(" (the newest {shown} are shown)"),
    };
    format!("{}{more}{}", entries(all), reasons(counts.into_iter()))
}

/// Entries as a table, times to the second; all that is known of them is in the JSON.
fn table(listed: &[Listed], filter: &Filter) -> Table {
    let with_state = filter.state.is_none();
    let with_pipeline = filter.pipeline.is_none();
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED);
    table.set_content_arrangement(ContentArrangement::Dynamic);
    table.set_width(TABLE_WIDTH);
    let mut header = vec!["id, quarantined at (UTC)", "reason"];
    if with_state {
        header.push("state");
    }
    if with_pipeline {
        header.push("pipeline");
    }
    table.set_header(header);
    for entry in listed {
        let time = entry.quarantined_at[..19].replace('T', " ");
        let mut row = vec![format!("{}\n{time}", entry.id), reason(entry)];
        if with_state {
            row.push(entry.state.clone());
        }
        if with_pipeline {
            row.push(entry.pipeline.clone());
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
