//! The report of a sample: everything that `veilstream inspect` says, and not one value.

use std::collections::HashSet;

use serde::Serialize;

use super::{
    advice::Advice,
    finding::{Concern, Finding},
    loading::Loading,
    name::NameHint,
    sample::{Field, Sample},
    statistics::{Spread, Statistics},
};
use crate::config::Pipeline;

/// Where a sample was taken.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Source {
    /// A queue, by its URL.
    Queue {
        /// The URL.
        url: String,
        /// Messages that could not be given back at once, and come back by themselves.
        not_given_back: usize,
        /// Whether it took too long, and there is more in the queue.
        out_of_time: bool,
    },
    /// A table.
    Table {
        /// Its name with its schema.
        table: String,
        /// Whether the configuration loads into it.
        configured: bool,
        /// Columns that the role may not read.
        unreadable: Vec<String>,
    },
}

/// The report of a sample, the worst field first.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where it was taken.
    pub source: Source,
    /// How many messages or rows were taken.
    pub sampled: u64,
    /// Messages that are no JSON objects, and have no fields.
    pub not_objects: u64,
    /// Whether there are more fields, or deeper ones, than are looked at.
    pub fields_left_out: bool,
    /// What it comes to.
    #[serde(flatten)]
    pub totals: Totals,
    /// The fields.
    pub fields: Vec<FieldReport>,
}

/// Fields counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct Totals {
    /// Fields that look personal and are, or would be, in clear.
    pub personal_in_clear: usize,
    /// Those that stand for somebody.
    pub pseudonyms_in_clear: usize,
}

/// What was found of one field.
#[derive(Debug, Serialize)]
pub struct FieldReport {
    /// Its JSON Pointer, or the column's name.
    pub field: String,
    /// What becomes of it.
    pub loading: Loading,
    /// How much it is about people.
    pub concern: Concern,
    /// What most of its values look like.
    pub looks_like: Looks,
    /// What some of its values look like.
    pub some_look_like: Vec<Looks>,
    /// The share of values that are no tokens, where others are.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_tokens: Option<f64>,
    /// What its name says.
    pub name_says: Option<NameHint>,
    /// Records that have it.
    pub seen_in: u64,
    /// Records that do not have it.
    pub absent: u64,
    /// How often it is null.
    pub nulls: u64,
    /// How many values there are.
    pub values: u64,
    /// How many different ones, at least.
    pub distinct: usize,
    /// Whether there were too many different ones to count.
    pub distinct_is_capped: bool,
    /// Different values to values.
    pub distinct_rate: Option<f64>,
    /// Shannon's entropy of the values' distribution.
    pub entropy_bits: f64,
    /// What it would be if all values were different: the binary logarithm of their number.
    pub entropy_bound_bits: f64,
    /// The share of the most frequent value.
    pub top_share: Option<f64>,
    /// How long values are, in characters.
    pub lengths: Option<Spread>,
    /// The shape that all values have.
    pub shape: Option<String>,
    /// What to do with it.
    pub advice: Advice,
    /// The same, were its most frequent values no matter.
    #[serde(skip)]
    pub uncounted: Advice,
}

/// What values look like, and how many of them.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Looks {
    /// The kind in machines' words.
    pub kind: &'static str,
    /// The kind in people's words.
    pub words: &'static str,
    /// The share of values that are of this kind, where each shows it by itself.
    pub share: Option<f64>,
}

impl Report {
    /// The report of a sample; `pipeline` is that of the configuration.
    pub fn new(sample: &mut Sample, source: Source, pipeline: &Pipeline) -> Self {
        let this_year = super::this_year();
        let records = sample.records();
        let mut fields: Vec<_> = sample
            .fields()
            .iter()
            .map(|field| {
                let statistics = &field.seen.statistics;
                let finding = Finding::of(&field.name, statistics, this_year);
                let loading = match &source {
                    Source::Queue { .. } => Loading::of_field(pipeline, &field.path),
                    Source::Table { configured, .. } => {
                        let pipeline = configured.then_some(pipeline);
                        Loading::of_column(pipeline, &field.path, &finding)
                    }
                };
                let into_inet = loading.is_inet(pipeline);
                let uncounted = Statistics::default();
                let advice = [statistics, &uncounted].map(|of| Advice::of(&finding, of, into_inet));
                FieldReport::new(field, &finding, (loading, advice), records)
            })
            .collect();
        fields.sort_by(|one, other| {
            let worst_first = other.weight().cmp(&one.weight());
            worst_first.then_with(|| one.field.cmp(&other.field))
        });
        let in_clear = |concern| {
            let fields = fields.iter().filter(|field| field.loading.is_clear());
            fields.filter(|field| field.concern == concern).count()
        };
        Self {
            totals: Totals {
                personal_in_clear: in_clear(Concern::Personal),
                pseudonyms_in_clear: in_clear(Concern::Pseudonym),
            },
            source,
            sampled: sample.records() + sample.not_objects(),
            not_objects: sample.not_objects(),
            fields_left_out: sample.has_left_out(),
            fields,
        }
    }

