//! What is counted of a field's values. The values themselves are not kept: of each there is a
//! keyed hash, its length, and what it looked like.

use std::{
    collections::{BTreeMap, HashMap},
    hash::BuildHasher,
};

use super::value::{Looks, Pattern};

/// Different values that are counted apart, for each field.
const MOST_DISTINCT: usize = 16_384;
/// A longer value has no shape, in characters.
const LONGEST_SHAPE: usize = 40;

/// How many values have the form of a pattern, and how many of these are valid.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Tally {
    pub(super) form: u64,
    pub(super) valid: u64,
}

impl Tally {
    /// The share of valid ones among those of the form, over 0 to 1.
    pub(super) fn certainty(self) -> f64 {
        ratio(self.valid, self.form).unwrap_or(0.0)
    }
}

/// Counts over the values of one field.
#[derive(Debug, Default)]
pub struct Statistics {
    values: u64,
    empty: u64,
    /// By the hash of the value, how often it came.
    counts: HashMap<u64, u64>,
    /// Values that came when `counts` was full.
    uncounted: u64,
    /// By length in characters, how many values.
    lengths: BTreeMap<usize, u64>,
    shape: Shape,
    tallies: [Tally; Pattern::COUNT],
    /// By year, how many dates.
    years: BTreeMap<i16, u64>,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Shape {
    #[default]
    Unseen,
    One(String),
    Several,
}

/// The least, the middle and the greatest of some lengths, in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
pub struct Spread {
    /// The least.
    pub min: usize,
    /// The middle one; of an even number, the lower of the two in the middle.
    pub median: usize,
    /// The greatest.
    pub max: usize,
}

impl Statistics {
    /// Counts a value. `hasher` is the same for all values, and of a key that nobody knows: what is
    /// kept cannot be guessed back.
    pub(super) fn add(&mut self, text: &str, hasher: &impl BuildHasher) {
        self.values += 1;
        self.empty += u64::from(text.is_empty());
        let room = self.counts.len() < MOST_DISTINCT;
        match self.counts.get_mut(&hasher.hash_one(text)) {
            Some(count) => *count += 1,
            None if room => {
                self.counts.insert(hasher.hash_one(text), 1);
            }
            None => self.uncounted += 1,
        }
        *self.lengths.entry(text.chars().count()).or_default() += 1;
        self.shape.narrow(text);
        let looks = Looks::of(text);
        for (pattern, valid) in looks.patterns {
            let tally = &mut self.tallies[pattern.index()];
            tally.form += 1;
            tally.valid += u64::from(valid);
        }
        if let Some(year) = looks.year {
            *self.years.entry(year).or_default() += 1;
        }
    }

    /// Adds what was counted of other values, with the same hasher.
    pub(super) fn merge(&mut self, other: Self) {
        self.values += other.values;
        self.empty += other.empty;
        self.uncounted += other.uncounted;
        for (hash, count) in other.counts {
            let room = self.counts.len() < MOST_DISTINCT;
            match self.counts.get_mut(&hash) {
                Some(own) => *own += count,
                None if room => {
                    self.counts.insert(hash, count);
                }
                None => self.uncounted += count,
            }
        }
        for (length, count) in other.lengths {
            *self.lengths.entry(length).or_default() += count;
        }
        for (year, count) in other.years {
            *self.years.entry(year).or_default() += count;
        }
        for (tally, other) in self.tallies.iter_mut().zip(other.tallies) {
            tally.form += other.form;
            tally.valid += other.valid;
        }
        self.shape = match (std::mem::take(&mut self.shape), other.shape) {
            (Shape::Unseen, shape) | (shape, Shape::Unseen) => shape,
            (one, other) if one == other => one,
            (_, _) => Shape::Several,
        };
    }

    /// How many values there are; null is none.
    pub fn values(&self) -> u64 {
        self.values
    }

    /// Values that are not the empty text.
    pub fn filled(&self) -> u64 {
        self.values - self.empty
    }

    /// How many different values there are, at least.
    pub fn distinct(&self) -> usize {
        self.counts.len()
    }

    /// Whether there are so many different values that not all of them were counted apart.
    pub fn is_capped(&self) -> bool {
        self.uncounted > 0
    }

