//! `veilstream keys create`.

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use clap::Args;
use jiff::Timestamp;
use masking::{DomainSpec, Keyset, KeysetId, Lock, Wrapping};
use veilstream::{
    keyset_file::{self, KmsArn, PassphraseSource},
    startup::environment,
};

use super::{domain, names, of_file, of_keyset, random};
use crate::cli::{
    exit::{Exit, Failure},
    logging,
    options::{Output, any_path},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream keys create keyset.json                 # asks for a passphrase, twice
  veilstream keys create keyset.json --passphrase-file /run/secrets/passphrase
  veilstream keys create keyset.json --kms arn:aws:kms:eu-central-1:123456789012:key/1234abcd-…
  veilstream keys create keyset.json --plaintext --domain ip --domain device_id --domain client:ip

Domains of other methods than siv are added with `veilstream keys add-domain`. Without --kms,
--passphrase-file and --plaintext the passphrase is that of VEILSTREAM_PASSPHRASE_FILE or
VEILSTREAM_PASSPHRASE; where neither is set, a terminal is asked.
Keep a copy in a safe place: who loses the key set can never unmask, nor mask alike, again.")]
pub(in crate::cli) struct Arguments {
    /// The file to write, with mode 0600
    file: PathBuf,
    /// Wrap the keys with this key of AWS KMS: who may use that can unmask
    #[arg(long, value_name = "KEY_ARN", group = "wrapping")]
    kms: Option<KmsArn>,
    /// Wrap the keys by the passphrase in this file, of 12 characters or more
    #[arg(long, value_name = "FILE", group = "wrapping", value_parser = any_path())]
    passphrase_file: Option<PathBuf>,
    /// Store the keys in clear: who can read the file can unmask
    #[arg(long, group = "wrapping")]
    plaintext: bool,
    /// A domain with method siv, as NAME or NAME:FORM; forms are exact, ip, email, uuid, phone and
    /// text, domain `ip` has form ip by itself [default: ip and `device_id`]
    #[arg(long = "domain", value_name = "NAME", value_parser = domain::named)]
    domains: Vec<DomainSpec>,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    let path = &arguments.file;
    keyset_file::refuse_existing(path).map_err(of_file)?;
    let id = KeysetId::new(*random()?);
    // Who has mistyped a domain learns it before being asked for a passphrase.
    new_keyset(id, &arguments.domains, None)?;
    let lock = if arguments.plaintext {
        None
    } else if let Some(arn) = arguments.kms {
        Some(keyset_file::lock_with_kms(arn, id).await.map_err(of_file)?)
    } else {
        Some(lock_with_passphrase(arguments.passphrase_file, path).await?)
    };
    let keyset = new_keyset(id, &arguments.domains, lock)?;
    keyset_file::create(path, &keyset).map_err(of_file)?;
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "{} created, readable by you only, with domains {}",
        path.display(),
        names(keyset.domains())
    )?;
    match keyset.wrapping() {
        None => {}
        Some(Wrapping::Passphrase(_)) => writeln!(
            stdout,
            "It opens with the passphrase only: keep both, and apart from each other."
        )?,
        Some(Wrapping::Kms(kms)) => writeln!(
            stdout,
            "It opens with kms:Decrypt on {} only: when that key is deleted, so is this key set.",
            kms.key()
        )?,
    }
    Ok(Exit::Done)
}

async fn lock_with_passphrase(file: Option<PathBuf>, path: &Path) -> Result<Lock, Failure> {
    let named = file.or_else(|| environment("VEILSTREAM_PASSPHRASE_FILE").map(PathBuf::from));
    let source = PassphraseSource::resolve(named, None);
    if !source.is_at_hand() {
        let error = anyhow!(
            "say what is to protect the keys: --kms KEY_ARN (a key of AWS KMS), --passphrase-file FILE, or \
             --plaintext (who can read the file can unmask); on a terminal a passphrase would be asked for"
        );
        return Err(Failure::new(Exit::Usage, error));
    }
    let passphrase = source.choose(path).await;
    let passphrase = passphrase.map_err(|error| of_file(error.into()))?;
    let lock = keyset_file::lock_with_passphrase(&passphrase, *random()?);
    lock.await.map_err(of_file)
}

/// A key set in clear for the demo, which deletes it at its end; with the domains of the built-in pipeline.
pub(in crate::cli) fn throw_away() -> Result<Keyset, Failure> {
    new_keyset(KeysetId::new(*random()?), &[], None)
}

/// A key set with a random root and ledger key; without domains named, those of the built-in pipeline.
fn new_keyset(id: KeysetId, domains: &[DomainSpec], lock: Option<Lock>) -> Result<Keyset, Failure> {
    let domains = if domains.is_empty() {
        ["ip", "device_id"]
            .map(|name| domain::named(name).expect("valid names"))
            .to_vec()
    } else {
        domains.to_vec()
    };
    let keyset = Keyset::create(id, random()?, &now(), domains, lock).map_err(of_keyset)?;
    Ok(keyset.with_ledger_key(random()?))
}

/// The time of day, as key sets keep it.
pub(super) fn now() -> String {
    Timestamp::now().to_string()
}
