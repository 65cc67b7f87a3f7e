//! How a field can be loaded: types for values in clear, and domains for personal ones.

use masking::{Canonical, DomainSpec, Method};

use super::{name, shape::Node};
use crate::{
    config::{ColumnType, Conversion},
    inspect::{Choice, FieldName, FieldReport, NameHint},
};

/// Whole numbers that are times by their field's name: seconds and milliseconds from 2001 to 2100.
const SECONDS: std::ops::RangeInclusive<i64> = 978_307_200..=4_133_980_799;
const MILLIS: std::ops::RangeInclusive<i64> = 978_307_200_000..=4_133_980_799_999;
/// Last words of such names.
const TIMES: [&str; 7] = ["at", "time", "timestamp", "ts", "date", "on", "when"];

/// In tenths: with more sentences among the texts of a field, it is one of sentences.
const SENTENCES: u64 = 3;

/// How a column can be loaded.
#[derive(Clone)]
pub(super) enum Way {
    Clear(ColumnType, Conversion),
    Token(DomainSpec),
    Drop(ColumnType),
}

/// Types for values in clear, the tightest first.
pub(super) fn clear(field: &FieldReport, tokens: &[String], node: &Node) -> Vec<Way> {
    let is_only = |count| count + node.nulls == node.seen;
    let natural = |column_type| Way::Clear(column_type, Conversion::Natural);
    let mut ways = Vec::new();
    if is_only(node.numbers) {
        let name = name::snake(tokens.last().map_or("", String::as_str));
        let is_time = TIMES.contains(&name.rsplit('_').next().unwrap_or_default());
        let within = |times: &std::ops::RangeInclusive<i64>| {
            let range = node.range.filter(|_| is_time);
            range.is_some_and(|(least, greatest)| {
                times.contains(&least) && times.contains(&greatest)
            })
        };
        if within(&SECONDS) {
            ways.push(Way::Clear(ColumnType::Timestamptz, Conversion::UnixSeconds));
        } else if within(&MILLIS) {
            ways.push(Way::Clear(ColumnType::Timestamptz, Conversion::UnixMillis));
        }
        ways.extend([ColumnType::Int8, ColumnType::Numeric(None)].map(natural));
    } else if is_only(node.booleans) {
        ways.push(natural(ColumnType::Bool));
    } else if is_only(node.strings) {
        let times = [
            ColumnType::Timestamptz,
            ColumnType::Timestamp,
            ColumnType::Date,
        ];
        ways.extend(times.map(natural));
        // Digests can be read as UUIDs as well, and versions as addresses.
        if field.looks_like.kind == "uuid" {
            ways.push(natural(ColumnType::Uuid));
        }
        if !FieldName::new(tokens.iter().map(String::as_str)).is_version() {
            ways.push(natural(ColumnType::Inet));
        }
    }
    ways.push(natural(ColumnType::Text));
    ways
}

/// Whether values are sentences, also where a few of them come again and again in the sample.
pub(super) fn are_sentences(field: &FieldReport, node: &Node) -> bool {
    let kind = field.looks_like.kind;
    matches!(kind, "category" | "text") && node.sentences * 10 > node.strings * SENTENCES
}

/// Tokens of the domain that a field belongs to: in its canonical form, as it is, or none.
pub(super) fn masked(field: &FieldReport) -> Vec<Way> {
    let form = match field.uncounted.canonical {
        Some(form) => form.parse().unwrap_or(Canonical::Exact),
        None if matches!(field.uncounted.method, Choice::Redact | Choice::Clear) => Canonical::Text,
        None => Canonical::Exact,
    };
    let (base, usual) = domain(field);
    let mut forms = vec![form];
    if form != Canonical::Exact {
        forms.push(Canonical::Exact);
    }
    let token = |form: Canonical| {
        let name = if form == usual {
            base.to_owned()
        } else {
            format!("{base}_{form}")
        };
        Some(Way::Token(DomainSpec {
            name: name.parse().ok()?,
            method: Method::Siv { padded: false },
            canonical: form,
        }))
    };
    let mut ways: Vec<_> = forms.into_iter().filter_map(token).collect();
    ways.push(Way::Drop(ColumnType::Text));
    ways
}

/// The domain of a field, and the form that it usually has: fields of one kind share their tokens.
fn domain(field: &FieldReport) -> (&'static str, Canonical) {
    let by_form = match field.uncounted.canonical {
        Some("ip") => Some(("ip", Canonical::Ip)),
        Some("email") => Some(("email", Canonical::Email)),
        Some("phone") => Some(("phone", Canonical::Phone)),
        Some(_) | None => None,
    };
    let by_kind = match field.looks_like.kind {
        "card_number" => Some("card"),
        "iban" => Some("iban"),
        "national_id" => Some("national_id"),
        "mac_address" => Some("device_id"),
        _ => None,
    };
    let by_name = || match field.name_says {
        Some(NameHint::PersonName) => ("person_name", Canonical::Text),
        Some(NameHint::Address) => ("address", Canonical::Text),
        Some(NameHint::Device) => ("device_id", Canonical::Exact),
        Some(NameHint::User) => ("user_id", Canonical::Exact),
        Some(NameHint::Iban) => ("iban", Canonical::Exact),
        Some(NameHint::NationalId) => ("national_id", Canonical::Exact),
        Some(
            NameHint::Ip
            | NameHint::Email
            | NameHint::Phone
            | NameHint::Card
            | NameHint::Birth
            | NameHint::Location
            | NameHint::Secret,
        )
        | None => ("free_text", Canonical::Text),
    };
    by_form
        .or(by_kind.map(|name| (name, Canonical::Exact)))
        .unwrap_or_else(by_name)
}