    /// The paths of the fields, and of all objects and arrays around them.
    pub fn places(&self) -> HashSet<String> {
        let mut places = HashSet::new();
        for FieldReport { field, .. } in &self.fields {
            let slashes = field.match_indices('/').skip(1);
            places.extend(slashes.map(|(end, _)| field[..end].to_owned()));
            places.insert(field.clone());
        }
        places
    }
}

impl FieldReport {
    fn new(
        field: &Field<'_>,
        finding: &Finding,
        (loading, [advice, uncounted]): (Loading, [Advice; 2]),
        records: u64,
    ) -> Self {
        let statistics = &field.seen.statistics;
        let seen_in = field.seen.seen_in();
        let looks = |kind: super::Kind, share: Option<f64>| Looks {
            kind: kind.id(),
            words: kind.words(),
            share: share.map(rounded),
        };
        Self {
            field: field.path.clone(),
            loading,
            concern: finding.concern,
            looks_like: looks(finding.kind, finding.share),
            some_look_like: finding
                .some
                .iter()
                .map(|(kind, share)| looks(*kind, Some(*share)))
                .collect(),
            no_tokens: finding.no_tokens.map(rounded),
            name_says: finding.hint,
            seen_in,
            absent: records - seen_in,
            nulls: field.seen.nulls,
            values: statistics.values(),
            distinct: statistics.distinct(),
            distinct_is_capped: statistics.is_capped(),
            distinct_rate: statistics.distinct_rate().map(rounded),
            entropy_bits: rounded(statistics.entropy()),
            entropy_bound_bits: rounded(statistics.entropy_bound()),
            top_share: statistics.top_share().map(rounded),
            lengths: statistics.lengths(),
            shape: statistics.shape().map(str::to_owned),
            advice,
            uncounted,
        }
    }

    /// What is personal and in clear comes first, then what is personal at all, then the rest.
    fn weight(&self) -> (bool, Concern, bool) {
        let clear = self.loading.is_clear();
        (clear && self.concern > Concern::None, self.concern, clear)
    }
}

/// To three places: more say nothing about a sample.
fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::Configuration, sample::login_events};

    fn report(bodies: impl IntoIterator<Item = String>) -> Report {
        let pipeline = Configuration::builtin().pipeline;
        let mut sample = Sample::new(&pipeline);
        for body in bodies {
            sample.add_event(&body);
        }
        let source = Source::Queue {
            url: "http://localhost/1/q".to_owned(),
            not_given_back: 0,
            out_of_time: false,
        };
        Report::new(&mut sample, source, &pipeline)
    }

    #[test]
    fn the_built_in_events_and_pipeline_leak_nothing() {
        let report = report(login_events().take(500));
        assert_eq!((report.sampled, report.not_objects), (500, 0));
        let totals = Totals {
            personal_in_clear: 0,
            pseudonyms_in_clear: 1,
        };
        assert_eq!(report.totals, totals, "{report:#?}");
        assert_eq!(report.fields[0].field, "/user_id");
        assert_eq!(report.fields[1].concern, Concern::Personal);
        assert!(!report.fields[1].loading.is_clear());
    }

    #[test]
    fn the_worst_comes_first_and_no_value_is_in_it() {
        let body = |n| {
            format!(
                r#"{{"locale": "canary{n}@example.com", "ip": "203.0.113.{n}", "user_id": "u{n}",
                    "other": "canary{n}@example.net", "device_type": "x"}}"#
            )
        };
        let report = report((0..100).map(body).chain(["no JSON".to_owned()]));
        let order: Vec<_> = report
            .fields
            .iter()
            .map(|field| field.field.as_str())
            .collect();
        assert_eq!(
            order,
            ["/locale", "/user_id", "/ip", "/other", "/device_type"]
        );
        assert_eq!(report.totals.personal_in_clear, 1);
        assert_eq!((report.sampled, report.not_objects), (101, 1));
        let json = serde_json::to_string(&report).unwrap();
        for canary in ["canary", "203.0.113", "no JSON"] {
            assert!(
                !json.contains(canary) && !format!("{report:?}").contains(canary),
                "{json}"
            );
        }
    }
}
