//! A figure that was measured several times.

use serde::Serialize;

/// The values of all runs; there is one at least.
#[derive(Clone, Serialize)]
pub(crate) struct Figures {
    median: f64,
    least: f64,
    most: f64,
    /// As they were measured, first run first.
    runs: Vec<f64>,
}

impl Figures {
    /// Of these runs, in the order in which they were made.
    pub(crate) fn new(runs: Vec<f64>) -> Self {
        let mut sorted = runs.clone();
        sorted.sort_by(f64::total_cmp);
        let (least, most) = (sorted[0], sorted[sorted.len() - 1]);
        let middle = sorted.len() / 2;
        let median = if sorted.len() % 2 == 1 {
            sorted[middle]
        } else {
            f64::midpoint(sorted[middle - 1], sorted[middle])
        };
        Self {
            median,
            least,
            most,
            runs,
        }
    }

    /// What a run was like that is neither among the better nor among the worse half.
    pub(crate) fn median(&self) -> f64 {
        self.median
    }

    /// The least of all runs.
    pub(crate) fn least(&self) -> f64 {
        self.least
    }

    /// The most of all runs.
    pub(crate) fn most(&self) -> f64 {
        self.most
    }

    /// The median and the spread, for people: `41,900 (40,900 to 50,200)`; of one run just its value.
    pub(crate) fn text(&self) -> String {
        let median = number(self.median);
        if self.runs.len() == 1 {
            return median;
        }
        format!("{median} ({} to {})", number(self.least), number(self.most))
    }
}

/// A number as people read it: three digits that count, thousands apart.
pub(crate) fn number(value: f64) -> String {
    let digits = match value.abs() {
        large if large >= 99.95 => 0,
        middling if middling >= 9.995 => 1,
        _ => 2,
    };
    let plain = format!("{value:.digits$}");
    let (whole, fraction) = plain
        .split_once('.')
        .map_or((&*plain, None), |(whole, fraction)| (whole, Some(fraction)));
    let (sign, whole) = whole
        .strip_prefix('-')
        .map_or(("", whole), |whole| ("-", whole));
    let mut text = sign.to_owned();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if let Some(fraction) = fraction {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_and_the_spread_are_those_of_the_runs() {
        assert_eq!(
            Figures::new(vec![41_900.0, 50_200.0, 40_900.4]).text(),
            "41,900 (40,900 to 50,200)"
        );
        assert_eq!(Figures::new(vec![2.0, 1.0]).text(), "1.50 (1.00 to 2.00)");
        assert_eq!(Figures::new(vec![23.28]).text(), "23.3");
    }

    #[test]
    fn numbers_keep_the_digits_that_count() {
        let numbers = [0.0, 9.994, 9.996, 99.96, 999.6, 1_234_567.0, -1234.0].map(number);
        let expected = [
            "0.00",
            "9.99",
            "10.0",
            "100",
            "1,000",
            "1,234,567",
            "-1,234",
        ];
        assert_eq!(numbers, expected);
    }
}
