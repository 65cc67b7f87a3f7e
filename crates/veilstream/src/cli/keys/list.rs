//! `veilstream keys list`.
//!
//! It opens the key set, as the commands do for which somebody looks at the list: what is not verified could
//! have been edited to have the wrong key destroyed.

use std::io::{self, Write};

use clap::Args;
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use masking::{DomainSpec, Keyset, Method, Wrapping};
use serde::Serialize;

use super::{of_file, of_keyset};
use crate::cli::{
    TABLE_WIDTH,
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, KeysetOptions, Output},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream keys list --keyset keyset.json
  veilstream keys list --output json | jq '.keys[] | select(.state == \"primary\").id'

The key set is opened and verified; no key is shown.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// Tables for people, or one line with an object for machines
    #[arg(long, value_enum, default_value_t)]
    output: Output,
}

/// A key set as it is shown: without keys.
#[derive(Serialize)]
struct Listed {
    id: String,
    generation: u64,
    wrapping: ListedWrapping,
    keys: Vec<ListedKey>,
    /// Whether there is one.
    ledger_key: bool,
    domains: Vec<ListedDomain>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum ListedWrapping {
    Plaintext,
    Passphrase,
    AwsKms { key: String },
}

#[derive(Serialize)]
struct ListedKey {
    id: u32,
    state: &'static str,
    created: String,
    /// The domains whose tokens are made with it.
    domains: Vec<String>,
}

#[derive(Serialize)]
struct ListedDomain {
    name: String,
    method: &'static str,
    canonical: &'static str,
    canonical_version: u32,
    /// Of method `siv`.
    padded: Option<bool>,
    /// Of method `format`, and so is the length.
    alphabet: Option<&'static str>,
    length: Option<u16>,
    /// The key that its tokens are made with.
    key: u32,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(arguments.output)?;
    let settings = arguments.keyset.settings(arguments.config)?;
    let keyset = settings.keyset_file()?.open().await.map_err(of_file)?;
    let listed = Listed::new(&keyset)?;
    let mut stdout = io::stdout().lock();
    match arguments.output {
        Output::Json => {
            let line = serde_json::to_string(&listed).map_err(io::Error::other)?;
            writeln!(stdout, "{line}")?;
        }
        Output::Text => listed.print(&mut stdout)?,
    }
    Ok(Exit::Done)
}

impl Listed {
    fn new(keyset: &Keyset) -> Result<Self, Failure> {
        let domains = keyset.domains().map(|domain| {
            let key = keyset
                .masking_key(domain.name.as_str())
                .map_err(of_keyset)?;
            Ok(ListedDomain::new(domain, key))
        });
        let domains: Vec<_> = domains.collect::<Result<_, Failure>>()?;
        let of_key = |id| {
            let masked = domains.iter().filter(move |domain| domain.key == id);
            masked.map(|domain| domain.name.clone()).collect()
        };
        let keys = keyset.keys().map(|key| ListedKey {
            id: key.id,
            state: key.state.as_str(),
            created: key.created.to_owned(),
            domains: of_key(key.id),
        });
        Ok(Self {
            id: keyset.id().to_string(),
            generation: keyset.generation(),
            wrapping: match keyset.wrapping() {
                None => ListedWrapping::Plaintext,
                Some(Wrapping::Passphrase(_)) => ListedWrapping::Passphrase,
                Some(Wrapping::Kms(kms)) => ListedWrapping::AwsKms {
                    key: kms.key().to_owned(),
                },
            },
            keys: keys.collect(),
            ledger_key: keyset.has_ledger_key(),
            domains,
        })
    }

    fn print(&self, stdout: &mut impl Write) -> io::Result<()> {
        writeln!(
            stdout,
            "key set {}, generation {}",
            self.id, self.generation
        )?;
        match &self.wrapping {
            ListedWrapping::Plaintext => writeln!(stdout, "keys in clear")?,
            ListedWrapping::Passphrase => writeln!(stdout, "keys wrapped by a passphrase")?,
            ListedWrapping::AwsKms { key } => {
                writeln!(stdout, "keys wrapped by AWS KMS, key\n{key}")?;
            }
        }
        if self.ledger_key {
            writeln!(stdout, "ledger key: there is one; it never rotates")?;
        } else {
            writeln!(
                stdout,
                "ledger key: none; `veilstream keys add-ledger-key` makes one"
            )?;
        }
        let mut keys = table(&["key", "state", "created", "makes the tokens of"]);
        for key in &self.keys {
            // To the second.
            let created = key.created.get(..19).unwrap_or(&key.created);
            keys.add_row([
                key.id.to_string(),
                key.state.to_owned(),
                created.replace('T', " "),
                key.domains.join(", "),
            ]);
        }
        let mut domains = table(&["domain", "method", "canonical form", "key"]);
        for domain in &self.domains {
            domains.add_row([
                domain.name.clone(),
                domain.described(),
                format!("{}, version {}", domain.canonical, domain.canonical_version),
                domain.key.to_string(),
            ]);
        }
        writeln!(stdout, "{keys}\n{domains}")
    }
}

fn table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table
        .load_style(UTF8_FULL_CONDENSED)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_width(TABLE_WIDTH)
        .set_header(header);
    table
}

impl ListedDomain {
    fn new(domain: &DomainSpec, key: u32) -> Self {
        let (padded, format) = match domain.method {
            Method::Siv { padded } => (Some(padded), None),
            Method::Hmac | Method::Ip => (None, None),
            Method::Format(format) => (None, Some(format)),
        };
        Self {
            name: domain.name.to_string(),
            method: domain.method.name(),
            canonical: domain.canonical.as_str(),
            canonical_version: domain.canonical.version(),
            padded,
            alphabet: format.map(|format| format.alphabet().as_str()),
            length: format.map(masking::Format::shortest),
            key,
        }
    }

    fn described(&self) -> String {
        match (self.padded, self.alphabet, self.length) {
            (Some(true), ..) => format!("{}, padded", self.method),
            (_, Some(alphabet), Some(length)) => {
                format!("{}, {alphabet}, {length} at least", self.method)
            }
            _ => self.method.to_owned(),
        }
    }
}
