//! The objects of a sample within each other, and which keys of them are names of fields.

use std::collections::{BTreeMap, HashSet};

use super::{statistics::Statistics, value::Looks};

/// The keys of a single object with more of them are taken for data.
const MOST_KEYS: usize = 50;
/// With more different keys than this, objects whose keys are mostly rare are maps.
const MANY_KEYS: usize = 20;
/// Of so many different keys in so many objects within, one is in most of them, or they are data.
const SCATTERED_KEYS: usize = 4;
const SCATTERED_OBJECTS: u64 = 3;
/// A longer key is taken for data, in characters.
const LONGEST_KEY: usize = 64;
/// So many digits make a key data.
const KEY_DIGITS: usize = 6;
/// Stands for the elements of an array, and for keys that are data.
pub(super) const ANY: &str = "*";

/// A place in the sample: what is there by itself, and what is within it.
#[derive(Default)]
pub(super) struct Node {
    leaf: Option<Box<Leaf>>,
    /// By the reference token of a JSON Pointer (RFC 6901).
    children: BTreeMap<String, Self>,
    /// Objects here that have keys.
    objects: u64,
    /// Whether keys that are not known yet are data.
    is_map: bool,
    /// Whether the configuration names the key.
    is_known: bool,
    /// Objects around it that have this key.
    in_objects: u64,
    /// The number of the first one.
    first_object: u64,
}

/// What was seen of one field.
#[derive(Default)]
pub(super) struct Leaf {
    pub(super) statistics: Statistics,
    pub(super) nulls: u64,
    /// A bit for each record.
    records: Vec<u64>,
}

impl Leaf {
    /// Adds a value, or a null, of the record with a number.
    pub(super) fn see(&mut self, record: u64) {
        let word = usize::try_from(record / 64).expect("records are counted in memory");
        if self.records.len() <= word {
            self.records.resize(word + 1, 0);
        }
        self.records[word] |= 1 << (record % 64);
    }

    /// Records that have the field, be it null.
    pub(super) fn seen_in(&self) -> u64 {
        let words = self.records.iter();
        words.map(|word| u64::from(word.count_ones())).sum()
    }

    fn merge(&mut self, other: Self) {
        self.statistics.merge(other.statistics);
        self.nulls += other.nulls;
        let words = self.records.len().max(other.records.len());
        self.records.resize(words, 0);
        for (word, others) in self.records.iter_mut().zip(other.records) {
            *word |= others;
        }
    }
}

impl Node {
    /// Counts an object here that has so many keys. Whether there are fewer fields now, as it shows
    /// that keys are data.
    pub(super) fn begin_object(&mut self, keys: usize) -> bool {
        self.objects += u64::from(keys > 0);
        let turned = keys > MOST_KEYS && !self.is_map;
        if turned {
            self.is_map = true;
            self.collapse(|_| false);
        }
        turned
    }

    /// What is under a key of the object that was begun; `None` if that is a new place, and there
    /// is no room for one.
    pub(super) fn member(
        &mut self,
        key: &str,
        known: &HashSet<String>,
        room: &mut usize,
    ) -> Option<&mut Self> {
        let mut token = escaped(key);
        let is_known = known.contains(key) && token != ANY;
        let is_shown =
            is_known || self.children.contains_key(&token) || !self.is_map && is_name(key);
        if !is_shown {
            ANY.clone_into(&mut token);
        }
        if !self.children.contains_key(&token) {
            *room = room.checked_sub(1)?;
        }
        let object = self.objects;
        let child = self.child(&token);
        child.is_known = is_known;
        child.in_objects += 1;
        if child.in_objects == 1 {
            child.first_object = object;
        }
        Some(child)
    }

    /// What is under a reference token.
    pub(super) fn child(&mut self, token: &str) -> &mut Self {
        if !self.children.contains_key(token) {
            self.children.insert(token.to_owned(), Self::default());
        }
        self.children.get_mut(token).expect("it was just inserted")
    }

    /// The object that was begun is complete. Whether there are fewer fields now, as its keys turned
    /// out to be data.
    pub(super) fn end_object(&mut self) -> bool {
        let turned = !self.is_map && self.has_many_rare_keys();
        if turned {
            self.is_map = true;
            let objects = self.objects;
            self.collapse(|child| child.is_usual(objects));
        }
        turned
    }

    /// The field here, if there is one.
    pub(super) fn leaf(&mut self) -> &mut Option<Box<Leaf>> {
        &mut self.leaf
    }

    /// How many fields are here and within.
    pub(super) fn fields(&self) -> usize {
        let within: usize = self.children.values().map(Self::fields).sum();
        within + usize::from(self.leaf.is_some())
    }

    /// The fields here and within, by their paths.
    pub(super) fn collect<'n>(&'n self, path: &str, into: &mut Vec<(String, &'n Leaf)>) {
        into.extend(self.leaf.iter().map(|leaf| (path.to_owned(), &**leaf)));
        for (token, child) in &self.children {
            child.collect(&format!("{path}/{token}"), into);
        }
    }

    /// Hides the keys that are data, now that all of the sample is seen. Here are the events themselves, which can
    /// be of several kinds.
    pub(super) fn settle(&mut self) {
        let is_map = self.has_many_rare_keys() || self.has_changing_keys();
        self.settle_as(is_map);
    }

    fn settle_within(&mut self) {
        let is_map =
            self.has_many_rare_keys() || self.has_changing_keys() || self.has_scattered_keys();
        self.settle_as(is_map);
    }

    fn settle_as(&mut self, is_map: bool) {
        if self.is_map || is_map {
            self.is_map = true;
            let objects = self.objects;
            self.collapse(|child| child.is_usual(objects));
        }
        for child in self.children.values_mut() {
            child.settle_within();
        }
    }

