//! `veilstream keys export`.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use clap::{Args, ValueEnum};
use veilstream::keyset_file;

use super::{file, of_file, of_keyset};
use crate::cli::{
    exit::{Exit, Failure},
    options::{ConfigOption, KeysetOptions},
};

#[derive(Args)]
#[command(after_help = "\
Example:
  veilstream keys export --domain email --format tink email-tink.json

Tink's deterministic AEAD opens with it what is behind the dot of a token, with empty associated data.
The file holds keys IN CLEAR, whatever wraps the key set: who reads it can unmask the domain, without a trail.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// The domain; its method has to be siv
    #[arg(long, value_name = "NAME")]
    domain: String,
    /// How the keys are written
    #[arg(long, value_enum)]
    format: Format,
    /// The file to write, with mode 0600; one that exists is never overwritten
    file: PathBuf,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A key set of Google Tink in JSON, without encryption
    Tink,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    let path = &arguments.file;
    let file = file(arguments.config, arguments.keyset)?;
    keyset_file::refuse_existing(path).map_err(of_file)?;
    let keyset = file.open().await.map_err(of_file)?;
    let json = match arguments.format {
        Format::Tink => keyset.tink_json(&arguments.domain).map_err(of_keyset)?,
    };
    keyset_file::create_private(path, json.as_bytes()).map_err(of_file)?;
    writeln!(
        io::stdout(),
        "{} written, readable by you only. It holds the keys of domain `{}` IN CLEAR: who reads it can unmask \
         the domain, without a trail.",
        path.display(),
        arguments.domain
    )?;
    Ok(Exit::Done)
}
