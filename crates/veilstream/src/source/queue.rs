//! One queue, reached and known: what its attributes say is asked for once, at start.

use std::{collections::HashMap, time::Duration};

use serde::Deserialize;

use crate::delivery::{Durable, Left};

use super::{
    Address, Client, EntryFailure, Protocol, QueueError,
    call::RECEIVE,
    client::PendingReceive,
    lease::{Due, Terms},
};

/// For how long a queue keeps messages (Amazon SQS API reference, `SetQueueAttributes`,
/// `MessageRetentionPeriod`).
const RETENTION: std::ops::RangeInclusive<Duration> =
    Duration::from_mins(1)..=Duration::from_hours(14 * 24);

/// A queue that has been reached.
pub struct Queue {
    client: Client,
    url: String,
    settings: QueueSettings,
    terms: Terms,
}

/// What the queue says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// The Amazon resource name.
    pub arn: String,
    /// How long a delivery stays hidden from other consumers where a receive does not say.
    pub visibility_timeout: Duration,
    /// For how long it keeps messages from when they are sent: 60 s to 14 days. A server that does
    /// not say is taken to keep them as long as any may.
    pub message_retention: Duration,
    /// About how many messages were visible when it was asked.
    pub approximate_messages: u64,
    /// After so many deliveries a message goes to the dead-letter queue, if there is one. A policy that cannot
    /// be read is taken for the strictest there is.
    pub max_receive_count: Option<u32>,
    /// The ARN of that queue; `None` beside a count is a policy that cannot be read.
    pub dead_letter_arn: Option<String>,
    /// The AWS KMS key that its messages are encrypted with, as the queue names it, unless it is AWS's own.
    pub kms_key: Option<String>,
}

/// A permission that can be probed without changing anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Permission {
    /// To receive messages.
    Receive,
    /// To delete messages.
    Delete,
    /// To change for how long they stay hidden.
    ChangeVisibility,
}

impl Permission {
    /// The action as IAM calls it. It covers the batch as well (Amazon SQS API reference,
    /// `AddPermission`).
    pub fn action(self) -> &'static str {
        match self {
            Self::Receive => "sqs:ReceiveMessage",
            Self::Delete => "sqs:DeleteMessage",
            Self::ChangeVisibility => "sqs:ChangeMessageVisibility",
        }
    }
}

/// Whether a queue that is named elsewhere is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// It is.
    There,
    /// SQS knows none, or shows it to others only.
    Gone,
    /// It cannot be asked for.
    NotKnown,
}

/// A receipt handle that no queue has given out.
const MADE_UP_HANDLE: &str = "veilstream-check-made-this-up";

/// The attribute `RedrivePolicy`, which is JSON in a string.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RedrivePolicy {
    max_receive_count: ReceiveCount,
    #[serde(default)]
    dead_letter_target_arn: Option<String>,
}

/// AWS takes the count as a number and as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum ReceiveCount {
    Number(u32),
    Text(String),
}

impl Queue {
    /// Reaches the queue at `url`, or the one called `name` where no URL is set.
    ///
    /// Without a protocol it finds out which one the service speaks: JSON, unless what answers does
    /// not know that and the Query protocol leads to the queue. AWS speaks both. An answer that SQS
    /// itself gives in JSON, whatever it refuses, leaves it at that. After a status that means "later",
    /// as a gateway in trouble gives it as well, JSON is tried once more before it is Query.
    ///
    /// # Errors
    ///
    /// When the queue is not there, not reached, or refuses. Where neither protocol is understood,
    /// what became of the first try.
    pub async fn connect(
        address: Address,
        protocol: Option<Protocol>,
        url: Option<&str>,
        name: &str,
    ) -> Result<Self, QueueError> {
        let known = protocol.or_else(|| address.is_aws().then_some(Protocol::Json));
        let client = Client::new(address, known.unwrap_or(Protocol::Json));
        // In a box: what finds the credentials is large, and would stay in every start's future.
        let mut client = Box::pin(client).await?;
        let mut found = find(&client, url, name).await;
        if let Err(first) = &found
            && known.is_none()
            && first.may_be_the_protocol()
        {
            let was_busy = matches!(first, QueueError::Busy { .. });
            client = client.speaking(Protocol::Query);
            let second = find(&client, url, name).await;
            if second.as_ref().map_or_else(QueueError::is_of_sqs, |_| true) {
                found = second;
            }
            if was_busy && found.is_ok() {
                client = client.speaking(Protocol::Json);
                let third = find(&client, url, name).await;
                if third.is_ok() {
                    found = third;
                } else {
                    client = client.speaking(Protocol::Query);
                }
            }
        }
        let (url, settings) = found?;
        Ok(Self {
            client,
            url,
            terms: Terms::new(settings.visibility_timeout, None),
            settings,
        })
    }

