//! The fields of a sample: JSON events, or the rows of a table.

use std::{
    collections::{BTreeMap, HashSet},
    hash::RandomState,
};

use serde_json::Value;
use zeroize::Zeroize;

use super::{name::FieldName, statistics::Statistics, value::Looks};
use crate::config::{ColumnSource, Pipeline};

/// Fields that are looked at; of more it is only said that they are there.
const MOST_FIELDS: usize = 200;
/// Objects and arrays within each other that are looked into.
const MOST_DEPTH: usize = 8;
/// Elements of one array that are looked at.
const MOST_ELEMENTS: usize = 100;
/// The keys of an object with more of them are taken for data.
const MOST_KEYS: usize = 50;
/// A longer key is taken for data, in characters.
const LONGEST_KEY: usize = 64;
/// So many digits make a key data.
const KEY_DIGITS: usize = 6;
/// Stands for the elements of an array, and for keys that are data.
const ANY: &str = "*";

/// The fields of a sample. Memory is bounded by the number of fields and by what is counted of
/// each; values are wiped once they are counted.
#[derive(Default)]
pub struct Sample {
    hasher: RandomState,
    /// Keys that the configuration names: they are no secret.
    known: HashSet<String>,
    fields: BTreeMap<String, Field>,
    records: u64,
    not_objects: u64,
    left_out: bool,
}

/// What was seen of one field.
pub(super) struct Field {
    pub(super) name: FieldName,
    pub(super) statistics: Statistics,
    /// Records that have the field, be it null.
    pub(super) seen_in: u64,
    pub(super) nulls: u64,
    last_seen_in: u64,
}

impl Sample {
    /// An empty sample. Keys of objects that look like data are shown as `*`, unless the pipeline
    /// names them.
    pub fn new(pipeline: &Pipeline) -> Self {
        let paths = pipeline.columns.iter().map(|column| &column.source);
        let tokens = paths.filter_map(|source| match source {
            ColumnSource::Field(tokens) => Some(tokens),
            ColumnSource::SentAt | ColumnSource::MessageId => None,
        });
        Self {
            known: tokens.flatten().cloned().collect(),
            ..Self::default()
        }
    }

    /// Adds a message's body. One that is no JSON object is only counted.
    pub fn add_event(&mut self, body: &str) {
        match serde_json::from_str(body) {
            Ok(event @ Value::Object(_)) => {
                self.records += 1;
                self.walk(&mut String::new(), event, 0);
            }
            Ok(other) => {
                wipe(other);
                self.not_objects += 1;
            }
            Err(_) => self.not_objects += 1,
        }
    }

    /// Begins the next row of a table; its columns follow.
    pub fn begin_row(&mut self) {
        self.records += 1;
    }

    /// Adds a column of the row. One that holds JSON is looked into.
    pub fn add_column(&mut self, name: &str, text: Option<&str>, is_json: bool) {
        let json = text.filter(|_| is_json).map(serde_json::from_str);
        match (json, text) {
            (Some(Ok(value)), _) => self.walk(&mut name.to_owned(), value, 0),
            (_, Some(text)) => self.add(name, Some(text)),
            (_, None) => self.add(name, None),
        }
    }

    /// How many records were added: events that are JSON objects, or rows.
    pub fn records(&self) -> u64 {
        self.records
    }

    /// Messages that are no JSON objects.
    pub fn not_objects(&self) -> u64 {
        self.not_objects
    }

    /// Whether there are more fields than are looked at.
    pub fn has_left_out(&self) -> bool {
        self.left_out
    }

