//! What was seen at each place of the events: which kinds of JSON values, and how often.

use std::collections::BTreeMap;

use serde_json::Value;

/// A place in the events.
#[derive(Default)]
pub(super) struct Node {
    /// How often something was there.
    pub(super) seen: u64,
    pub(super) nulls: u64,
    pub(super) booleans: u64,
    pub(super) numbers: u64,
    pub(super) strings: u64,
    /// Strings of three words or more.
    pub(super) sentences: u64,
    pub(super) objects: u64,
    pub(super) arrays: u64,
    /// The least and the greatest whole number; `None` unless all numbers are whole.
    pub(super) range: Option<(i64, i64)>,
    /// By key.
    pub(super) members: BTreeMap<String, Self>,
    /// The elements of all arrays.
    pub(super) elements: Option<Box<Self>>,
}

impl Node {
    pub(super) fn add(&mut self, value: Value) {
        self.seen += 1;
        match value {
            Value::Null => self.nulls += 1,
            Value::Bool(_) => self.booleans += 1,
            Value::String(text) => {
                self.strings += 1;
                self.sentences += u64::from(text.split_whitespace().nth(2).is_some());
            }
            Value::Number(number) => {
                self.range = number.as_i64().and_then(|number| match self.range {
                    Some((least, greatest)) => Some((least.min(number), greatest.max(number))),
                    None => (self.numbers == 0).then_some((number, number)),
                });
                self.numbers += 1;
            }
            Value::Object(members) => {
                self.objects += 1;
                for (key, value) in members {
                    self.members.entry(key).or_default().add(value);
                }
            }
            Value::Array(elements) => {
                self.arrays += 1;
                for element in elements {
                    self.elements.get_or_insert_default().add(element);
                }
            }
        }
    }

    /// Whether there are objects, and beside them at most nulls.
    pub(super) fn is_object(&self) -> bool {
        self.objects > 0 && self.objects + self.nulls == self.seen
    }

    /// Whether there is any object or array.
    pub(super) fn has_container(&self) -> bool {
        self.objects + self.arrays > 0
    }

    /// Whether there is anything here or within but empty objects and arrays.
    pub(super) fn has_values(&self) -> bool {
        let here = self.nulls + self.booleans + self.numbers + self.strings > 0;
        here || self.within("").any(|(_, _, node)| node.has_values())
    }

    /// Places within, each with its path; the elements of arrays are at `*`.
    pub(super) fn within(&self, path: &str) -> impl Iterator<Item = (String, Option<&str>, &Self)> {
        let members = self.members.iter();
        let members = members.map(move |(key, node)| (member(path, key), Some(key.as_str()), node));
        let elements = self.elements.iter();
        members.chain(elements.map(move |node| (format!("{path}/*"), None, &**node)))
    }
}

/// The path of a member.
pub(super) fn member(path: &str, key: &str) -> String {
    format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"))
}