    /// For how long it keeps messages, asked anew: somebody may have changed it.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub async fn message_retention(&self) -> Result<Duration, QueueError> {
        let attributes = self.client.queue_attributes(&self.url).await?;
        Ok(message_retention(&attributes))
    }

    /// Asks for something that SQS refuses anyway: to delete or to hide what a made-up receipt handle is of,
    /// to receive more messages than it gives at once. Who may not do it is denied that. No message is
    /// touched.
    ///
    /// # Errors
    ///
    /// When SQS denies it, or cannot say.
    pub async fn probe(&self, permission: Permission) -> Result<(), QueueError> {
        let made_up = [MADE_UP_HANDLE];
        let (action, answer) = match permission {
            Permission::Receive => {
                let call = self.client.receive_too_many(&self.url).await;
                (RECEIVE, call.map(|()| Vec::new()))
            }
            Permission::Delete => {
                let call = self.client.delete_batch(&self.url, made_up.into_iter());
                ("DeleteMessageBatch", call.await)
            }
            Permission::ChangeVisibility => {
                let handles = made_up.into_iter().map(|handle| (handle, 0));
                let call = self.client.change_visibility_batch(&self.url, handles);
                ("ChangeMessageVisibilityBatch", call.await)
            }
        };
        match answer {
            Ok(failed) => {
                // Of the entry, with the answer to the batch.
                let refused = failed
                    .into_iter()
                    .find(|entry| !is_of_what_was_made_up(&entry.code));
                refused.map_or(Ok(()), |entry| {
                    Err(QueueError::Refused {
                        action,
                        status: 200,
                        code: entry.code,
                    })
                })
            }
            Err(QueueError::Refused { code, .. }) if is_of_what_was_made_up(&code) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// Whether the queue that a redrive policy names is there. That of another account or region cannot be
    /// asked for by its name.
    pub async fn presence(&self, arn: &str) -> Presence {
        let own = self.settings.arn.rsplit_once(':');
        match (arn.rsplit_once(':'), own) {
            (Some((place, name)), Some((own, _))) if place == own => {
                match self.client.queue_url(name).await {
                    Ok(_) => Presence::There,
                    Err(QueueError::Refused { code, .. }) if is_of_no_queue(&code) => {
                        Presence::Gone
                    }
                    Err(_) => Presence::NotKnown,
                }
            }
            (Some(_) | None, _) => Presence::NotKnown,
        }
    }

    /// With the longest time for which a message may be kept hidden.
    #[must_use]
    pub fn with_longest_lease(mut self, longest: Option<Duration>) -> Self {
        self.terms = Terms::new(self.settings.visibility_timeout, longest);
        self
    }

    /// For how long messages are hidden; sent with each receive, so that both sides mean the same.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// The queue's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the order of messages counts (Amazon SQS Developer Guide, "FIFO queues").
    pub fn is_fifo(&self) -> bool {
        self.settings.arn.strip_suffix(".fifo").is_some()
    }

    /// What the queue says of itself.
    pub fn settings(&self) -> &QueueSettings {
        &self.settings
    }

    /// The name of the protocol that is spoken, if it is not the usual one, JSON.
    pub fn other_protocol(&self) -> Option<&'static str> {
        match self.client.protocol() {
            Protocol::Json => None,
            Protocol::Query => Some("query"),
        }
    }

    /// The client, to parse what it received.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Receives up to ten messages, waiting up to `wait` for the first.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub async fn receive(&self, wait: Duration) -> Result<PendingReceive<'_>, QueueError> {
        self.client
            .receive(&self.url, wait, self.terms.visibility)
            .await
    }

    /// The same for a look at the messages: they stay hidden for a time of its own.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub(super) async fn receive_hidden(
        &self,
        wait: Duration,
        visibility: Duration,
    ) -> Result<PendingReceive<'_>, QueueError> {
        self.client.receive(&self.url, wait, visibility).await
    }

    /// Makes up to ten deliveries that were only looked at visible again at once: the entries that
    /// failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub(super) async fn give_back_handles(
        &self,
        handles: &[Box<str>],
    ) -> Result<Vec<EntryFailure>, QueueError> {
        let handles = handles.iter().map(|handle| (handle.as_ref(), 0));
        self.client
            .change_visibility_batch(&self.url, handles)
            .await
    }

    /// Deletes up to ten durable deliveries: the entries that failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub async fn delete(&self, durable: &[Durable]) -> Result<Vec<EntryFailure>, QueueError> {
        let handles = durable.iter().map(|one| one.receipt().handle());
        self.client.delete_batch(&self.url, handles).await
    }

    /// Makes up to ten deliveries visible again at once: the entries that failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub async fn give_back(&self, left: &[Left]) -> Result<Vec<EntryFailure>, QueueError> {
        let handles = left.iter().map(|one| (one.receipt().handle(), 0));
        self.client
            .change_visibility_batch(&self.url, handles)
            .await
    }

    /// Extends up to ten deliveries, waiting so long for the answer: the entries that failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub(super) async fn extend(
        &self,
        due: &[Due],
        timeout: Duration,
    ) -> Result<Vec<EntryFailure>, QueueError> {
        let handles = due.iter().map(|one| (one.handle(), one.seconds));
        let call = self.client.change_visibility_batch(&self.url, handles);
        tokio::time::timeout(timeout, call)
            .await
            .unwrap_or_else(|_| {
                Err(QueueError::Unreachable {
                    endpoint: self.client.endpoint(),
                    reason: format!("no answer within {timeout:.1?}"),
                })
            })
    }
}