    /// Different values to values, over 0 to 1; `None` without values.
    pub fn distinct_rate(&self) -> Option<f64> {
        ratio(self.distinct() as u64, self.values - self.uncounted)
    }

    /// Shannon's entropy of the values' distribution, in bits: 0 where all are equal, the binary
    /// logarithm of their number where all differ. It is that of the sample, no estimate of what
    /// was not sampled.
    pub fn entropy(&self) -> f64 {
        let total = float(self.values - self.uncounted);
        let sum: f64 = self
            .counts
            .values()
            .map(|&count| float(count) * float(count).log2())
            .sum();
        if total > 0.0 {
            (total.log2() - sum / total).max(0.0)
        } else {
            0.0
        }
    }

    /// The greatest entropy that so many values can have, in bits.
    pub fn entropy_bound(&self) -> f64 {
        float((self.values - self.uncounted).max(1)).log2()
    }

    /// How much of all the most frequent value is, over 0 to 1; `None` without values.
    pub fn top_share(&self) -> Option<f64> {
        ratio(self.counts.values().copied().max()?, self.values)
    }

    /// How long the values are, in characters; `None` without values.
    pub fn lengths(&self) -> Option<Spread> {
        let (&min, &max) = (
            self.lengths.first_key_value()?.0,
            self.lengths.last_key_value()?.0,
        );
        let median = *nth(&self.lengths, (self.values - 1) / 2)?;
        Some(Spread { min, median, max })
    }

    /// The one shape that all values have, if they have one of digits and signs: `d` is a digit,
    /// `a` and `A` are letters. It shows none of their characters but separators.
    pub fn shape(&self) -> Option<&str> {
        match &self.shape {
            Shape::One(shape) => Some(shape),
            Shape::Unseen | Shape::Several => None,
        }
    }

    pub(super) fn tally(&self, pattern: Pattern) -> Tally {
        self.tallies[pattern.index()]
    }

    /// The share of valid ones among what is not empty.
    pub(super) fn share(&self, pattern: Pattern) -> f64 {
        ratio(self.tally(pattern).valid, self.filled()).unwrap_or(0.0)
    }

