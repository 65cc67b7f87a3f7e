//! The queue: whether it is reached and how, what its role may do, and what its attributes mean for
//! a run.

use std::time::Duration;

use http::Uri;

use super::{
    Finding, Subject, Verdict,
    database::Told,
    network::{self, SIGNATURE_SECONDS},
};
use crate::{
    config::{OnReject, Pipeline},
    load::ledger,
    source::{Permission, Presence, Queue, QueueSettings, TOO_FEW_RECEIVES, is_loopback},
    startup::Settings,
};

/// A visibility time-out under this leaves little time to extend it.
const SHORT_VISIBILITY: Duration = Duration::from_secs(30);
/// So many commits have to fit into it.
const COMMITS_IN_VISIBILITY: u32 = 20;
/// Messages that are kept for less do not outlast a night without the database.
const SHORT_RETENTION: Duration = Duration::from_hours(24);
/// A redrive policy that moves a message after less is for none but poison; a look into the queue takes one
/// receive of them.
const LEAST_RECEIVES: u32 = TOO_FEW_RECEIVES + 1;

const DEAD_LETTERS: &str = "dead-letter queue";
const RETENTION: &str = "retention";

/// What was found, and the queue if it was reached.
pub(super) struct Examined {
    pub(super) findings: Vec<Finding>,
    pub(super) reached: Option<Queue>,
}

/// Reaches the queue, and looks at everything on the way to it.
pub(super) async fn examine(settings: &Settings) -> Examined {
    let mut findings = Vec::new();
    let reached = reach(settings, &mut findings).await;
    Examined { findings, reached }
}

async fn reach(settings: &Settings, findings: &mut Vec<Finding>) -> Option<Queue> {
    let address = match settings.queue_address().await {
        Ok(address) => address,
        Err(error) => {
            findings.push(Finding::failed("queue", &error));
            return None;
        }
    };
    let host = (
        address.endpoint.host().unwrap_or_default(),
        address.endpoint.port_u16().unwrap_or(443),
    );
    let names = network::look_up("queue dns", Subject::Queue, &[host]).await;
    let is_known = names.verdict != Verdict::Error;
    findings.push(names);
    if !is_known {
        return None;
    }
    let queue = match settings.queue().await {
        Ok(queue) => queue,
        Err(error) => {
            findings.push(Finding::failed("queue", &error));
            return None;
        }
    };
    findings.push(Finding::ok("queue", describe(&queue)));
    findings.extend([encryption(&address.endpoint), clock(&queue).await]);
    findings.extend(permissions(&queue).await);
    Some(queue)
}

fn describe(queue: &Queue) -> String {
    let settings = queue.settings();
    let fifo = if queue.is_fifo() { ", FIFO" } else { "" };
    let protocol = queue.other_protocol();
    let protocol = protocol.map_or_else(String::new, |name| format!(", protocol {name}"));
    format!(
        "{}: about {} messages, visibility time-out {} s{fifo}{protocol}",
        queue.url(),
        settings.approximate_messages,
        settings.visibility_timeout.as_secs()
    )
}

/// Whether requests go through TLS.
pub(super) fn encryption(endpoint: &Uri) -> Finding {
    const CHECK: &str = "queue tls";
    let host = endpoint.host().unwrap_or_default();
    if endpoint.scheme_str() == Some("https") {
        Finding::ok(CHECK, "https, and the certificate is verified")
    } else if is_loopback(endpoint) {
        Finding::ok(CHECK, "http, which does not leave this machine")
    } else {
        Finding::warning(
            CHECK,
            format!("http to {host}: messages cross the network unencrypted"),
            "name the service by an https:// URL (--queue-url, --endpoint-url, \
             AWS_ENDPOINT_URL_SQS)",
        )
    }
}

async fn clock(queue: &Queue) -> Finding {
    const CHECK: &str = "queue clock";
    let not_known = |why: String| {
        let remedy = "compare this machine's clock with another one: `timedatectl` tells";
        Finding::warning(CHECK, why, remedy)
    };
    match queue.client().seconds_ahead(queue.url()).await {
        Ok(Some(ahead)) => {
            network::clock(CHECK, "the queue's clock", ahead, Some(SIGNATURE_SECONDS))
        }
        Ok(None) => not_known("the queue does not say the time".to_owned()),
        Err(error) => not_known(format!("the queue did not say the time: {error}")).passing(),
    }
}