    /// The fields by path.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&str, &Field)> {
        self.fields
            .iter()
            .map(|(path, field)| (path.as_str(), field))
    }

    fn walk(&mut self, path: &mut String, value: Value, depth: usize) {
        let length = path.len();
        match value {
            Value::Object(_) | Value::Array(_) if depth >= MOST_DEPTH => {
                self.left_out = true;
                wipe(value);
            }
            Value::Object(members) => {
                let is_map = members.len() > MOST_KEYS;
                for (mut key, value) in members {
                    self.push(path, &key, is_map);
                    key.zeroize();
                    self.walk(path, value, depth + 1);
                    path.truncate(length);
                }
            }
            Value::Array(elements) => {
                path.push('/');
                path.push_str(ANY);
                for (place, element) in elements.into_iter().enumerate() {
                    if place < MOST_ELEMENTS {
                        self.walk(path, element, depth + 1);
                    } else {
                        wipe(element);
                    }
                }
                path.truncate(length);
            }
            Value::String(mut text) => {
                self.add(path, Some(&text));
                text.zeroize();
            }
            Value::Number(number) => {
                let mut text = number.to_string();
                self.add(path, Some(&text));
                text.zeroize();
            }
            Value::Bool(is_set) => self.add(path, Some(if is_set { "true" } else { "false" })),
            Value::Null => self.add(path, None),
        }
    }

    /// Appends a key to a JSON Pointer (RFC 6901).
    fn push(&self, path: &mut String, key: &str, is_map: bool) {
        path.push('/');
        if !self.known.contains(key) && (is_map || is_data(key)) {
            path.push_str(ANY);
            return;
        }
        for character in key.chars() {
            match character {
                '~' => path.push_str("~0"),
                '/' => path.push_str("~1"),
                other => path.push(other),
            }
        }
    }

    fn add(&mut self, path: &str, text: Option<&str>) {
        if !self.fields.contains_key(path) {
            if self.fields.len() == MOST_FIELDS {
                self.left_out = true;
                return;
            }
            let field = Field {
                name: FieldName::new(path.split('/')),
                statistics: Statistics::default(),
                seen_in: 0,
                nulls: 0,
                last_seen_in: 0,
            };
            self.fields.insert(path.to_owned(), field);
        }
        let field = self.fields.get_mut(path).expect("it was just inserted");
        // An array has several values in one record.
        if field.last_seen_in != self.records {
            field.last_seen_in = self.records;
            field.seen_in += 1;
        }
        match text {
            Some(text) => field.statistics.add(text, &self.hasher),
            None => field.nulls += 1,
        }
    }
}

/// Whether a key is a value rather than a name, as in `{"anna@example.com": …}`.
fn is_data(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    key.chars().nth(LONGEST_KEY).is_some()
        || key.chars().any(char::is_control)
        || digits >= KEY_DIGITS
        || Looks::of(key).is_data()
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
            .field("records", &self.records)
            .field("fields", &self.fields.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Configuration;

    fn sample<'b>(bodies: impl IntoIterator<Item = &'b str>) -> Sample {
        let mut sample = Sample::new(&Configuration::builtin().pipeline);
        for body in bodies {
            sample.add_event(body);
        }
        sample
    }

    fn paths(sample: &Sample) -> Vec<&str> {
        sample.fields().map(|(path, _)| path).collect()
    }

    #[test]
    fn nested_fields_have_pointers() {
        let sample = sample([
            r#"{"user": {"e/m~ail": "x", "tags": ["a", "b"]}, "n": 1}"#,
            r#"{"user": {"tags": []}, "n": null}"#,
        ]);
        assert_eq!(paths(&sample), ["/n", "/user/e~1m~0ail", "/user/tags/*"]);
        let (_, n) = sample.fields().next().unwrap();
        assert_eq!((n.seen_in, n.nulls, n.statistics.values()), (2, 1, 1));
        let (_, tags) = sample.fields().last().unwrap();
        assert_eq!((tags.seen_in, tags.statistics.values()), (1, 2));
    }

    #[test]
    fn what_is_no_object_is_counted() {
        let sample = sample(["{}", "[1]", "\"text\"", "{", ""]);
        assert_eq!((sample.records(), sample.not_objects()), (1, 4));
    }

    #[test]
    fn keys_that_are_data_are_not_shown() {
        let sample = sample([
            r#"{"by": {"anna@example.com": 1, "424cdd21-063a-43a7-b91b-7ca1a833afae": 1,
                "10.0.0.1": 1, "2026-11-22": 1, "17": 1, "a83f0091b2": 1}}"#,
            r#"{"device_id": 1, "user": {"first_name": 1}}"#,
        ]);
        assert_eq!(paths(&sample), ["/by/*", "/device_id", "/user/first_name"]);
        let many: Vec<_> = (0..60).map(|n| format!("\"name{n}\": {n}")).collect();
        let body = format!("{{\"people\": {{{}}}}}", many.join(","));
        assert_eq!(paths(&self::sample([body.as_str()])), ["/people/*"]);
    }

    #[test]
    fn depth_and_number_of_fields_are_bounded() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
        let deep = sample([deep.as_str()]);
        assert!(deep.has_left_out() && paths(&deep).is_empty());
        let bodies: Vec<_> = (0..300)
            .map(|n| {
                let letter = |n: u32| char::from_digit(10 + n % 26, 36).unwrap();
                format!("{{\"{}{}\": 1}}", letter(n / 26), letter(n))
            })
            .collect();
        let wide = sample(bodies.iter().map(String::as_str));
        assert!(wide.has_left_out());
        assert_eq!(paths(&wide).len(), MOST_FIELDS);
    }

    #[test]
    fn a_column_of_json_is_looked_into() {
        let mut sample = sample([]);
        sample.begin_row();
        sample.add_column("payload", Some(r#"{"email": "a@example.com"}"#), true);
        sample.add_column("note", Some(r#"{"email": "a@example.com"}"#), false);
        sample.add_column("empty", None, false);
        assert_eq!(paths(&sample), ["empty", "note", "payload/email"]);
    }
}
