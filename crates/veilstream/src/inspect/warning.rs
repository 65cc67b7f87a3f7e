//! The warnings of `run` and `check`: columns that look personal and are loaded in clear.

use std::{fmt, sync::Arc};

use jiff::civil;
use parking_lot::Mutex;

use super::{
    finding::{self, Concern, Finding, portion},
    kind::Kind,
    name::{FieldName, NameHint},
    sample::Sample,
};
use crate::{
    config::{Column, ColumnSource, ColumnType},
    decode::{Cell, Decoded, Decoder},
    encode::Value,
};

/// After so many decoded messages the columns are judged; after the last number nothing is
/// watched any more.
const JUDGED_AFTER: [u64; 2] = [20, 200];

/// The warnings that columns' names are worth, one a column. A user's id is none: it is a
/// pseudonym, and `inspect` tells of it.
pub fn by_name(columns: &[Column]) -> Vec<String> {
    let hints = columns
        .iter()
        .filter_map(|column| Some((column, hint(column)?)));
    hints
        .map(|(column, hint)| {
            let why = format!("its name says {}", hint.words());
            warning(&column.name, &why)
        })
        .collect()
}

/// What the name or the path of a column says, if it is loaded in clear and that is personal.
pub(crate) fn hint(column: &Column) -> Option<NameHint> {
    if column.mask.is_some() || column.column_type == ColumnType::Bool {
        return None;
    }
    let path = match &column.source {
        ColumnSource::Field(path) => path.as_slice(),
        ColumnSource::SentAt | ColumnSource::MessageId => return None,
    };
    let names = [
        FieldName::new([column.name.as_str()]),
        FieldName::new(path.iter().map(String::as_str)),
    ];
    let personal = |name: &FieldName| {
        name.hint()
            .filter(|hint| finding::concern(*hint, name) == Concern::Personal)
    };
    names.iter().find_map(personal)
}

fn warning(column: &str, why: &str) -> String {
    format!(
        "column {column} is loaded in clear, and {why}: mask it or leave it out; `veilstream \
         inspect` tells more"
    )
}

/// Watches the values of columns that are loaded in clear in the first messages of a run, warns
/// once of each column whose values look personal, and then costs nothing more.
#[derive(Clone)]
pub struct Watch {
    shared: Option<Arc<Mutex<Watched>>>,
}

struct Watched {
    /// By place among the decoder's columns.
    columns: Vec<Option<Arc<str>>>,
    sample: Sample,
    is_over: bool,
    /// In words, one a column.
    warnings: Vec<String>,
}

impl Watch {
    /// Watches the columns that are loaded in clear and whose names have not been warned of.
    pub fn new(decoder: &Decoder) -> Self {
        let columns: Vec<_> = decoder.watched().collect();
        let watched = Watched {
            sample: Sample::default(),
            is_over: false,
            warnings: Vec::new(),
            columns,
        };
        let any = watched.columns.iter().any(Option::is_some);
        Self {
            shared: any.then(|| Arc::new(Mutex::new(watched))),
        }
    }

    /// Sees a message on its way.
    pub(crate) fn see(&mut self, decoded: &Decoded<'_>) {
        let Some(shared) = &self.shared else { return };
        let is_over = shared.lock().see(decoded);
        if is_over {
            self.shared = None;
        }
    }

    /// What was warned of so far.
    pub(crate) fn warnings(&self) -> Vec<String> {
        let shared = self.shared.as_ref();
        shared.map_or_else(Vec::new, |shared| shared.lock().warnings.clone())
    }

    /// Judges what was seen so far: the run ends.
    pub fn finish(self) {
        if let Some(shared) = self.shared {
            shared.lock().judge();
        }
    }
}

impl Watched {
    fn see(&mut self, decoded: &Decoded<'_>) -> bool {
        if self.is_over {
            return true;
        }
        self.sample.begin_row();
        for (column, cell) in self.columns.iter().zip(decoded.cells()) {
            if let (Some(column), Cell::Clear(value)) = (column, cell)
                && let Some(text) = text(value)
            {
                let is_json = matches!(value, Value::Jsonb(_));
                self.sample.add_column(column, Some(&text), is_json);
            }
        }
        let seen = self.sample.records();
        if JUDGED_AFTER.contains(&seen) {
            self.judge();
        }
        self.is_over = seen >= JUDGED_AFTER[JUDGED_AFTER.len() - 1];
        if self.is_over {
            self.sample = Sample::default();
        }
        self.is_over
    }