/// What can be told by asking for what SQS refuses anyway.
async fn permissions(queue: &Queue) -> Vec<Finding> {
    const CHECK: &str = "permissions";
    let mut findings = Vec::new();
    for permission in [
        Permission::Receive,
        Permission::Delete,
        Permission::ChangeVisibility,
    ] {
        let action = permission.action();
        match queue.probe(permission).await {
            Ok(()) => {}
            Err(error) if error.is_denied() => findings.push(Finding::error(
                CHECK,
                Subject::Queue,
                format!("{action} is denied"),
                format!(
                    "allow {action} on {} in the role's IAM policy, or in the queue's; `aws sts \
                     get-caller-identity` says whose policy that is",
                    queue.settings().arn
                ),
            )),
            Err(error) => {
                let unknown = Finding::warning(
                    CHECK,
                    format!("whether {action} is allowed is not known: {error}"),
                    "run `veilstream check` again once the queue answers",
                );
                findings.push(unknown.passing());
            }
        }
    }
    if findings.is_empty() {
        let allowed = "sqs:GetQueueAttributes, sqs:ReceiveMessage, sqs:DeleteMessage and \
                       sqs:ChangeMessageVisibility are not denied";
        findings.push(Finding::ok(CHECK, allowed));
    }
    if let Some(key) = &queue.settings().kms_key {
        findings.push(Finding::ok(CHECK, format!(
            "the queue is encrypted with {key}: whether kms:Decrypt on it is allowed is not probed, since SQS \
             asks for that only when it gives out a message; ReadAnEncryptedQueue in deploy/aws/iam-policy.json \
             is the statement to have"
        )));
    }
    findings
}

/// Whether the dead-letter queue is there, if one is named.
pub(super) async fn dead_letter_queue(queue: &Queue) -> Option<Presence> {
    let arn = queue.settings().dead_letter_arn.as_deref()?;
    Some(queue.presence(arn).await)
}

/// What the queue's attributes mean for a run, beside what the database told, and whether the dead-letter
/// queue is there, if these are known.
pub(super) fn attributes(
    queue: &Queue,
    pipeline: &Pipeline,
    told: &Told,
    dead: Option<Presence>,
) -> Vec<Finding> {
    let settings = queue.settings();
    let set = |attribute: &str| {
        let url = queue.url();
        format!("aws sqs set-queue-attributes --queue-url {url} --attributes {attribute}")
    };
    let kept = settings.message_retention;
    let mut findings = vec![visibility(settings.visibility_timeout, told.commit, set)];
    findings.extend(retention(kept, pipeline, told.ledger.as_ref(), set));
    findings.push(dead_letters(settings, pipeline.on_reject, dead));
    findings
}

fn visibility(
    timeout: Duration,
    commit: Option<Duration>,
    set: impl Fn(&str) -> String,
) -> Finding {
    const CHECK: &str = "visibility time-out";
    let measured = commit.map_or_else(String::new, |commit| {
        format!("; a commit takes {:.1} ms", commit.as_secs_f64() * 1_000.0)
    });
    let wanted = SHORT_VISIBILITY.max(commit.unwrap_or_default() * COMMITS_IN_VISIBILITY);
    let seconds = timeout.as_secs();
    if timeout >= wanted {
        return Finding::ok(CHECK, format!("{seconds} s{measured}"));
    }
    // Whole seconds, no fewer than are wanted.
    let wanted = wanted.as_secs() + u64::from(wanted.subsec_nanos() > 0);
    Finding::warning(
        CHECK,
        format!(
            "{seconds} s is short{measured}: a pause of the network or of the database, and \
             messages come again while they are being loaded, which costs time and counts as \
             deliveries"
        ),
        set(&format!("VisibilityTimeout={}", wanted.max(60))),
    )
}

/// For how long the queue keeps messages, beside a night without the database and what the ledger knows.
fn retention(
    kept: Duration,
    pipeline: &Pipeline,
    ledger: Option<&ledger::Start>,
    set: impl Fn(&str) -> String,
) -> Vec<Finding> {
    let mut findings = Vec::new();
    if let Some(warning) = pipeline.identity.warning_beside(kept) {
        let raise = "raise `identity_retention` under [pipeline]";
        findings.push(Finding::warning(RETENTION, warning, raise));
    }
    if kept < SHORT_RETENTION {
        findings.push(Finding::warning(
            RETENTION,
            format!(
                "the queue keeps messages for {} s only: those that are not loaded within it, for \
                 an outage of the database perhaps, are lost",
                kept.as_secs()
            ),
            // Four days, the default of SQS.
            set("MessageRetentionPeriod=345600"),
        ));
    }
    findings.extend(ledger.and_then(|start| begins_too_late(start, kept)));
    if findings.is_empty() {
        let days = days(kept);
        let known = ledger.map_or("", |_| ", and the ledger knows them for longer");
        let detail = format!("the queue keeps messages for {days:.1} d{known}");
        findings.push(Finding::ok(RETENTION, detail));
    }
    findings
}

