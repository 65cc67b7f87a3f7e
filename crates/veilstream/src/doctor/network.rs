//! Names and clocks.

use std::{net::IpAddr, time::Duration};

use super::{Finding, Subject};

/// A name service that takes longer is none to work with.
const LOOKUP_TIMEOUT: Duration = Duration::from_secs(5);

/// With less difference clocks agree.
const CLOSE_SECONDS: u64 = 30;

/// AWS refuses what is signed with a time that is more than 5 minutes off "in most cases" (IAM User
/// Guide, "AWS Signature Version 4 for API requests",
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_aws-signing.html>), and SQS 15
/// minutes (Amazon SQS Developer Guide, "About the time stamp"). Beyond both, only the correction
/// that veilstream makes is left.
pub(super) const SIGNATURE_SECONDS: u64 = 15 * 60;

/// Looks names up. It is an error when none of them is known.
pub(super) async fn look_up(
    check: &'static str,
    subject: Subject,
    hosts: &[(&str, u16)],
) -> Finding {
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    for (host, port) in hosts {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.parse::<IpAddr>().is_ok() {
            known.push(format!("{host} is an address"));
            continue;
        }
        let looking = tokio::net::lookup_host((host, *port));
        match tokio::time::timeout(LOOKUP_TIMEOUT, looking).await {
            Ok(Ok(mut addresses)) => match addresses.next() {
                Some(first) => known.push(format!("{host} is {}", first.ip())),
                None => unknown.push(format!("host {host} has no address")),
            },
            Ok(Err(error)) => unknown.push(format!("host {host} cannot be looked up ({error})")),
            Err(_) => unknown.push(format!(
                "host {host}: the name service gives no answer within {} s",
                LOOKUP_TIMEOUT.as_secs()
            )),
        }
    }
    let remedy = "correct the host in the URL, or the name service: `getent hosts NAME` asks it, \
                  and /etc/resolv.conf says which one that is";
    if unknown.is_empty() {
        let known = match known.len() {
            0 => "no name to look up".to_owned(),
            _ => known.join(", "),
        };
        Finding::ok(check, known)
    } else if known.is_empty() {
        Finding::error(check, subject, unknown.join("; "), remedy).passing()
    } else {
        Finding::warning(check, unknown.join("; "), remedy)
    }
}

/// Holds another clock against this machine's. Beyond `signature_seconds`, if there is a bound, what other
/// programs sign is refused.
pub(super) fn clock(
    check: &'static str,
    whose: &str,
    ahead: i64,
    signature_seconds: Option<u64>,
) -> Finding {
    let off = ahead.unsigned_abs();
    if off <= CLOSE_SECONDS {
        return Finding::ok(
            check,
            format!("{whose} agrees with this machine's to {off} s"),
        );
    }
    let side = if ahead > 0 { "ahead of" } else { "behind" };
    let detail = format!("{whose} is {off} s {side} this machine's");
    let remedy = "set the clock of the machine that is wrong by NTP: `timedatectl` and `chronyc \
                  tracking` tell";
    let signatures = if signature_seconds.is_some_and(|most| off > most) {
        "; AWS refuses what is signed with a time that is more than 5 to 15 minutes off: veilstream signs \
         with the queue's time, other programs here do not"
    } else {
        ""
    };
    Finding::warning(check, detail + signatures, remedy)
}

#[cfg(test)]
mod tests {
    use super::{super::Verdict, *};

    #[test]
    fn a_clock_is_off_from_31_seconds_on_and_the_queue_s_too_far_for_others_from_15_minutes_on() {
        for (ahead, verdict, too_far) in [
            (0, Verdict::Ok, false),
            (-30, Verdict::Ok, false),
            (31, Verdict::Warning, false),
            (-900, Verdict::Warning, false),
            (-901, Verdict::Warning, true),
            (i64::MIN, Verdict::Warning, true),
        ] {
            let of_the_queue = clock("clock", "the clock", ahead, Some(SIGNATURE_SECONDS));
            let of_the_database = clock("clock", "the clock", ahead, None);
            assert_eq!(of_the_queue.verdict, verdict, "{ahead}");
            assert_eq!(of_the_database.verdict, verdict, "{ahead}");
            let tells = |finding: &Finding| finding.detail.contains("AWS refuses");
            assert_eq!(tells(&of_the_queue), too_far, "{ahead}");
            assert!(!tells(&of_the_database), "{ahead}");
        }
        let behind = clock("clock", "the database's clock", -60, None);
        assert_eq!(
            behind.detail,
            "the database's clock is 60 s behind this machine's"
        );
    }
}
