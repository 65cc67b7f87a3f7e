//! Rows of login events by veilstream's own decoder and maskers, without queue and database.

use std::hint::black_box;

use anyhow::{Context, Result};
use clap::ValueEnum;
use masking::{Canonical, DomainSpec, Keyset, KeysetId, Method, Zeroizing};
use veilstream::{
    config::{Configuration, Mask},
    decode::{Decoder, Envelope},
    mask::Masking,
    sample::login_events,
};

/// Different events that take turns, a whole number of hundreds: one in a hundred is a stray one.
const EVENTS: usize = 1_000;
const ENVELOPE: Envelope<'static> = Envelope {
    message_id: "01234567-89ab-4def-8123-456789abcdef",
    sent_at_millis: 1_700_000_000_000,
};

/// How far it goes.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Until {
    Decoded,
    Masked,
}

/// Makes so many rows of the built-in pipeline; everything before the first is the same however
/// many there are.
pub(crate) fn make(until: Until, messages: usize) -> Result<()> {
    let columns = Configuration::builtin().pipeline.columns;
    let decoder = Decoder::new(&columns);
    let domains = columns.iter().filter_map(|column| match &column.mask {
        Some(Mask::Domain(mask)) => Some(DomainSpec {
            name: mask.domain.clone(),
            method: Method::Siv { padded: false },
            canonical: mask.canonical.unwrap_or(Canonical::Exact),
        }),
        Some(Mask::Redact(_) | Mask::Drop) | None => None,
    });
    // Keys for nothing but this: what the work takes does not depend on them.
    let keyset = Keyset::create(
        KeysetId::new([7; 8]),
        Zeroizing::new([7; 32]),
        "2026-01-31T12:00:00Z",
        domains.collect(),
        None,
    )?;
    let mut masking = Masking::new(&columns, &keyset)?;
    let events: Vec<_> = login_events().take(EVENTS).collect();
    let mut rows = 0;
    for event in events.iter().cycle().take(messages) {
        let decoded = decoder.decode(black_box(event), &ENVELOPE);
        rows += match (until, decoded) {
            (Until::Masked, Ok(decoded)) => usize::from(black_box(masking.apply(decoded)).is_ok()),
            (Until::Decoded, Ok(decoded)) => {
                black_box(decoded);
                1
            }
            (Until::Decoded | Until::Masked, Err(rejection)) => {
                black_box(rejection);
                0
            }
        };
    }
    (rows * 100 >= messages * 98)
        .then_some(())
        .with_context(|| format!("only {rows} rows of {messages} messages"))
}
