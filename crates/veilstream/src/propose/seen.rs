//! What `inspect` says of a sample, and which keys of objects are names of fields.

use std::collections::{HashMap, HashSet};

use masking::Zeroizing;

use super::shape::Node;
use crate::{
    config::Configuration,
    inspect::{Choice, Concern, FieldReport, Report, Sample, Source, is_name, looks_like_data},
};

/// A key that looks like no name of a program is one all the same where it is so often in the same
/// place, and in one in so many events (of an object within, in half of them).
const OFTEN: u64 = 3;
const ONE_IN: u64 = 4;
/// What `inspect` says of the fields, by path, and the paths of everything around them.
pub(super) struct Seen {
    pub(super) fields: HashMap<String, FieldReport>,
    places: HashSet<String>,
    /// Whether there is more than was looked at.
    left_out: bool,
}

/// The worst that is within an object or array.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Within {
    Harmless,
    Sentences,
    Personal,
    Unknown,
}

impl Seen {
    pub(super) fn of(bodies: &[Zeroizing<String>], names: HashSet<String>) -> Self {
        let mut sample = Sample::knowing(names);
        for body in bodies {
            sample.add_event(body);
        }
        let mut pipeline = Configuration::builtin().pipeline;
        // Nothing is loaded yet.
        pipeline.columns.clear();
        let source = Source::Queue {
            url: String::new(),
            not_given_back: 0,
            out_of_time: false,
        };
        let report = Report::new(&mut sample, source, &pipeline);
        let places = report.places();
        let fields = report.fields.into_iter();
        Self {
            left_out: report.fields_left_out,
            fields: fields.map(|field| (field.field.clone(), field)).collect(),
            places,
        }
    }

    /// Whether a place is known to be a field's and no piece of data; `key` is that of a member.
    pub(super) fn shows(&self, path: &str, key: Option<&str>) -> bool {
        key != Some("*") && self.places.contains(path)
    }

    /// Whether any member of an object is shown.
    pub(super) fn shows_members(&self, path: &str, node: &Node) -> bool {
        let mut within = node.within(path);
        within.any(|(path, key, _)| key.is_some() && self.shows(&path, key))
    }

    /// Keys that have not the form of names in programs, and come too often to be anything else.
    pub(super) fn odd_names(&self, path: &str, node: &Node, odd: &mut HashSet<String>) {
        let is_event = path.is_empty();
        // A queue can have events of several kinds.
        let one_in = if is_event { ONE_IN } else { 2 };
        for (path, key, within) in node.within(path) {
            let is_usual = within.seen >= OFTEN && within.seen * one_in >= node.objects;
            // A single event can be so wide that it is taken for a map.
            let is_wide = is_event && node.objects < OFTEN && key.is_some_and(is_name);
            if let Some(key) = key
                && !self.shows(&path, Some(key))
                && (is_usual || is_wide)
                && !looks_like_data(key)
            {
                odd.insert(key.to_owned());
            }
            self.odd_names(&path, within, odd);
        }
    }

    pub(super) fn worst_within(&self, path: &str, node: &Node) -> Within {
        if self.left_out {
            return Within::Unknown;
        }
        let scalars = node.nulls + node.booleans + node.numbers + node.strings;
        let own = match self.fields.get(path) {
            None if scalars > 0 => Within::Unknown,
            None => Within::Harmless,
            Some(field) => match field.concern {
                Concern::Personal => Within::Personal,
                Concern::None if field.advice.method == Choice::Redact => Within::Sentences,
                Concern::None | Concern::Pseudonym => Within::Harmless,
            },
        };
        let within = node.within(path).map(|(path, key, node)| {
            let is_empty = !node.has_values() && key.is_some_and(is_name);
            if key.is_none() || is_empty || self.shows(&path, key) {
                self.worst_within(&path, node)
            } else {
                Within::Unknown
            }
        });
        within.fold(own, Within::max)
    }
}
