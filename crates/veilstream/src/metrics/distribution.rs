//! How often something took how long, as a histogram has it.

use prometheus::{Histogram, core::Metric};

/// How often something took how long: upper bounds in seconds with the observations up to each, and
/// those of all.
#[derive(Debug, Clone, PartialEq)]
pub struct Distribution {
    bounds: Vec<(f64, u64)>,
    /// Observations.
    pub count: u64,
    /// Seconds, all together.
    pub sum: f64,
}

impl Distribution {
    pub(super) fn of(histogram: &Histogram) -> Self {
        let metric = histogram.metric();
        let histogram = metric.get_histogram();
        let bounds = histogram.get_bucket().iter();
        Self {
            bounds: bounds
                .map(|bucket| (bucket.upper_bound(), bucket.cumulative_count()))
                .collect(),
            count: histogram.get_sample_count(),
            sum: histogram.get_sample_sum(),
        }
    }

    /// What came since an earlier moment.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let bounds = self.bounds.iter().zip(&earlier.bounds);
        Self {
            bounds: bounds
                .map(|((bound, now), (_, before))| (*bound, now.saturating_sub(*before)))
                .collect(),
            count: self.count.saturating_sub(earlier.count),
            sum: self.sum - earlier.sum,
        }
    }

    /// The time in seconds under which so large a share of the observations lies, interpolated within
    /// its bucket as Prometheus' `histogram_quantile` does; beyond the last bound, that bound. `None`
    /// without observations.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if self.count == 0 {
            return None;
        }
        #[expect(clippy::cast_precision_loss, reason = "far below 2^52 messages")]
        let float = |number: u64| number as f64;
        let rank = share * float(self.count);
        let (mut below, mut bound_below) = (0, 0.0);
        for &(bound, count) in &self.bounds {
            if float(count) >= rank && count > below {
                let within = (rank - float(below)) / float(count - below);
                return Some(bound_below + (bound - bound_below) * within);
            }
            (below, bound_below) = (count, bound);
        }
        Some(bound_below)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::{Metrics, Stage};

    #[test]
    fn a_quantile_lies_where_its_share_of_the_observations_does() {
        let metrics = Metrics::new();
        assert_eq!(metrics.stage(Stage::Load).quantile(0.5), None);
        for _ in 0..90 {
            metrics.took(Stage::Load, Duration::from_millis(7));
        }
        let before = metrics.stage(Stage::Load);
        for _ in 0..10 {
            metrics.took(Stage::Load, Duration::from_mins(2));
        }
        let all = metrics.stage(Stage::Load);
        let median = all.quantile(0.5).unwrap();
        assert!((0.005..0.01).contains(&median), "{median}");
        assert_eq!(all.quantile(0.99), Some(30.0), "beyond the last bound");
        let later = all.since(&before);
        assert_eq!((later.count, later.quantile(0.01)), (10, Some(30.0)));
    }
}