    /// Warns of each column once.
    fn judge(&mut self) {
        let this_year = super::this_year();
        for field in self.sample.fields() {
            let finding = Finding::of(&field.name, &field.seen.statistics, this_year);
            let path = field.path.as_str();
            let (name, is_within) = path
                .split_once('/')
                .map_or((path, false), |(name, _)| (name, true));
            let column = self
                .columns
                .iter_mut()
                .find(|column| column.as_deref() == Some(name));
            if let (Some(column), Some(why)) = (column, reason(&finding, is_within)) {
                let warning = warning(name, &why);
                tracing::warn!("{warning}");
                self.warnings.push(warning);
                *column = None;
            }
        }
    }
}

/// Why a finding is worth a warning. Where in a JSON value it is stays unsaid: keys can be data.
fn reason(finding: &Finding, is_within: bool) -> Option<String> {
    if finding.concern != Concern::Personal {
        return None;
    }
    let place = if is_within {
        " in one of its fields"
    } else {
        ""
    };
    let share = |kind: Kind, share: f64| {
        let words = kind.words();
        format!(
            "{} of its first values{place} look like this: {words}",
            portion(share)
        )
    };
    match (finding.share, finding.some.first(), finding.hint) {
        (Some(most), _, _) if finding.kind.is_personal() => Some(share(finding.kind, most)),
        (_, Some((kind, some)), _) => Some(share(*kind, *some)),
        (_, None, Some(hint)) => Some(format!("a name{place} says {}", hint.words())),
        (_, None, None) => finding.no_tokens.map(|share| {
            let tokens = portion(1.0 - share);
            format!("{tokens} of its first values{place} are tokens, and the others are not")
        }),
    }
}

/// A value as it would be printed; `None` for what cannot look personal.
fn text<'v>(value: &'v Value<'_>) -> Option<std::borrow::Cow<'v, str>> {
    Some(match value {
        Value::Text(text) => text.as_ref().into(),
        Value::Jsonb(text) => (*text).into(),
        Value::Int8(number) => number.to_string().into(),
        Value::Inet { address, .. } => address.to_string().into(),
        Value::Date(days) => date(*days)?.to_string().into(),
        Value::Int2(_)
        | Value::Int4(_)
        | Value::Float8(_)
        | Value::Numeric(_)
        | Value::Bool(_)
        | Value::Timestamp(_)
        | Value::Uuid(_)
        | Value::Bytea(_) => return None,
    })
}

fn date(days_since_2000: i32) -> Option<civil::Date> {
    let days = jiff::Span::new().try_days(days_since_2000).ok()?;
    civil::date(2000, 1, 1).checked_add(days).ok()
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch")
            .field("is_over", &self.shared.is_none())
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Configuration;

    #[test]
    fn the_built_in_pipeline_is_worth_no_warning() {
        let columns = Configuration::builtin().pipeline.columns;
        assert_eq!(by_name(&columns), Vec::<String>::new());
    }

    #[test]
    fn a_column_is_warned_of_by_its_name_or_its_path() {
        let mut columns = Configuration::builtin().pipeline.columns;
        for column in &mut columns {
            column.mask = None;
        }
        let warnings = by_name(&columns);
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].starts_with("column masked_device_id") || warnings[0].contains("ip"));
        let contact = |name: &str, path: &str| Column {
            name: name.to_owned(),
            source: ColumnSource::Field(vec![path.to_owned()]),
            ..columns[0].clone()
        };
        assert_eq!(hint(&contact("contact", "email")), Some(NameHint::Email));
        assert_eq!(hint(&contact("email", "c")), Some(NameHint::Email));
        assert_eq!(hint(&contact("user_id", "user_id")), None);
        assert_eq!(hint(&contact("email_hash", "h")), None);
    }
}
