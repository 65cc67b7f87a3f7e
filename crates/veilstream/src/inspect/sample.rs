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
        let counting = Counting {
            known: tokens.flatten().cloned().collect(),
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
                    match node.member(&key, &self.known, &mut self.room) {
                        Some(member) => self.walk(member, value, depth + 1),
                        None => {
                            self.left_out = true;
                            wipe(value);
                        }
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

    fn paths(mut sample: Sample) -> Vec<String> {
        let fields = sample.fields();
        fields.into_iter().map(|field| field.path).collect()
    }

    #[test]
    fn nested_fields_have_pointers() {
        let mut sample = sample([
            r#"{"user": {"e_mail": "x", "tags": ["a", "b"]}, "n": 1}"#,
            r#"{"user": {"tags": []}, "n": null}"#,
        ]);
        let fields = sample.fields();
        let [n, _, tags] = &fields[..] else {
            panic!("there are three fields")
        };
        assert_eq!(
            (n.path.as_str(), n.seen.seen_in(), n.seen.nulls),
            ("/n", 2, 1)
        );
        assert_eq!(n.seen.statistics.values(), 1);
        let values = tags.seen.statistics.values();
        assert_eq!((tags.seen.seen_in(), values), (1, 2));
        assert_eq!(paths(sample), ["/n", "/user/e_mail", "/user/tags/*"]);
    }

    #[test]
    fn a_key_that_the_configuration_names_is_shown_escaped() {
        let mut pipeline = Configuration::builtin().pipeline;
        let tokens = ["Län/der", "e~mail"].map(str::to_owned).to_vec();
        pipeline.columns[0].source = ColumnSource::Field(tokens);
        let mut sample = Sample::new(&pipeline);
        sample.add_event(r#"{"Län/der": {"e~mail": 1, "e~mails": 1}}"#);
        assert_eq!(paths(sample), ["/Län~1der/*", "/Län~1der/e~0mail"]);
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
        assert_eq!(paths(sample), ["/by/*", "/device_id", "/user/first_name"]);
        let many: Vec<_> = (0..60).map(|n| format!("\"name{n}\": {n}")).collect();
        let body = format!("{{\"people\": {{{}}}}}", many.join(","));
        assert_eq!(paths(self::sample([body.as_str()])), ["/people/*"]);
    }

    #[test]
    fn only_identifiers_are_shown() {
        let sample = sample([
            r#"{"by": {"Anna Schmidt": 1, "anna.schmidt": 1, "Zoë": 1, "-anna": 1, "7anna": 1},
                "$ref": 1, "@type": 1, "_id": 1, "x-amzn-trace": 1, "camelCase2": 1}"#,
        ]);
        let shown = [
            "/$ref",
            "/@type",
            "/_id",
            "/by/*",
            "/camelCase2",
            "/x-amzn-trace",
        ];
        assert_eq!(paths(sample), shown);
    }

    fn word(n: usize) -> String {
        let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
        [letter(n / 26 / 26), letter(n / 26), letter(n)]
            .iter()
            .collect()
    }

    fn of(bodies: impl IntoIterator<Item = String>) -> Sample {
        let bodies: Vec<_> = bodies.into_iter().collect();
        sample(bodies.iter().map(String::as_str))
    }

    #[test]
    fn keys_that_change_from_object_to_object_are_not_shown() {
        // Names, logins, and objects under them.
        let events = (0..60).map(|n| {
            let (a, b) = (word(n * 7), word(n * 11));
            format!(
                r#"{{"id": 1, "balances": {{"Anna {a}": 1}}, "handles": {{"{a}": "x"}},
                    "people": {{"kind": 1, "{a}": {{"age": 1, "{b}": null}}, "{b}": {{"age": 2}}}}}}"#
            )
        });
        let mut sample = of(events);
        assert!(!sample.has_left_out());
        let fields = sample.fields();
        let handles = &fields[1];
        assert_eq!(
            (handles.path.as_str(), handles.seen.seen_in()),
            ("/handles/*", 60)
        );
        assert_eq!(handles.seen.statistics.values(), 60);
        assert_eq!(handles.seen.statistics.distinct(), 1);
        let expected = [
            "/balances/*",
            "/handles/*",
            "/id",
            "/people/*/*",
            "/people/*/age",
            "/people/kind",
        ];
        assert_eq!(paths(sample), expected);
        // In a few objects, of a few people, and in a column.
        let few = of((0..3).map(|n| format!(r#"{{"by": {{"{}": 1}}, "id": 1}}"#, word(n))));
        assert_eq!(paths(few), ["/by/*", "/id"]);
        let again = of((0..60).map(|n| format!(r#"{{"by": {{"{}": 1}}}}"#, word(n % 12))));
        assert_eq!(paths(again), ["/by/*"]);
        let mut rows = self::sample([]);
        for n in 0..60 {
            rows.begin_row();
            rows.add_column("data", Some(&format!(r#"{{"{}": 1}}"#, word(n))), true);
        }
        assert_eq!(paths(rows), ["data/*"]);
    }

    #[test]
    fn fields_that_are_not_everywhere_are_shown() {
        // One of three variants, and fields that are often absent.
        let events = (0..60).map(|n| {
            let variant = ["card", "transfer", "cash"][n % 3];
            let coupon = if n % 20 == 0 { r#", "coupon": 1"# } else { "" };
            format!(r#"{{"id": 1, "pay": {{"{variant}": {{"amount": 1}}}}{coupon}}}"#)
        });
        let shown = [
            "/coupon",
            "/id",
            "/pay/card/amount",
            "/pay/cash/amount",
            "/pay/transfer/amount",
        ];
        assert_eq!(paths(of(events)), shown);
        // As many as there are in a wide event.
        let wide: Vec<_> = (0..40).map(|n| format!("\"{}\": 1", word(n))).collect();
        let wide = format!("{{{}}}", wide.join(","));
        assert_eq!(paths(of(std::iter::repeat_n(wide, 60))).len(), 40);
    }

    #[test]
    fn depth_and_number_of_fields_are_bounded() {
        let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
        let deep = sample([deep.as_str()]);
        assert!(deep.has_left_out() && paths(deep).is_empty());
        let inner: Vec<_> = (0..40).map(|n| format!("\"{}\": 1", word(n))).collect();
        let inner = inner.join(",");
        let outer: Vec<_> = (0..8)
            .map(|n| format!("\"{}\": {{{inner}}}", word(n)))
            .collect();
        let wide = of([format!("{{{}}}", outer.join(","))]);
        assert!(wide.has_left_out());
        assert_eq!(paths(wide).len(), MOST_FIELDS);
    }

    #[test]
    fn a_column_of_json_is_looked_into() {
        let mut sample = sample([]);
        sample.begin_row();
        sample.add_column("payload", Some(r#"{"email": "a@example.com"}"#), true);
        sample.add_column("note", Some(r#"{"email": "a@example.com"}"#), false);
        sample.add_column("empty", None, false);
        assert_eq!(paths(sample), ["empty", "note", "payload/email"]);
    }
}
