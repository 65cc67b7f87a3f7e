//! `veilstream mask`: the tokens of values.

use std::io::{self, Write};

use clap::Args;

use super::{
    exit::{Exit, Failure},
    logging,
    options::{ConfigOption, KeysetOptions, Output},
};

#[derive(Args)]
#[command(
    after_help = "Example:\n  TOKEN=$(veilstream mask --domain ip 199.172.111.135)\n  \
                        psql -c \"SELECT * FROM user_logins WHERE masked_ip = '$TOKEN'\""
)]
pub(super) struct Arguments {
    #[command(flatten)]
    config: ConfigOption,
    #[command(flatten)]
    keyset: KeysetOptions,
    /// The domain of the values
    #[arg(long, value_name = "NAME")]
    domain: String,
    /// Values in clear
    #[arg(required = true, value_name = "VALUE")]
    values: Vec<String>,
}

pub(super) fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    let of_key_set = |error| Failure::new(Exit::Keyset, error);
    let keyset = arguments.keyset.settings(arguments.config)?.keyset()?;
    let mut masker = keyset
        .masker(&arguments.domain, masking::Form::Text)
        .map_err(of_key_set)?;
    let mut tokens = Vec::new();
    for (place, value) in arguments.values.iter().enumerate() {
        masker.mask(value, &mut tokens).map_err(|error| {
            // The value itself is not repeated: it is personal.
            Failure::new(Exit::Usage, anyhow::anyhow!("value {}: {error}", place + 1))
        })?;
        tokens.push(b'\n');
    }
    io::stdout().lock().write_all(&tokens)?;
    Ok(Exit::Done)
}
