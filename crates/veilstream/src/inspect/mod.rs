//! What is personal, and would be loaded in clear: decided in [`Finding`] alone, from a field's
//! name and from what is counted of its values, for `veilstream inspect` and for the warnings of
//! `run` and `check`.
//!
//! No value leaves this module, nor stays in it: of each there is a keyed hash and what it looked
//! like.

mod advice;
mod check_digit;
mod finding;
mod kind;
mod loading;
mod name;
mod national_id;
mod payment;
mod report;
mod sample;
mod statistics;
mod tree;
mod value;
mod warning;

pub use advice::{Advice, Choice};
pub use finding::{Concern, Finding, portion};
pub use kind::Kind;
pub use loading::Loading;
pub use name::{FieldName, NameHint};
pub use national_id::NationalId;
pub use report::{FieldReport, Looks, Report, Source, Totals};
pub use sample::Sample;
pub use statistics::{Spread, Statistics};
pub use tree::{is_name, looks_like_data};
use value::Pattern;
pub(crate) use warning::hint;
pub use warning::{Watch, by_name};

/// Whether a single value of a field, whose path has a slash before each name, may be personal: it looks so, has
/// check digits that are hardly right by chance, or is a sentence, which can name anybody.
pub fn may_be_personal(path: &str, text: &str) -> bool {
    let unlike_a_sample = |(pattern, is_valid): &(Pattern, bool)| {
        *is_valid
            && matches!(
                pattern,
                Pattern::Words
                    | Pattern::Card
                    | Pattern::Iban
                    | Pattern::NationalId(
                        NationalId::FrNir | NationalId::EsDni | NationalId::ItFiscalCode
                    )
            )
    };
    if value::Looks::of(text).patterns.iter().any(unlike_a_sample) {
        return true;
    }
    let mut statistics = Statistics::default();
    statistics.add(text, &std::hash::RandomState::new());
    let name = FieldName::new(path.split('/'));
    Finding::of(&name, &statistics, this_year()).concern == Concern::Personal
}

/// Whether a value is nothing but an id: a UUID, or one word with a digit in it.
pub fn is_opaque(value: &str) -> bool {
    let is_word = value
        .chars()
        .all(|c| c.is_ascii_alphanumeric() || "-_:.".contains(c));
    is_word && value.contains(|c: char| c.is_ascii_digit())
}

/// The current year, for people's age.
fn this_year() -> i16 {
    let now = jiff::Timestamp::now();
    now.to_zoned(jiff::tz::TimeZone::UTC).year()
}
