//! Domains on the command line, and `veilstream keys add-domain`.

use std::io::{self, Write};

use anyhow::anyhow;
use clap::{Args, ValueEnum};
use masking::{Alphabet, Canonical, DomainName, DomainSpec, Format, Method};

use super::{file, of_file};
use crate::cli::{
    exit::{Exit, Failure},
    options::{ConfigOption, KeysetOptions},
};

#[derive(Args)]
#[command(after_help = "\
Examples:
  veilstream keys add-domain email --canonical email --padded
  veilstream keys add-domain newsletter --method hmac --canonical email
  veilstream keys add-domain client --method ip
  veilstream keys add-domain ssn --method format --alphabet digits --length 9

A domain masks with the primary key. Neither its method nor its form can be changed later.")]
pub(in crate::cli) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// Its name: a lower-case letter, then lower-case letters, digits, `_` and `-`
    #[arg(value_name = "NAME", value_parser = parsed::<DomainName>)]
    name: DomainName,
    /// How its values are masked
    #[arg(long, value_enum, default_value_t)]
    method: MethodName,
    /// The one spelling that values are brought to: exact, ip, email, uuid, phone or text [default:
    /// exact; ip with method ip and for the name ip]
    #[arg(long, value_name = "FORM", value_parser = parsed::<Canonical>)]
    canonical: Option<Canonical>,
    /// Method siv: pad values to a multiple of 16 bytes, so that a token's length tells less
    #[arg(long)]
    padded: bool,
    /// Method format: the symbols that are masked: digits, hex, lower, upper, letters or alphanumeric;
    /// separators such as `-` stay where they are
    #[arg(long, value_name = "ALPHABET", value_parser = parsed::<Alphabet>)]
    alphabet: Option<Alphabet>,
    /// Method format: how many such symbols a value has at least [default: the fewest that have a
    /// million values, such as 6 digits]
    #[arg(long, value_name = "N")]
    length: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
enum MethodName {
    /// AES-SIV tokens, reversible
    #[default]
    Siv,
    /// One-way tokens, all of one length
    Hmac,
    /// An address for an address, reversible
    Ip,
    /// A text of the same length and alphabet, reversible
    Format,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    let usage = |error: String| Failure::new(Exit::Usage, anyhow!(error));
    let spec = arguments.spec().map_err(usage)?;
    let file = file(arguments.config, arguments.keyset)?;
    let change = file.begin_change().await.map_err(of_file)?;
    let added = spec.clone();
    let (keyset, ()) = change
        .apply(|keyset| keyset.add_domain(added))
        .await
        .map_err(of_file)?;
    writeln!(
        io::stdout(),
        "domain `{}` added with method {} and canonical form {} (generation {}).\n\
         Distribute the file to every worker, and restart them, before a configuration names the domain.",
        spec.name,
        spec.method,
        spec.canonical,
        keyset.generation()
    )?;
    Ok(Exit::Done)
}

impl Arguments {
    /// The domain, or what does not go together.
    fn spec(&self) -> Result<DomainSpec, String> {
        let method = self.method()?;
        let address = method == Method::Ip || self.name.as_str() == "ip";
        let by_itself = if address && !matches!(method, Method::Format(_)) {
            Canonical::Ip
        } else {
            Canonical::Exact
        };
        let canonical = self.canonical.unwrap_or(by_itself);
        method.check(canonical).map_err(|error| error.to_string())?;
        Ok(DomainSpec {
            name: self.name.clone(),
            method,
            canonical,
        })
    }

    fn method(&self) -> Result<Method, String> {
        if self.padded && self.method != MethodName::Siv {
            return Err("--padded goes with method siv: of hmac all tokens have one length, and ip and format \
                        keep the length of the value"
                .to_owned());
        }
        let for_format = self.alphabet.is_some() || self.length.is_some();
        if for_format && self.method != MethodName::Format {
            return Err("--alphabet and --length go with --method format".to_owned());
        }
        match self.method {
            MethodName::Siv => Ok(Method::Siv {
                padded: self.padded,
            }),
            MethodName::Hmac => Ok(Method::Hmac),
            MethodName::Ip => Ok(Method::Ip),
            MethodName::Format => {
                let alphabet = self.alphabet.ok_or(
                    "method format needs --alphabet: digits, hex, lower, upper, letters or alphanumeric",
                )?;
                let format = Format::new(alphabet, self.length);
                Ok(Method::Format(format.map_err(|error| error.to_string())?))
            }
        }
    }
}

/// A domain with method `siv`, as NAME or NAME:FORM.
pub(super) fn named(text: &str) -> Result<DomainSpec, String> {
    let (name, form) = match text.split_once(':') {
        Some((name, form)) => (name, form),
        None if text == "ip" => ("ip", "ip"),
        None => (text, "exact"),
    };
    Ok(DomainSpec {
        name: parsed(name)?,
        method: Method::Siv { padded: false },
        canonical: parsed(form)?,
    })
}

fn parsed<T: std::str::FromStr<Err: std::fmt::Display>>(text: &str) -> Result<T, String> {
    text.parse().map_err(|error: T::Err| error.to_string())
}
