//! The `[pipeline]` section of the file, and what holds for its columns together.

use std::collections::BTreeMap;

use super::column::{self, PlacedColumn};
use super::connection::owned;
use super::mistake::{Mistakes, Place};
use super::section::Section;
use super::spelling;
use super::{
    Column, ColumnSource, Configuration, Identity, OnReject, Pipeline, TableName, identity,
};

/// The longest identifier of PostgreSQL, in bytes (`NAMEDATALEN` less its final NUL).
const LONGEST_IDENTIFIER: usize = 63;

/// The longest name of a pipeline, in bytes.
const LONGEST_PIPELINE_NAME: usize = 63;

/// More than half of the messages rejected: the producer has changed, not a message gone bad.
pub(super) const REJECT_LIMIT: u8 = 50;

pub(super) const PIPELINE_KEYS: &[&str] = &[
    "name",
    "table",
    "identity",
    "identity_retention",
    "on_reject",
    "reject_limit",
];

/// The names of `on_reject`.
pub(super) const ON_REJECT: [(&str, OnReject); 2] = [
    ("quarantine", OnReject::Quarantine),
    ("leave", OnReject::Leave),
];

/// Reads `[pipeline]` and `[[columns]]`: the built-in pipeline when the file has neither.
pub(super) fn pipeline(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Pipeline> {
    if !root.has("pipeline") && !root.has("columns") {
        return Some(Configuration::builtin().pipeline);
    }
    let wanted = "[pipeline] with table = \"…\" under it";
    let section = root.section("pipeline", PIPELINE_KEYS, wanted, mistakes);
    let target = section
        .as_ref()
        .and_then(|section| target(section, mistakes));
    let columns = columns(root, mistakes);
    if let (None, Some(first)) = (root.place_at("pipeline"), root.place_at("columns")) {
        let place = Place {
            path: "pipeline".to_owned(),
            offset: first.offset,
        };
        mistakes.add_missing(
            &place,
            format!("missing beside [[columns]]; write {wanted}"),
        );
    }
    let Target {
        name,
        table,
        identity,
        on_reject,
        reject_limit,
    } = target?;
    Some(Pipeline {
        name,
        table,
        columns: columns?,
        identity,
        on_reject,
        reject_limit,
    })
}

/// What `[pipeline]` itself says.
struct Target {
    name: String,
    table: TableName,
    identity: Identity,
    on_reject: OnReject,
    reject_limit: u8,
}

fn target(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Target> {
    let named = named(section, mistakes);
    let identity = identity::identity(section, mistakes);
    let on_reject = on_reject(section, mistakes);
    let reject_limit = reject_limit(section, mistakes);
    let (name, table) = named?;
    Some(Target {
        name,
        table,
        // What has a mistake is among the mistakes, so that no configuration lacks it.
        identity: identity?,
        on_reject: on_reject?,
        reject_limit: reject_limit?,
    })
}

fn on_reject(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<OnReject> {
    if !section.has("on_reject") {
        return Some(OnReject::Quarantine);
    }
    let wanted = "\"quarantine\", or \"leave\" for a queue whose redrive policy decides";
    let entry = section.text("on_reject", wanted, mistakes)?;
    let known = ON_REJECT.iter().find(|(name, _)| *name == entry.value);
    if known.is_none() {
        let hint = spelling::did_you_mean(entry.value, ON_REJECT.map(|(name, _)| name));
        mistakes.add(&entry.place, format!("not known{hint}; write {wanted}"));
    }
    known.map(|(_, on_reject)| *on_reject)
}

fn reject_limit(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<u8> {
    if !section.has("reject_limit") {
        return Some(REJECT_LIMIT);
    }
    let wanted = "the percentage of rejected messages above which nothing more is taken, a whole \
                  number from 1 to 99, as in 50";
    let entry = section.count("reject_limit", wanted, mistakes)?;
    let limit = u8::try_from(entry.value).ok();
    let limit = limit.filter(|limit| (1..=99).contains(limit));
    if limit.is_none() {
        mistakes.add(&entry.place, format!("not from 1 to 99; write {wanted}"));
    }
    limit
}

fn named(section: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<(String, TableName)> {
    let wanted = "a name for logs of a-z, 0-9, _ and -, a letter first, as in \"logins\"";
    let name = section.text("name", wanted, mistakes);
    if let Some(name) = name.as_ref().filter(|name| !is_pipeline_name(name.value)) {
        mistakes.add(&name.place, format!("no pipeline's name; write {wanted}"));
    }
    let wanted = "the table's name, as in \"user_logins\" or \"my_schema.user_logins\"";
    let entry = section.required_text("table", wanted, mistakes)?;
    let table = match table_name(entry.value) {
        Ok(table) => table,
        Err(problem) => {
            mistakes.add(&entry.place, problem);
            return None;
        }
    };
    if !section.has("name") && !is_pipeline_name(&table.table) {
        let problem = "the table's name is none for the pipeline; give one beside it with name = \
                       \"…\", of a-z, 0-9, _ and -, a letter first";
        mistakes.add(&entry.place, problem);
    }
    Some((owned(name).unwrap_or_else(|| table.table.clone()), table))
}

fn columns(root: &Section<'_>, mistakes: &mut Mistakes<'_>) -> Option<Vec<Column>> {
    let wanted = "[[columns]] with name, type and path under it, once for each column";
    if let (None, Some(beside)) = (root.place_at("columns"), root.place_at("pipeline")) {
        let place = Place {
            path: "columns".to_owned(),
            offset: beside.offset,
        };
        mistakes.add_missing(&place, format!("missing beside [pipeline]; write {wanted}"));
    }
    let sections = root.sections("columns", column::KEYS, wanted, mistakes)?;
    let mut names = BTreeMap::new();
    let read: Vec<PlacedColumn> = sections
        .iter()
        .filter_map(|section| column::column(section, &mut names, mistakes))
        .collect();
    check_nothing_in_clear(&read, mistakes);
    // One that could not be read is among the mistakes, so that no configuration lacks it.
    Some(read.into_iter().map(|placed| placed.column).collect())
}

/// A field that one column masks must not reach another in clear: alone, inside its parent, or a part of it.
fn check_nothing_in_clear(columns: &[PlacedColumn], mistakes: &mut Mistakes<'_>) {
    let masked = || columns.iter().filter(|placed| placed.column.mask.is_some());
    for clear in columns.iter().filter(|placed| placed.column.mask.is_none()) {
        let ColumnSource::Field(outer) = &clear.column.source else {
            continue;
        };
        let leaked = masked().find(|placed| match &placed.column.source {
            ColumnSource::Field(inner) => inner.starts_with(outer) || outer.starts_with(inner),
            ColumnSource::SentAt | ColumnSource::MessageId => false,
        });
        if let Some(leaked) = leaked {
            let problem = format!(
                "this would load in clear what column `{}` masks (line {}); mask it here as well, \
                 or remove one of the two",
                leaked.column.name.escape_debug(),
                mistakes.line(leaked.source.offset),
            );
            mistakes.add(&clear.source, problem);
        }
    }
}

fn is_pipeline_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_' || c == '-';
    name.len() <= LONGEST_PIPELINE_NAME
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.chars().all(fits)
}

/// A table's name as the file has it, without quotes: `table` or `schema.table`.
///
/// # Errors
///
/// What is wrong with it.
pub(super) fn table_name(text: &str) -> Result<TableName, String> {
    let (schema, table) = match text.split_once('.') {
        None => (None, text),
        Some((schema, table)) => (Some(schema), table),
    };
    if table.contains('.') {
        return Err("more than one dot; write \"table\" or \"schema.table\"".to_owned());
    }
    for part in schema.into_iter().chain([table]) {
        check_identifier(part)?;
    }
    Ok(TableName {
        schema: schema.map(str::to_owned),
        table: table.to_owned(),
    })
}

/// Checks an identifier of PostgreSQL, as it is without quotes.
///
/// # Errors
///
/// It is empty, too long or holds NUL.
pub(super) fn check_identifier(name: &str) -> Result<(), String> {
    if name.is_empty() {
        Err("an empty name; write one of 1 to 63 bytes".to_owned())
    } else if name.len() > LONGEST_IDENTIFIER {
        let length = name.len();
        Err(format!(
            "a name of {length} bytes; PostgreSQL takes at most {LONGEST_IDENTIFIER}"
        ))
    } else if name.contains('\0') {
        Err("a name with NUL in it; PostgreSQL takes none".to_owned())
    } else {
        Ok(())
    }
}
