//! One `[[columns]]` section of the file, and which of its settings go together.

pub(super) mod mask;

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::mistake::{Mistakes, Place};
use super::section::{Entry, Section};
use super::spelling;
use super::{Column, ColumnSource, ColumnType, Conversion, Mask};
use super::{pointer, target};

/// The keys of a `[[columns]]` section.
pub(super) const KEYS: &[&str] = &[
    "name", "type", "path", "from", "convert", "mask", "required",
];

/// The names of `from`.
pub(super) const ORIGINS: [(&str, ColumnSource); 2] = [
    ("sent_at", ColumnSource::SentAt),
    ("message_id", ColumnSource::MessageId),
];

/// A column and where the file says what it takes.
pub(super) struct PlacedColumn {
    /// The column.
    pub(super) column: Column,
    /// The place of its `path` or `from`.
    pub(super) source: Place,
}

/// Reads one column; `None` when it has a mistake that leaves no column.
///
/// `names` holds the lines of the columns read before, and gets this one's.
pub(super) fn column<'t>(
    section: &Section<'t>,
    names: &mut BTreeMap<&'t str, usize>,
    mistakes: &mut Mistakes<'_>,
) -> Option<PlacedColumn> {
    let name = name(section, names, mistakes);
    let wanted = "a type of PostgreSQL, as in \"varchar(32)\"";
    let column_type = section.required_text("type", wanted, mistakes);
    let column_type = column_type.and_then(|entry| parsed::<ColumnType>(entry, mistakes));
    let source = source(section, mistakes);
    let wanted = "a conversion, as in \"version_digits\"";
    let convert = section.text("convert", wanted, mistakes);
    let convert = convert.and_then(|entry| parsed::<Conversion>(entry, mistakes));
    let mask = mask::mask(section, mistakes);
    let required = section.flag("required", mistakes);
    if let Some(column_type) = &column_type {
        check_source(column_type.value, source.as_ref(), mistakes);
        check_conversion(column_type.value, convert.as_ref(), mistakes);
        if let Some(Entry { value, place }) = &mask {
            mask::check_type(column_type.value, value, place, mistakes);
        }
    }
    check_together(section, source.as_ref(), mistakes);
    check_required(section, required, mask.as_ref(), mistakes);
    // What is there but could not be read is never taken for absent.
    if section.has("mask") != mask.is_some() || section.has("convert") != convert.is_some() {
        return None;
    }
    let source = source?;
    let column = Column {
        name: name?.to_owned(),
        source: source.value,
        column_type: column_type?.value,
        conversion: convert.map_or(Conversion::Natural, |entry| entry.value),
        mask: mask.map(|entry| entry.value),
        required,
    };
    Some(PlacedColumn {
        column,
        source: source.place,
    })
}

fn name<'t>(
    section: &Section<'t>,
    names: &mut BTreeMap<&'t str, usize>,
    mistakes: &mut Mistakes<'_>,
) -> Option<&'t str> {
    let wanted = "the column's name in the table, as in \"user_id\"";
    let entry = section.required_text("name", wanted, mistakes)?;
    if let Err(problem) = target::check_identifier(entry.value) {
        mistakes.add(&entry.place, problem);
        return None;
    }
    let line = mistakes.line(entry.place.offset);
    if let Some(earlier) = names.get(entry.value) {
        let problem = format!("a second column of that name, after line {earlier}; remove one");
        mistakes.add(&entry.place, problem);
        return None;
    }
    names.insert(entry.value, line);
    Some(entry.value)
}