/// Whether a refusal is about what was asked, which comes after the permission.
fn is_of_what_was_made_up(code: &str) -> bool {
    let known = [
        "ReceiptHandleIsInvalid",
        "InvalidParameterValue",
        "ReadCountOutOfRange",
    ];
    let code = code.rsplit('.').next().unwrap_or_default();
    known.iter().any(|known| code.starts_with(known))
}

/// Whether a refusal says that there is no such queue.
fn is_of_no_queue(code: &str) -> bool {
    let code = code.rsplit('.').next().unwrap_or_default();
    matches!(code, "QueueDoesNotExist" | "NonExistentQueue")
}

/// The queue's URL, and what it says of itself.
async fn find(
    client: &Client,
    url: Option<&str>,
    name: &str,
) -> Result<(String, QueueSettings), QueueError> {
    let url = match url {
        Some(url) => url.to_owned(),
        None => client.queue_url(name).await?,
    };
    let attributes = client.queue_attributes(&url).await?;
    let wrong = |reason: String| client.not_sqs("GetQueueAttributes", &reason);
    let attribute = |name: &str| {
        let value = attributes.get(name);
        value.ok_or_else(|| wrong(format!("{name} is missing")))
    };
    let visibility = attribute("VisibilityTimeout")?;
    let seconds = visibility
        .parse()
        .map_err(|_| wrong("VisibilityTimeout is no number".to_owned()))?;
    let policy = attributes
        .get("RedrivePolicy")
        .filter(|policy| !policy.is_empty())
        .map(|policy| redrive(policy));
    let (max_receive_count, dead_letter_arn) = policy.unzip();
    let settings = QueueSettings {
        arn: attribute("QueueArn")?.clone(),
        visibility_timeout: Duration::from_secs(seconds),
        message_retention: message_retention(&attributes),
        approximate_messages: attribute("ApproximateNumberOfMessages")?
            .parse()
            .unwrap_or(0),
        max_receive_count,
        dead_letter_arn: dead_letter_arn.flatten(),
        kms_key: kms_key(&attributes),
    };
    Ok((url, settings))
}

/// The attribute `KmsMasterKeyId`: an id, an ARN or an alias. The key `alias/aws/sqs` is AWS's own, and opens for
/// everybody of its account who may use the queue (Amazon SQS Developer Guide, "Key management").
fn kms_key(attributes: &HashMap<String, String>) -> Option<String> {
    let key = attributes.get("KmsMasterKeyId")?;
    let is_ours = !key.is_empty() && !key.ends_with("alias/aws/sqs");
    is_ours.then(|| key.clone())
}

/// The attribute `MessageRetentionPeriod`, in seconds.
fn message_retention(attributes: &HashMap<String, String>) -> Duration {
    let seconds = attributes.get("MessageRetentionPeriod");
    let seconds = seconds.and_then(|seconds| seconds.parse().ok());
    seconds
        .map_or(*RETENTION.end(), Duration::from_secs)
        .clamp(*RETENTION.start(), *RETENTION.end())
}

/// The count of a redrive policy, and the queue that it names. One that cannot be read is taken for the
/// strictest there is.
fn redrive(policy: &str) -> (u32, Option<String>) {
    let policy = serde_json::from_str::<RedrivePolicy>(policy).ok();
    let read = policy.and_then(|policy| {
        let count = match policy.max_receive_count {
            ReceiveCount::Number(count) => count,
            ReceiveCount::Text(count) => count.parse().ok()?,
        };
        Some((count, policy.dead_letter_target_arn))
    });
    read.unwrap_or((1, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_queue_that_does_not_say_keeps_messages_as_long_as_any_may() {
        let retention = |seconds: &str| {
            let name = "MessageRetentionPeriod".to_owned();
            message_retention(&HashMap::from([(name, seconds.to_owned())])).as_secs()
        };
        assert_eq!(retention("345600"), 345_600);
        assert_eq!(retention("1"), 60);
        assert_eq!(retention("99999999"), 1_209_600);
        assert_eq!(retention("soon"), 1_209_600);
        assert_eq!(message_retention(&HashMap::new()).as_secs(), 1_209_600);
    }

    #[test]
    fn a_redrive_policy_is_read_as_aws_and_others_write_it() {
        let policy =
            |count| format!(r#"{{"deadLetterTargetArn": "a", "maxReceiveCount": {count}}}"#);
        let read = (5, Some("a".to_owned()));
        assert_eq!(redrive(&policy("5")), read);
        assert_eq!(redrive(&policy("\"5\"")), read);
        for unreadable in [&policy("\"x\""), "{}", "x"] {
            assert_eq!(redrive(unreadable), (1, None), "{unreadable}");
        }
    }
}