    /// The years of the dates at a tenth, at the half and at nine tenths of them.
    pub(super) fn years(&self) -> Option<[i16; 3]> {
        let last = self.years.values().sum::<u64>().checked_sub(1)?;
        let at = |tenths| nth(&self.years, last * tenths / 10).copied();
        Some([at(1)?, at(5)?, at(9)?])
    }
}

impl Shape {
    fn narrow(&mut self, text: &str) {
        if *self == Self::Several {
            return;
        }
        *self = match shape(text) {
            Some(shape) if *self == Self::Unseen => Self::One(shape),
            Some(shape) if *self == Self::One(shape.clone()) => return,
            _ => Self::Several,
        };
    }
}

/// The shape of a text; `None` where it is long, or has other than letters, digits and the usual
/// separators.
fn shape(text: &str) -> Option<String> {
    if text.is_empty() || text.chars().nth(LONGEST_SHAPE).is_some() {
        return None;
    }
    let sign = |c: char| match c {
        _ if c.is_ascii_digit() => Some('d'),
        _ if c.is_uppercase() => Some('A'),
        _ if c.is_alphabetic() => Some('a'),
        '-' | '.' | '/' | ':' | '_' | '+' | ' ' | '@' | '(' | ')' | ',' => Some(c),
        _ => None,
    };
    text.chars().map(sign).collect()
}

/// The key at a place, counted from 0, of a table that says how often each key comes.
fn nth<K>(counts: &BTreeMap<K, u64>, place: u64) -> Option<&K> {
    let mut passed = 0;
    counts
        .iter()
        .find(|(_, count)| {
            passed += **count;
            passed > place
        })
        .map(|(key, _)| key)
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

#[expect(
    clippy::cast_precision_loss,
    reason = "counts of a sample are far below 2^52"
)]
fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::hash::RandomState;

    use proptest::prelude::*;

    use super::*;

    fn of<T: AsRef<str>>(values: impl IntoIterator<Item = T>) -> Statistics {
        let hasher = RandomState::new();
        let mut statistics = Statistics::default();
        for value in values {
            statistics.add(value.as_ref(), &hasher);
        }
        statistics
    }

    #[test]
    fn counts_are_as_by_hand() {
        let statistics = of(["a", "b", "b", "ccc", ""]);
        assert_eq!((statistics.values(), statistics.filled()), (5, 4));
        assert_eq!(statistics.distinct(), 4);
        assert_eq!(statistics.distinct_rate(), Some(0.8));
        assert_eq!(statistics.top_share(), Some(0.4));
        let lengths = Spread {
            min: 0,
            median: 1,
            max: 3,
        };
        assert_eq!(statistics.lengths(), Some(lengths));
        // - 3/5 log2 1/5 - 2/5 log2 2/5
        assert!((statistics.entropy() - 1.921_928).abs() < 1e-6);
        assert!((statistics.entropy_bound() - 2.321_928).abs() < 1e-6);
    }

    #[test]
    fn nothing_has_no_numbers() {
        let statistics = of::<&str>([]);
        assert_eq!(statistics.distinct_rate(), None);
        assert_eq!(statistics.top_share(), None);
        assert_eq!(statistics.lengths(), None);
        assert_eq!(
            (statistics.entropy(), statistics.entropy_bound()),
            (0.0, 0.0)
        );
    }

    #[test]
    fn one_shape_is_told_and_two_are_not() {
        assert_eq!(
            of(["593-47-5928", "000-11-2222"]).shape(),
            Some("ddd-dd-dddd")
        );
        assert_eq!(of(["Ab1", "Éß2"]).shape(), Some("Aad"));
        assert_eq!(of(["1", "12"]).shape(), None);
        assert_eq!(of(["1", "12", "1"]).shape(), None);
        assert_eq!(of(["a".repeat(41)]).shape(), None);
        assert_eq!(of(["a#b"]).shape(), None);
    }

    #[test]
    fn memory_is_bounded_however_many_values_differ() {
        let statistics = of((0..MOST_DISTINCT + 100).map(|number| number.to_string()));
        assert_eq!(statistics.distinct(), MOST_DISTINCT);
        assert!(statistics.is_capped());
        assert_eq!(statistics.distinct_rate(), Some(1.0));
    }

    proptest! {
            #[test]
            fn merged_counts_are_those_of_all_values(
                values in proptest::collection::vec("[a-c]{0,3}|19[0-9]{2}-01-02", 0..60),
                place: prop::sample::Index,
            ) {
                let hasher = RandomState::new();
                let counted = |values: &[String]| {
                    let mut statistics = Statistics::default();
                    for value in values {
     statistics.add(value, &hasher);
    }
                    statistics
                };
                let (one, other) = values.split_at(place.index(values.len() + 1));
                let mut merged = counted(one);
                merged.merge(counted(other));
                let all = counted(&values);
                prop_assert_eq!(&merged.counts, &all.counts);
                prop_assert_eq!((merged.values(), merged.filled()), (all.values(), all.filled()));
                prop_assert_eq!((merged.lengths(), merged.years()), (all.lengths(), all.years()));
                prop_assert_eq!(merged.shape(), all.shape());
                let date = [&merged, &all].map(|one| one.tally(Pattern::Date).valid);
                prop_assert_eq!(date[0], date[1]);
            }

            #[test]
            fn the_laws_of_the_numbers_hold(values in proptest::collection::vec("[a-c]{0,3}", 1..200)) {
                let statistics = of(&values);
                let entropy = statistics.entropy();
                prop_assert!(entropy >= 0.0 && entropy <= statistics.entropy_bound() + 1e-9);
                let bound = float(statistics.distinct() as u64).log2();
                prop_assert!(entropy <= bound + 1e-9);
                let rate = statistics.distinct_rate().unwrap();
                prop_assert!(rate > 0.0 && rate <= 1.0);
                let top = statistics.top_share().unwrap();
                prop_assert!(top >= 1.0 / float(statistics.distinct() as u64) - 1e-9 && top <= 1.0);
                let Spread { min, median, max } = statistics.lengths().unwrap();
                prop_assert!(min <= median && median <= max);
                let equal = of(values.iter().map(|_| "x"));
                prop_assert!(equal.entropy() < 1e-9);
                let different = of((0..values.len()).map(|number| number.to_string()));
                prop_assert!((different.entropy() - different.entropy_bound()).abs() < 1e-9);
            }
        }
}
