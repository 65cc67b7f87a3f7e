//! The time that requests are signed with: this machine's, corrected once SQS has refused it.
//!
//! As the AWS SDKs do it: the answer's own header `Date` says how far the clock is off.

use std::{
    sync::atomic::{AtomicI64, Ordering},
    time::{Duration, SystemTime},
};

use http::HeaderValue;

/// With less difference than this a refusal has another reason (the bound of the AWS SDKs; AWS
/// itself takes five minutes or more, AWS IAM User Guide, "Signature Version 4").
const TOLERANCE_SECONDS: u64 = 4 * 60;

/// A clock that can be set.
#[derive(Default)]
pub(super) struct Clock {
    /// How many seconds this machine's clock is behind.
    behind: AtomicI64,
}

impl Clock {
    /// The time, as the queue sees it.
    pub(super) fn now(&self) -> SystemTime {
        let behind = self.behind.load(Ordering::Relaxed);
        let by = Duration::from_secs(behind.unsigned_abs());
        let now = SystemTime::now();
        let corrected = if behind < 0 {
            now.checked_sub(by)
        } else {
            now.checked_add(by)
        };
        corrected.unwrap_or(now)
    }

    /// Sets the clock by the `Date` of an answer that refused what was signed at that time. Whether
    /// the clock may have been the reason, so that another signature may be taken.
    pub(super) fn set_by(&self, date: Option<&HeaderValue>, signed: SystemTime) -> bool {
        let Some(date) = date.and_then(seconds_of) else {
            return false;
        };
        if date.abs_diff(unix_seconds(signed)) <= TOLERANCE_SECONDS {
            return false;
        }
        let behind = date - unix_seconds(SystemTime::now());
        let before = self.behind.swap(behind, Ordering::Relaxed);
        // Several requests may be refused at the same time.
        if before.abs_diff(behind) > TOLERANCE_SECONDS {
            tracing::warn!(
                seconds_behind = behind,
                "this machine's clock is wrong, by the queue's; requests are signed with the \
                 queue's time from now on"
            );
        }
        true
    }
}

/// How many seconds a service's clock is ahead of this machine's, by the `Date` of an answer that has
/// just come.
pub(super) fn seconds_ahead(date: Option<&HeaderValue>) -> Option<i64> {
    Some(seconds_of(date?)? - unix_seconds(SystemTime::now()))
}

/// Whether a request may have been refused because of the time it was signed with (the AWS SDKs'
/// lists of such codes).
pub(super) fn may_be_the_clock(code: &str) -> bool {
    matches!(
        code,
        "RequestTimeTooSkewed"
            | "RequestExpired"
            | "RequestInTheFuture"
            | "InvalidSignatureException"
            | "SignatureDoesNotMatch"
            | "AuthFailure"
            | "AccessDeniedException"
    )
}

/// Seconds since 1970-01-01 UTC of an HTTP date (RFC 9110, section 5.6.7).
fn seconds_of(date: &HeaderValue) -> Option<i64> {
    let date = jiff::fmt::rfc2822::parse(date.to_str().ok()?).ok()?;
    Some(date.timestamp().as_second())
}

fn unix_seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH);
    i64::try_from(since.unwrap_or_default().as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(u64::try_from(seconds).unwrap())
    }

    fn http_date(seconds: i64) -> HeaderValue {
        let date = jiff::Timestamp::from_second(seconds).unwrap();
        let text = date.strftime("%a, %d %b %Y %H:%M:%S GMT").to_string();
        HeaderValue::from_str(&text).unwrap()
    }

    #[test]
    fn only_a_date_that_is_far_from_the_signature_s_sets_the_clock() {
        let clock = Clock::default();
        let now = unix_seconds(SystemTime::now());
        let off_by = |clock: &Clock| unix_seconds(clock.now()) - unix_seconds(SystemTime::now());
        for date in [None, Some("soon"), Some("2026-01-01T00:00:00Z")] {
            let date = date.map(HeaderValue::from_static);
            assert!(!clock.set_by(date.as_ref(), at(now)));
        }
        assert!(!clock.set_by(Some(&http_date(now + 200)), at(now)));
        assert!(off_by(&clock).abs() <= 1);

        assert!(clock.set_by(Some(&http_date(now + 3_600)), at(now)));
        assert!((off_by(&clock) - 3_600).abs() <= 1);
        // Signed with the right time it was refused for another reason.
        assert!(!clock.set_by(Some(&http_date(now + 3_600)), clock.now()));
        // The queue's clock, or this machine's, jumps back.
        assert!(clock.set_by(Some(&http_date(now - 600)), clock.now()));
        assert!((off_by(&clock) + 600).abs() <= 1);
    }
}
