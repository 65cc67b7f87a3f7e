//! `veilstream keys`: key sets.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use anyhow::anyhow;
use clap::{Args, Subcommand};
use jiff::Timestamp;
use masking::{Canonical, DomainSpec, Keyset, KeysetId, Method, Zeroizing};
use veilstream::keyset_file;

use super::exit::{Exit, Failure};

#[derive(Subcommand)]
pub(super) enum Command {
    /// Create a key set with a new random key; a file that exists is never overwritten
    Create(Create),
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream keys create keyset.json --plaintext
  veilstream keys create keyset.json --plaintext --domain ip --domain device_id --domain client:ip

Keep a copy in a safe place: who loses the key set can never unmask, nor mask alike, again.")]
pub(super) struct Create {
    /// The file to write, with mode 0600
    file: PathBuf,
    /// Store the root key in clear: who can read the file can unmask
    #[arg(long, required = true)]
    plaintext: bool,
    /// A domain, as NAME or NAME:FORM; forms are `exact` and `ip`, domain `ip` has form `ip` by
    /// itself [default: ip and `device_id`]
    #[arg(long = "domain", value_name = "NAME", value_parser = domain)]
    domains: Vec<DomainSpec>,
}

pub(super) fn execute(command: Command) -> Result<Exit, Failure> {
    match command {
        Command::Create(arguments) => create(arguments),
    }
}

fn create(arguments: Create) -> Result<Exit, Failure> {
    let keyset = generate(arguments.domains)?;
    keyset_file::create(&arguments.file, &keyset)
        .map_err(|error| Failure::new(Exit::Keyset, error))?;
    let domains: Vec<_> = keyset
        .domains()
        .map(|domain| domain.name.to_string())
        .collect();
    writeln!(
        io::stdout(),
        "{} created, readable by you only, with domains {}",
        arguments.file.display(),
        domains.join(", ")
    )?;
    Ok(Exit::Done)
}

/// A key set with a random root key; without domains named, those of the built-in pipeline.
pub(super) fn generate(mut domains: Vec<DomainSpec>) -> Result<Keyset, Failure> {
    if domains.is_empty() {
        domains = ["ip", "device_id"]
            .map(|name| domain(name).expect("valid names"))
            .to_vec();
    }
    let mut root = Zeroizing::new([0; 32]);
    let mut id = [0; 8];
    getrandom::fill(&mut *root)
        .and_then(|()| getrandom::fill(&mut id))
        .map_err(|error| Failure::other(anyhow!("the system gives no random bytes: {error}")))?;
    let created = Timestamp::now().to_string();
    Keyset::create(KeysetId::new(id), root, &created, domains, None)
        .map_err(|error| Failure::new(Exit::Keyset, error))
}

fn domain(text: &str) -> Result<DomainSpec, String> {
    let (name, form) = match text.split_once(':') {
        Some((name, form)) => (name, form),
        None if text == "ip" => ("ip", "ip"),
        None => (text, "exact"),
    };
    Ok(DomainSpec {
        name: name.parse().map_err(|error| format!("{error}"))?,
        method: Method::Siv { padded: false },
        canonical: form
            .parse::<Canonical>()
            .map_err(|error| format!("{error}"))?,
    })
}
