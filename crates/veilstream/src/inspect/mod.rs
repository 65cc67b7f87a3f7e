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
pub(crate) use warning::hint;
pub use warning::{Watch, by_name};

/// The current year, for people's age.
fn this_year() -> i16 {
    let now = jiff::Timestamp::now();
    now.to_zoned(jiff::tz::TimeZone::UTC).year()
}