/// Whether the queue can hold messages that the ledger leaves there. Its age would not tell: what comes back
/// out of a dead-letter queue can be older.
fn begins_too_late(start: &ledger::Start, kept: Duration) -> Option<Finding> {
    match start {
        ledger::Start::Known { ago, .. } if *ago >= kept => None,
        ledger::Start::Known { day, .. } => Some(Finding::warning(
            RETENTION,
            format!(
                "the queue keeps messages for {:.1} d, and the ledger begins with {day}: what was sent \
                 before is not loaded, and stays in the queue until that drops it",
                days(kept)
            ),
            "if no worker of this database has loaded such messages, as of a queue that is new to it, set \
             veilstream.ledger_start back as its owner; docs/delivery.md has the statement",
        )),
        ledger::Start::NotReadable { role } => Some(Finding::warning(
            RETENTION,
            format!(
                "the queue keeps messages for {:.1} d; whether the ledger knows them for as long is not \
                 known, since the role may not read where it begins",
                days(kept)
            ),
            format!(
                "run deploy/roles.sql again as the owner, or GRANT SELECT ON veilstream.ledger_start TO {role}"
            ),
        )),
    }
}

fn days(duration: Duration) -> f64 {
    duration.as_secs_f64() / 86_400.0
}

fn dead_letters(
    settings: &QueueSettings,
    on_reject: OnReject,
    presence: Option<Presence>,
) -> Finding {
    let make = "make a queue for them and name it in this one's RedrivePolicy, with \
                maxReceiveCount 10 perhaps; docs/doctor.md has the commands";
    match (settings.max_receive_count, on_reject) {
        (None, OnReject::Leave) => Finding::warning(
            DEAD_LETTERS,
            "there is none, and on_reject = \"leave\": a rejected message comes again and again \
             until the queue drops it, and is lost",
            format!("{make}; or write on_reject = \"quarantine\""),
        ),
        (None, OnReject::Quarantine) => Finding::warning(
            DEAD_LETTERS,
            "there is none: what a worker can never settle comes again and again until the queue \
             drops it",
            make,
        ),
        (Some(count), _) => redriven(count, settings.dead_letter_arn.as_deref(), presence),
    }
}

/// What a redrive policy means.
fn redriven(count: u32, arn: Option<&str>, presence: Option<Presence>) -> Finding {
    let Some(arn) = arn else {
        return Finding::warning(
            DEAD_LETTERS,
            "the queue's RedrivePolicy cannot be read: after how many receives a message goes, and where \
             to, is not known",
            "set the policy again; docs/doctor.md has the command",
        );
    };
    let there = match presence {
        Some(Presence::Gone) => {
            return Finding::warning(
                DEAD_LETTERS,
                format!(
                    "{arn} is not there, or hidden from this role: what a worker can never settle has \
                     nowhere to go"
                ),
                "create it, or name another one in the queue's RedrivePolicy; docs/doctor.md has the \
                 command",
            );
        }
        Some(Presence::NotKnown) => "; not known whether it is there",
        Some(Presence::There) | None => "",
    };
    let receives = if count == 1 { "receive" } else { "receives" };
    if count < LEAST_RECEIVES {
        return Finding::warning(
            DEAD_LETTERS,
            format!(
                "a message goes there after {count} {receives}: a worker that is restarted, or a database \
                 that is away, is enough for good ones to go{there}"
            ),
            "raise maxReceiveCount in the queue's RedrivePolicy; docs/doctor.md has the command",
        );
    }
    Finding::ok(DEAD_LETTERS, format!("after {count} {receives}{there}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_visibility_time_out_is_short_beside_a_slow_commit_as_well() {
        let found = |seconds, commit_millis| {
            let commit = Duration::from_millis(commit_millis);
            visibility(Duration::from_secs(seconds), Some(commit), str::to_owned)
        };
        assert_eq!(found(30, 1_500).verdict, Verdict::Ok);
        assert_eq!(found(29, 1).verdict, Verdict::Warning);
        let slow = found(60, 4_010);
        assert_eq!(slow.verdict, Verdict::Warning);
        assert_eq!(slow.remedy.as_deref(), Some("VisibilityTimeout=81"));
    }
}
