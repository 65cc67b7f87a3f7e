//! How many values a second one core masks, by each method.

use std::{hint::black_box, time::Duration};

use anyhow::Result;
use masking::{Alphabet, Canonical, DomainSpec, Form, Format, Keyset, KeysetId, Method, Zeroizing};
use veilstream::sample::login_events;

use crate::{
    figures::Figures,
    section::{Column, Row, Section},
    thread_time::thread_time,
};

/// Different values that take turns: more than a branch predictor learns, few enough for the cache.
const VALUES: u32 = 1024;
/// A measurement goes on for so much CPU time at least.
const LEAST: Duration = Duration::from_millis(400);

/// A line of the report.
struct Line {
    name: &'static str,
    values: Vec<String>,
    method: Method,
    canonical: Canonical,
}

/// Each method over so many runs.
pub(crate) fn measure(runs: usize) -> Result<Section> {
    let lines = lines()?;
    let keyset = keyset(&lines)?;
    let mut rows = Vec::new();
    for (number, line) in lines.iter().enumerate() {
        let mut masker = keyset.masker(&domain(number), Form::Text)?;
        let mut token = Vec::new();
        let figures = values_per_second(runs, &line.values, |value| {
            token.clear();
            masker.mask(black_box(value), &mut token)?;
            black_box(&token);
            Ok(())
        })?;
        rows.push(Row::new(line.name, [figures]));
    }
    let events: Vec<_> = login_events().take(VALUES as usize).collect();
    let mut sealer = keyset.sealer();
    let mut nonce = [0_u8; 16];
    let figures = values_per_second(runs, &events, |event| {
        nonce[0] = nonce[0].wrapping_add(1);
        let sealed = sealer.seal(&nonce, &[b"row", b"queue"], black_box(event).as_bytes());
        black_box(sealed?);
        Ok(())
    })?;
    rows.push(Row::new(
        "sealing a login event for the quarantine",
        [figures],
    ));
    Ok(Section {
        name: String::new(),
        title: "Masking, on one core",
        note: "How many values a second of CPU time are masked.".to_owned(),
        subject: "method",
        columns: vec![Column::new("speed", "values/s")],
        rows,
        goals: Vec::new(),
    })
}

fn lines() -> Result<Vec<Line>> {
    let values = |value: fn(u32) -> String| (0..VALUES).map(value).collect();
    let devices: Vec<String> = values(|n| format!("device-{n:08}"));
    let line = |name, values, method, canonical| Line {
        name,
        values,
        method,
        canonical,
    };
    let exact = Canonical::Exact;
    let digits = Method::Format(Format::new(Alphabet::Digits, Some(9))?);
    Ok(vec![
        line(
            "`siv`, 15 bytes",
            devices.clone(),
            Method::Siv { padded: false },
            exact,
        ),
        line(
            "`siv`, 15 bytes, padded",
            devices.clone(),
            Method::Siv { padded: true },
            exact,
        ),
        line("`hmac`, 15 bytes", devices, Method::Hmac, exact),
        line(
            "`ip`, IPv4",
            values(|n| format!("199.172.{}.{}", n / 256, n % 256)),
            Method::Ip,
            Canonical::Ip,
        ),
        line(
            "`format`, 9 digits in 11 characters",
            values(|n| format!("593-47-{n:04}")),
            digits,
            exact,
        ),
    ])
}

fn domain(number: usize) -> String {
    format!("domain-{number}")
}

fn keyset(lines: &[Line]) -> Result<Keyset> {
    let spec = |(number, line): (usize, &Line)| {
        Ok(DomainSpec {
            name: domain(number).parse()?,
            method: line.method,
            canonical: line.canonical,
        })
    };
    let domains = lines.iter().enumerate().map(spec);
    // Keys for nothing but this: how long a method takes does not depend on them.
    Ok(Keyset::create(
        KeysetId::new([7; 8]),
        Zeroizing::new([7; 32]),
        "2026-01-31T12:00:00Z",
        domains.collect::<Result<_>>()?,
        None,
    )?)
}

/// How many of the values a second of CPU time are done, in so many runs after one to warm up.
fn values_per_second(
    runs: usize,
    values: &[String],
    mut one: impl FnMut(&str) -> Result<()>,
) -> Result<Figures> {
    let mut rates = Vec::with_capacity(runs);
    for _ in 0..=runs {
        let began = thread_time()?;
        let mut done = 0.0;
        let mut taken = Duration::ZERO;
        while taken < LEAST {
            for value in values {
                one(value)?;
                done += 1.0;
            }
            taken = thread_time()?.saturating_sub(began);
        }
        rates.push(done / taken.as_secs_f64());
    }
    Ok(Figures::new(rates.split_off(1)))
}
