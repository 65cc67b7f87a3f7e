//! `veilstream keys add`, `add-ledger-key`, `promote` and `retire`.

use std::io::{self, Write};

use clap::Args;
use masking::{DomainSpec, Keyset, KeysetError};
use veilstream::keyset_file::Change;

use super::{create::now, file, names, of_file, of_keyset, random};
use crate::cli::{
    exit::{Exit, Failure},
    options::{ConfigOption, KeysetOptions},
};

#[derive(Args)]
#[command(after_help = "\
Example:
  veilstream keys add --keyset keyset.json
  veilstream keys promote 2 --keyset keyset.json     # when every worker has the file")]
pub(in crate::cli) struct Add {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
}

#[derive(Args)]
#[command(after_help = "\
Example:
  veilstream keys add-ledger-key --keyset keyset.json

For a key set that was made before there were ledger keys; `identity` in the configuration needs one
unless it is \"message_id\". It never rotates.")]
pub(in crate::cli) struct AddLedgerKey {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
}

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream keys promote 2                    # domains with method siv
  veilstream keys promote 2 --domain client    # one domain with method hmac, ip or format

Tokens made from now on differ from those that are stored. Distribute the file to every worker and
reader before, with the key still pending, so that nobody meets a token that he cannot open.")]
pub(in crate::cli) struct Promote {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// The key, as `veilstream keys list` shows it
    #[arg(value_name = "ID")]
    key: u32,
    /// Only this domain, whose method is hmac, ip or format: it stays on its key otherwise
    #[arg(long, value_name = "NAME")]
    domain: Option<String>,
}

#[derive(Args)]
#[command(
    after_help = "Example:\n  veilstream keys retire 2\n\nWhat was primary is retired by promoting another."
)]
pub(in crate::cli) struct Retire {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// The pending key, as `veilstream keys list` shows it
    #[arg(value_name = "ID")]
    key: u32,
}

pub(super) async fn add(arguments: Add) -> Result<Exit, Failure> {
    let file = file(arguments.config, arguments.keyset)?;
    let change = file.begin_change().await.map_err(of_file)?;
    let (root, another) = (random()?, random()?);
    let (keyset, key) = change
        .apply(|keyset| match keyset.add_key(root, &now()) {
            Err(KeysetError::KeyIdCollision { .. }) => keyset.add_key(another, &now()),
            added => added,
        })
        .await
        .map_err(of_file)?;
    writeln!(
        io::stdout(),
        "key {key} added, pending (generation {}): it opens tokens and makes none yet.\n\
         Distribute the file to every worker and reader, and restart them; then: veilstream keys promote {key}",
        keyset.generation()
    )?;
    Ok(Exit::Done)
}

pub(super) async fn add_ledger_key(arguments: AddLedgerKey) -> Result<Exit, Failure> {
    let file = file(arguments.config, arguments.keyset)?;
    let change = file.begin_change().await.map_err(of_file)?;
    let secret = random()?;
    let (keyset, ()) = change
        .apply(|keyset| keyset.add_ledger_key(secret))
        .await
        .map_err(of_file)?;
    writeln!(
        io::stdout(),
        "ledger key added (generation {}). Distribute the file to every worker before the configuration \
         asks for it.",
        keyset.generation()
    )?;
    Ok(Exit::Done)
}

pub(super) async fn promote(arguments: Promote) -> Result<Exit, Failure> {
    let file = file(arguments.config, arguments.keyset)?;
    let change = file.begin_change().await.map_err(of_file)?;
    match arguments.domain {
        None => promote_key(change, arguments.key).await,
        Some(domain) => promote_for(change, arguments.key, &domain).await,
    }
}

/// Every domain that follows the primary key masks with it from now on.
async fn promote_key(change: Change<'_>, key: u32) -> Result<Exit, Failure> {
    let change = change.apply(|keyset| keyset.promote(key));
    let (keyset, ()) = change.await.map_err(of_file)?;
    let (following, staying): (Vec<_>, Vec<_>) = keyset
        .domains()
        .partition(|domain| domain.method.follows_primary());
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "key {key} is primary (generation {}). What is masked with it from now on: {}.\n{CONSEQUENCES}",
        keyset.generation(),
        names(following.into_iter())
    )?;
    list_staying(&mut stdout, &keyset, key, &staying)?;
    Ok(Exit::Done)
}

/// One domain that does not follow the primary key masks with it from now on.
async fn promote_for(change: Change<'_>, key: u32, domain: &str) -> Result<Exit, Failure> {
    let change = change.apply(|keyset| {
        let before = keyset.masking_key(domain)?;
        keyset.promote_domain(key, domain).map(|()| before)
    });
    let (keyset, before) = change.await.map_err(of_file)?;
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "domain `{domain}` is masked with key {key} from now on (generation {}).\n{CONSEQUENCES}",
        keyset.generation()
    )?;
    let method = keyset.domain(domain).map(|domain| domain.method);
    if method.is_some_and(|method| method.is_reversible() && !method.is_marked()) {
        writeln!(
            stdout,
            "Its tokens do not say which key made them: note when the workers were restarted. Older ones open with\n  \
             veilstream unmask --domain {domain} --key {before}"
        )?;
    }
    Ok(Exit::Done)
}

const CONSEQUENCES: &str = "\
Tokens made from now on differ from those that are stored. What opened before still opens, and `veilstream mask`
prints the tokens of every key; but joins, GROUP BY and duplicate detection across the promotion need the stored
tokens to be rewritten. Running workers go on with the old key until they are restarted with this file.";

/// The domains that the promotion of a key leaves on the key that they have.
fn list_staying(
    stdout: &mut impl Write,
    keyset: &Keyset,
    key: u32,
    staying: &[&DomainSpec],
) -> Result<(), Failure> {
    let mut others = Vec::with_capacity(staying.len());
    for domain in staying {
        let masking = keyset
            .masking_key(domain.name.as_str())
            .map_err(of_keyset)?;
        if masking != key {
            others.push((domain, masking));
        }
    }
    if others.is_empty() {
        return Ok(());
    }
    writeln!(
        stdout,
        "These domains stay on the key that they have; to move one:"
    )?;
    for (domain, masking) in others {
        writeln!(
            stdout,
            "  veilstream keys promote {key} --domain {}    # method {}, on key {masking}",
            domain.name, domain.method
        )?;
    }
    Ok(())
}

pub(super) async fn retire(arguments: Retire) -> Result<Exit, Failure> {
    let key = arguments.key;
    let file = file(arguments.config, arguments.keyset)?;
    let change = file.begin_change().await.map_err(of_file)?;
    let (keyset, ()) = change
        .apply(|keyset| keyset.retire(key))
        .await
        .map_err(of_file)?;
    writeln!(
        io::stdout(),
        "key {key} only opens tokens from now on (generation {}).",
        keyset.generation()
    )?;
    Ok(Exit::Done)
}
