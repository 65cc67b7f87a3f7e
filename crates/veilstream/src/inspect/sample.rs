//! The fields of a sample: JSON events, or the rows of a table.

use std::{
    collections::{BTreeMap, HashSet},
    hash::RandomState,
};

use serde_json::Value;
use zeroize::Zeroize;

use super::{
    name::FieldName,
    tree::{ANY, Leaf, Node},
};
use crate::config::{ColumnSource, Pipeline};

/// Fields that are looked at; of more it is only said that they are there.
const MOST_FIELDS: usize = 200;
/// Keys that are followed until it is known whether they are data.
const MOST_PLACES: usize = 10_000;
/// Objects and arrays within each other that are looked into.
const MOST_DEPTH: usize = 8;
/// Elements of one array that are looked at.
const MOST_ELEMENTS: usize = 100;

/// The fields of a sample. Memory is bounded by the number of fields and by what is counted of
/// each; values are wiped once they are counted.
#[derive(Default)]
pub struct Sample {
    events: Node,
    /// By name.
    columns: BTreeMap<String, Node>,
    counting: Counting,
}

/// What is counted while the sample is walked through.
struct Counting {
    hasher: RandomState,
    /// Keys that the configuration names: they are no secret.
    known: HashSet<String>,
    /// Events or rows.
    records: u64,
    not_objects: u64,
    /// How many more places the sample may have.
    room: usize,
    /// How many fields there are.
    fields: usize,
    /// Whether several fields have become one since they were counted.
    is_changed: bool,
    left_out: bool,
}

impl Default for Counting {
    fn default() -> Self {
        Self {
            hasher: RandomState::new(),
            known: HashSet::new(),
            records: 0,
            not_objects: 0,
            room: MOST_PLACES,
            fields: 0,
            is_changed: false,
            left_out: false,
        }
    }
}

/// What was seen of one field.
pub(super) struct Field<'s> {
    /// Its JSON Pointer, or its path from the column on.
    pub(super) path: String,
    pub(super) name: FieldName,
    pub(super) seen: &'s Leaf,
}

impl Sample {
    /// An empty sample. Keys of objects that may be data are shown as `*`, unless the pipeline
    /// names them: those that no field is named like, and those that change from object to object.
    pub fn new(pipeline: &Pipeline) -> Self {
        let paths = pipeline.columns.iter().map(|column| &column.source);
        let tokens = paths.filter_map(|source| match source {
            ColumnSource::Field(tokens) => Some(tokens),
            ColumnSource::SentAt | ColumnSource::MessageId => None,
        });
        Self::knowing(tokens.flatten().cloned().collect())
    }

    /// An empty sample that shows these keys wherever they are.
    pub fn knowing(known: HashSet<String>) -> Self {
        let counting = Counting {
            known,
            ..Counting::default()
        };
        Self {
            counting,
            ..Self::default()
        }
    }

    /// Adds a message's body. One that is no JSON object is only counted.
    pub fn add_event(&mut self, body: &str) {
        match serde_json::from_str(body) {
            Ok(event @ Value::Object(_)) => {
                self.counting.records += 1;
                self.counting.walk(&mut self.events, event, 0);
            }
            Ok(other) => {
                wipe(other);
                self.counting.not_objects += 1;
            }
            Err(_) => self.counting.not_objects += 1,
        }
        self.recount();
    }

    /// Begins the next row of a table; its columns follow.
    pub fn begin_row(&mut self) {
        self.counting.records += 1;
    }

    /// Adds a column of the row. One that holds JSON is looked into.
    pub fn add_column(&mut self, name: &str, text: Option<&str>, is_json: bool) {
        let json = text.filter(|_| is_json).map(serde_json::from_str);
        if !self.columns.contains_key(name) {
            self.columns.insert(name.to_owned(), Node::default());
        }
        let column = self.columns.get_mut(name);
        let column = column.expect("it was just inserted");
        match (json, text) {
            (Some(Ok(value)), _) => self.counting.walk(column, value, 0),
            (_, Some(text)) => self.counting.add(column, Some(text)),
            (_, None) => self.counting.add(column, None),
        }
        self.recount();
    }

    /// How many records were added: events that are JSON objects, or rows.
    pub fn records(&self) -> u64 {
        self.counting.records
    }

    /// Messages that are no JSON objects.
    pub fn not_objects(&self) -> u64 {
        self.counting.not_objects
    }

    /// Whether there are more fields than are looked at.
    pub fn has_left_out(&self) -> bool {
        self.counting.left_out
    }

    /// The fields by path, once keys that are data are hidden.
    pub(super) fn fields(&mut self) -> Vec<Field<'_>> {
        self.events.settle();
        self.columns.values_mut().for_each(Node::settle);
        self.counting.is_changed = true;
        self.recount();
        let mut leaves = Vec::new();
        self.events.collect("", &mut leaves);
        for (name, column) in &self.columns {
            column.collect(name, &mut leaves);
        }
        let fields = leaves.into_iter().map(|(path, seen)| Field {
            name: FieldName::new(path.split('/')),
            path,
            seen,
        });
        fields.collect()
    }

    /// Counts the fields again where several have become one.
    fn recount(&mut self) {
        if std::mem::take(&mut self.counting.is_changed) {
            let columns = self.columns.values();
            self.counting.fields = self.events.fields() + columns.map(Node::fields).sum::<usize>();
        }
    }
}

impl Counting {
    fn walk(&mut self, node: &mut Node, value: Value, depth: usize) {
        match value {
            Value::Object(_) | Value::Array(_) if depth >= MOST_DEPTH => {
                self.left_out = true;
                wipe(value);
            }
            Value::Object(members) => {
                self.is_changed |= node.begin_object(members.len());
                for (mut key, value) in members {
                    if let Some(member) = node.member(&key, &self.known, &mut self.room) {
                        self.walk(member, value, depth + 1);
                    } else {
                        self.left_out = true;
                        wipe(value);
                    }
                    key.zeroize();
                }
                self.is_changed |= node.end_object();
            }
            Value::Array(elements) => {
                for (place, element) in elements.into_iter().enumerate() {
                    if place < MOST_ELEMENTS {
                        self.walk(node.child(ANY), element, depth + 1);
                    } else {
                        wipe(element);
                    }
                }
            }
            Value::String(mut text) => {
                self.add(node, Some(&text));
                text.zeroize();
            }
            Value::Number(number) => {
                let mut text = number.to_string();
                self.add(node, Some(&text));
                text.zeroize();
            }
            Value::Bool(is_set) => self.add(node, Some(if is_set { "true" } else { "false" })),
            Value::Null => self.add(node, None),
        }
    }

    fn add(&mut self, node: &mut Node, text: Option<&str>) {
        if node.leaf().is_none() {
            if self.fields >= MOST_FIELDS {
                self.left_out = true;
                return;
            }
            self.fields += 1;
        }
        let leaf = node.leaf().get_or_insert_default();
        leaf.see(self.records);
        match text {
            Some(text) => leaf.statistics.add(text, &self.hasher),
            None => leaf.nulls += 1,
        }
    }
}

fn wipe(value: Value) {
    match value {
        Value::String(mut text) => text.zeroize(),
        Value::Array(elements) => elements.into_iter().for_each(wipe),
        Value::Object(members) => {
            for (mut key, value) in members {
                key.zeroize();
                wipe(value);
            }
        }
        Value::Number(_) | Value::Bool(_) | Value::Null => {}
    }
}

impl std::fmt::Debug for Sample {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sample")
            .field("records", &self.counting.records)
            .field("fields", &self.counting.fields)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