    /// The keys that may be data.
    fn keys(&self) -> impl Iterator<Item = &Self> {
        let children = self.children.iter();
        let keys = children.filter(|(token, child)| *token != ANY && !child.is_known);
        keys.map(|(_, child)| child)
    }

    /// Many different keys, most of which are in few objects.
    fn has_many_rare_keys(&self) -> bool {
        if self.children.len() <= MANY_KEYS {
            return false;
        }
        let (keys, rare) = self.keys().fold((0, 0), |(keys, rare), key| {
            (
                keys + 1,
                rare + usize::from(key.in_objects * 10 <= self.objects),
            )
        });
        keys > MANY_KEYS && rare * 2 > keys
    }

    /// Keys of which most objects have one that no other has, or of which none is in many.
    fn has_changing_keys(&self) -> bool {
        let once: HashSet<u64> = self
            .keys()
            .filter(|key| key.in_objects == 1)
            .map(|key| key.first_object)
            .collect();
        let changes = self.objects >= 3 && once.len() as u64 * 2 > self.objects;
        let scattered =
            self.objects >= 10 && self.keys().all(|key| key.in_objects * 5 <= self.objects);
        changes || (scattered && self.is_filled())
    }

    /// Whether most objects have such keys: otherwise these are fields that are rare, in objects of others.
    fn is_filled(&self) -> bool {
        self.keys().map(|key| key.in_objects).sum::<u64>() * 2 > self.objects
    }

    /// Keys of which none is in most objects, as where a few people come again and again.
    fn has_scattered_keys(&self) -> bool {
        self.objects >= SCATTERED_OBJECTS
            && self.keys().nth(SCATTERED_KEYS - 1).is_some()
            && self.keys().all(|key| !key.is_usual(self.objects))
            && self.is_filled()
    }

    /// Whether a key is in most of the objects around it: no key of a map is, but in a map of few.
    fn is_usual(&self, objects: u64) -> bool {
        self.in_objects * 2 > objects
    }

    /// Makes one of all keys but those that stay.
    fn collapse(&mut self, stays: impl Fn(&Self) -> bool) {
        let children = std::mem::take(&mut self.children);
        for (token, child) in children {
            if child.is_known || (token != ANY && stays(&child)) {
                self.children.insert(token, child);
            } else {
                self.child(ANY).merge(child);
            }
        }
    }

    fn merge(&mut self, other: Self) {
        match (&mut self.leaf, other.leaf) {
            (Some(leaf), Some(other)) => leaf.merge(*other),
            (leaf @ None, other) => *leaf = other,
            (Some(_), None) => {}
        }
        for (token, mut child) in other.children {
            // The other's objects come after those here.
            child.first_object += self.objects;
            match self.children.get_mut(&token) {
                Some(own) => own.merge(child),
                None => {
                    self.children.insert(token, child);
                }
            }
        }
        self.objects += other.objects;
        self.in_objects += other.in_objects;
        self.first_object = self.first_object.max(other.first_object);
        self.is_map |= other.is_map;
        self.is_known |= other.is_known;
    }
}

/// Whether a key has the form of a field's name, as programs have them, and not that of a value as
/// in `{"anna@example.com": …}`.
pub fn is_name(key: &str) -> bool {
    let is_identifier = key.starts_with(|c: char| c.is_ascii_alphabetic() || "_$@".contains(c))
        && key
            .chars()
            .skip(1)
            .all(|c| c.is_ascii_alphanumeric() || "_$-".contains(c));
    is_identifier && key.len() <= LONGEST_KEY && !looks_like_data(key)
}

/// Whether a key is a value rather than a name in any language.
pub fn looks_like_data(key: &str) -> bool {
    let digits = key.bytes().filter(u8::is_ascii_digit).count();
    digits >= KEY_DIGITS || Looks::of(key).is_data() || key.contains(char::is_control)
}

/// A key as a reference token.
fn escaped(key: &str) -> String {
    key.replace('~', "~0").replace('/', "~1")
}

#[cfg(test)]
mod tests {
    use super::super::Sample;
    use crate::config::Configuration;

    fn paths(events: impl Iterator<Item = String>) -> Vec<String> {
        let mut sample = Sample::new(&Configuration::builtin().pipeline);
        events.for_each(|event| sample.add_event(&event));
        let fields = sample.fields();
        fields.into_iter().map(|field| field.path).collect()
    }

    #[test]
    fn of_four_keys_within_one_is_in_most_objects_or_they_are_data() {
        let keys = ["anna", "ben", "cleo", "dora"];
        let scattered = |n: usize| format!(r#"{{"by": {{"{}": 1}}}}"#, keys[n % 4]);
        assert_eq!(paths((0..100).map(scattered)), ["/by/*"]);
        // One of them is, so that it and the others may be names of fields.
        let usual = |n: usize| format!(r#"{{"by": {{"kind": 1, "{}": 1}}}}"#, keys[n % 4]);
        assert_eq!(paths((0..100).map(usual)).len(), 5);
        // They are fields that are rare, in objects of others.
        let rare = |n: usize| match n % 10 {
            0 => format!(r#"{{"by": {{"user_id": 1, "{}": 1}}}}"#, keys[n / 10 % 4]),
            _ => r#"{"by": {"user_id": 1}}"#.to_owned(),
        };
        assert_eq!(paths((0..100).map(rare)).len(), 5);
        // Events themselves can be of several kinds.
        let kinds = |n: usize| format!(r#"{{"{}": 1}}"#, keys[n % 4]);
        assert_eq!(paths((0..100).map(kinds)).len(), 4);
    }
}
