//! `veilstream migrate`: schema `veilstream` and the target table.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::Args;
use tokio_postgres::Client;
use veilstream::{
    config::Pipeline,
    load::{
        key_set,
        quarantine::{self, Filter, State},
        schema::{self, VERSION},
    },
    startup::connect,
};

use super::{
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, DatabaseOptions, Output},
};

#[derive(Args)]
#[command(
    after_help = "The target table is that of VEILSTREAM_CONFIG, or `user_logins`. A table \
                        that exists is left as it is.\n\nExamples:\n  veilstream migrate \
                        --database-url postgresql://localhost/app\n  veilstream migrate \
                        --new-key-set   # the old one is lost, or the old tokens are gone"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    database: DatabaseOptions,
    /// Let the next run begin with another key set on the target table: old and new tokens of equal
    /// values will differ, and the old ones open only with the old key set. Stop every worker of this
    /// table first; one that still runs goes on with the old key set
    #[arg(long)]
    new_key_set: bool,
    /// Do so although entries of the configured pipeline are open in quarantine: `replay` will not open
    /// their originals any more, `show` only with the old key set
    #[arg(long, requires = "new_key_set")]
    keep_quarantine: bool,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    let settings = arguments.database.settings(arguments.config)?;
    let client = connect(&settings.database()?).await?;
    let pipeline = &settings.configuration().pipeline;
    let migrated = schema::migrate(&client, pipeline).await?;

    if arguments.new_key_set && !arguments.keep_quarantine {
        refuse_open_entries(&client, pipeline).await?;
    }
    let unbound = if arguments.new_key_set {
        Some(key_set::unbind(&client, &pipeline.table).await?)
    } else {
        None
    };

    let mut stdout = io::stdout().lock();
    match migrated.from {
        Some(VERSION) => writeln!(
            stdout,
            "schema veilstream is up to date (version {VERSION})"
        )?,
        Some(from) => {
            writeln!(
                stdout,
                "schema veilstream: from version {from} to {VERSION}"
            )?;
        }
        None => writeln!(stdout, "schema veilstream created (version {VERSION})")?,
    }
    match migrated.created {
        Some(table) => writeln!(stdout, "table {table} created")?,
        None => writeln!(
            stdout,
            "table {} exists and is left as it is",
            pipeline.table
        )?,
    }
    if unbound.is_some() {
        writeln!(
            stdout,
            "stop every worker of this table first; one that still runs goes on with the old key set"
        )?;
    }
    match unbound {
        None => {}
        Some(None) => writeln!(
            stdout,
            "table {} holds tokens of no key set yet: the first run decides",
            pipeline.table
        )?,
        Some(Some(old)) => writeln!(
            stdout,
            "table {} is free for the key set that the next run brings. If that is another one than {} \
             (since {}), the tokens in the table will not match the new ones, and open only with the key \
             set that made them: keep it",
            pipeline.table, old.key_set, old.since
        )?,
    }
    Ok(Exit::Done)
}

/// Under another key set nothing replays what this one has sealed.
async fn refuse_open_entries(client: &Client, pipeline: &Pipeline) -> Result<(), Failure> {
    let filter = Filter {
        state: Some(State::Open),
        reason: None,
        pipeline: Some(pipeline.name.clone()),
    };
    schema::begin_reading(client).await?;
    let counts = quarantine::count_by_reason(client, &filter).await?;
    schema::end_reading(client).await?;
    let open = match counts.iter().map(|(_, count)| count).sum::<i64>() {
        0 => return Ok(()),
        1 => "1 open entry".to_owned(),
        open => format!("{open} open entries"),
    };
    let name = &pipeline.name;
    let error = anyhow!(
        "{open} of pipeline {name} would not be replayed under another key set: first `veilstream \
         quarantine replay --all`, or discard what nobody needs. With --keep-quarantine it goes on; \
         what is open then opens only with the old key set (`quarantine show`). Table {} keeps its key set",
        pipeline.table
    );
    Err(Failure::new(Exit::Usage, error))
}
