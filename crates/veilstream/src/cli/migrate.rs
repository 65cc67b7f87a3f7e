//! `veilstream migrate`: schema `veilstream` and the target table.

use std::io::{self, Write};

use clap::Args;
use veilstream::{
    load::schema::{self, VERSION},
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
                        that exists is left as it is.\n\nExample:\n  veilstream migrate \
                        --database-url postgresql://localhost/app"
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    database: DatabaseOptions,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    let settings = arguments.database.settings(arguments.config)?;
    let client = connect(&settings.database()?).await?;
    let pipeline = &settings.configuration().pipeline;
    let migrated = schema::migrate(&client, pipeline).await?;

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
    Ok(Exit::Done)
}
