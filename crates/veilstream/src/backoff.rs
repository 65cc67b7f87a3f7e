//! Waiting longer after each failure: exponential back-off with full jitter and a cap.

use std::time::Duration;

/// Delays for one run of failures. The delay before try `n` is random between nothing and
/// `first * 2^n`, never above `cap` (AWS Architecture Blog, "Exponential Backoff And Jitter").
#[derive(Debug, Clone)]
pub struct Backoff {
    first: Duration,
    cap: Duration,
    failures: u32,
}

impl Backoff {
    /// Delays from `first` up to `cap`.
    ///
    /// # Panics
    ///
    /// When `first` is zero or longer than `cap`: such delays would be none, or not grow.
    pub const fn new(first: Duration, cap: Duration) -> Self {
        assert!(
            !first.is_zero(),
            "a back-off without a delay is a busy loop"
        );
        assert!(
            first.as_nanos() <= cap.as_nanos(),
            "the first delay is longer than the cap"
        );
        Self {
            first,
            cap,
            failures: 0,
        }
    }

    /// The delay before the next try.
    pub fn next_delay(&mut self) -> Duration {
        let ceiling = self
            .first
            .saturating_mul(1 << self.failures.min(20))
            .min(self.cap);
        self.failures = self.failures.saturating_add(1);
        // Without randomness from the system the full delay is still a right one.
        let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
        ceiling.mul_f64(share).max(Duration::from_millis(1))
    }

    /// How often it has failed in a row.
    pub const fn failures(&self) -> u32 {
        self.failures
    }

    /// It worked: the next failure starts anew.
    pub const fn reset(&mut self) {
        self.failures = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_the_cap_and_start_anew_after_a_success() {
        let first = Duration::from_millis(100);
        let cap = Duration::from_secs(2);
        let mut backoff = Backoff::new(first, cap);
        for failures in 0..40_u32 {
            let ceiling = first.saturating_mul(1 << failures.min(20)).min(cap);
            assert!(backoff.next_delay() <= ceiling);
        }
        assert_eq!(backoff.failures(), 40);
        backoff.reset();
        assert!(backoff.next_delay() <= first);
    }
}