fn source(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Entry<ColumnSource>> {
    let wanted = "the field of the event, as in \"/user/email\"";
    if !section.has("from") {
        let Entry { value, place } = section.required_text("path", wanted, mistakes)?;
        return match pointer::reference_tokens(value) {
            Ok(tokens) => Some(Entry {
                value: ColumnSource::Field(tokens),
                place,
            }),
            Err(problem) => {
                mistakes.add(&place, problem);
                None
            }
        };
    }
    let wanted = "\"sent_at\" or \"message_id\"";
    let Entry { value, place } = section.text("from", wanted, mistakes)?;
    if section.has("path") {
        mistakes.add(
            &place,
            "a value comes from one place; remove either from or path",
        );
        return None;
    }
    let Some((_, origin)) = ORIGINS.into_iter().find(|(name, _)| *name == value) else {
        let hint = spelling::did_you_mean(value, ORIGINS.iter().map(|(name, _)| *name));
        let quoted = spelling::quoted(value);
        let problem = format!("{quoted} is no part of a message{hint}; write {wanted}, or path");
        mistakes.add(&place, problem);
        return None;
    };
    Some(Entry {
        value: origin,
        place,
    })
}

/// Parses a text whose own error tells the value and all that is needed.
fn parsed<T: FromStr<Err: fmt::Display>>(
    entry: Entry<&str>,
    mistakes: &mut Mistakes<'_>,
) -> Option<Entry<T>> {
    match entry.value.parse() {
        Ok(value) => Some(Entry {
            value,
            place: entry.place,
        }),
        Err(problem) => {
            mistakes.add(&entry.place, problem.to_string());
            None
        }
    }
}

/// Parses a name of the masking crate, whose error tells the rule but not the value.
fn named<T: FromStr<Err: fmt::Display>>(
    entry: &Entry<&str>,
    words: impl IntoIterator<Item = &'static str>,
    mistakes: &mut Mistakes<'_>,
) -> Option<T> {
    match entry.value.parse() {
        Ok(value) => Some(value),
        Err(problem) => {
            let hint = spelling::did_you_mean(entry.value, words);
            let value = spelling::quoted(entry.value);
            mistakes.add(&entry.place, format!("{value}: {problem}{hint}"));
            None
        }
    }
}

/// What SQS says of a message only goes into types that hold it.
fn check_source(
    column_type: ColumnType,
    source: Option<&Entry<ColumnSource>>,
    mistakes: &mut Mistakes<'_>,
) {
    let Some(source) = source else { return };
    let problem = match source.value {
        ColumnSource::Field(_) => return,
        ColumnSource::SentAt => {
            "sent_at is a time and goes into date, timestamp, timestamptz or int8"
        }
        ColumnSource::MessageId => "message_id is a name and goes into text, varchar or uuid",
    };
    if !goes_into(&source.value, column_type) {
        mistakes.add(&source.place, format!("{problem}, not into {column_type}"));
    }
}

/// Whether a type holds what a column takes; of a field its value decides.
pub(super) fn goes_into(source: &ColumnSource, column_type: ColumnType) -> bool {
    match source {
        ColumnSource::Field(_) => true,
        ColumnSource::SentAt => matches!(
            column_type,
            ColumnType::Date | ColumnType::Timestamp | ColumnType::Timestamptz | ColumnType::Int8
        ),
        ColumnSource::MessageId => is_text(column_type) || column_type == ColumnType::Uuid,
    }
}

fn check_conversion(
    column_type: ColumnType,
    convert: Option<&Entry<Conversion>>,
    mistakes: &mut Mistakes<'_>,
) {
    if let Some(Entry { value, place }) = convert.filter(|entry| !entry.value.fits(column_type)) {
        let types = value.fitting_types();
        mistakes.add(
            place,
            format!("{value} is for {types}, not for {column_type}"),
        );
    }
}

/// Settings that exclude each other whatever their values.
fn check_together(
    section: &Section<'_>,
    source: Option<&Entry<ColumnSource>>,
    mistakes: &mut Mistakes<'_>,
) {
    let of_event = source.is_none_or(|entry| matches!(entry.value, ColumnSource::Field(_)));
    if let Some(place) = section.place_at("convert") {
        if section.has("mask") {
            let problem = "a masked value is not converted; remove convert (or mask, if the value \
                           is not personal)";
            mistakes.add(&place, problem);
        }
        if !of_event {
            mistakes.add(
                &place,
                "only a field of the event is converted; remove it, or from",
            );
        }
    }
    if let Some(place) = section.place_at("mask").filter(|_| !of_event) {
        mistakes.add(
            &place,
            "only a field of the event is masked; remove it, or from",
        );
    }
}

/// A value that is never loaded is not asked for either.
fn check_required(
    section: &Section<'_>,
    required: bool,
    mask: Option<&Entry<Mask>>,
    mistakes: &mut Mistakes<'_>,
) {
    let dropped = mask.is_some_and(|entry| entry.value == Mask::Drop);
    if let Some(place) = section.place_at("required").filter(|_| required && dropped) {
        let problem = "the mask drops every value, so that none can be required; remove required, \
                       or mask with redact";
        mistakes.add(&place, problem);
    }
}

fn is_text(column_type: ColumnType) -> bool {
    matches!(column_type, ColumnType::Text | ColumnType::Varchar(_))
}
