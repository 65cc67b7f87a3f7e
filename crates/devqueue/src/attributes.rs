//! The attributes of a queue (API Reference, `SetQueueAttributes` and `GetQueueAttributes`).

use std::collections::BTreeMap;

use crate::error::{ErrorCode, QueueError};
use crate::message::NewMessage;
use crate::redrive::RedrivePolicy;

/// The largest message, 1 MiB, with its attributes (Developer Guide, "Amazon SQS message quotas").
/// The messages of a batch have to share it.
pub(crate) const MAXIMUM_MESSAGE_SIZE: u64 = 1_048_576;
/// The longest visibility timeout, 12 hours, in seconds.
pub(crate) const MAXIMUM_VISIBILITY: u64 = 43_200;
/// The longest delay, 15 minutes, in seconds.
pub(crate) const MAXIMUM_DELAY: u64 = 900;
/// The longest long poll, in seconds.
pub(crate) const MAXIMUM_WAIT: u64 = 20;

/// Attributes that are kept and reported and have no effect here.
const WITHOUT_EFFECT: [&str; 6] = [
    "Policy",
    "RedriveAllowPolicy",
    "KmsMasterKeyId",
    "KmsDataKeyReusePeriodSeconds",
    "SqsManagedSseEnabled",
    "FifoThroughputLimit",
];

/// Attributes that the server works out itself.
const COMPUTED: [&str; 6] = [
    "QueueArn",
    "CreatedTimestamp",
    "LastModifiedTimestamp",
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
];

/// Attributes that change what the queue does.
const WITH_EFFECT: [&str; 9] = [
    "VisibilityTimeout",
    "MaximumMessageSize",
    "MessageRetentionPeriod",
    "DelaySeconds",
    "ReceiveMessageWaitTimeSeconds",
    "RedrivePolicy",
    "FifoQueue",
    "ContentBasedDeduplication",
    "DeduplicationScope",
];

/// The settings of one queue; times in seconds, sizes in bytes.
#[derive(Clone, Debug)]
pub(crate) struct QueueAttributes {
    pub(crate) fifo: bool,
    pub(crate) visibility_timeout: u64,
    pub(crate) maximum_message_size: u64,
    pub(crate) retention: u64,
    pub(crate) delay: u64,
    pub(crate) wait: u64,
    pub(crate) redrive: Option<RedrivePolicy>,
    pub(crate) content_based_deduplication: bool,
    pub(crate) deduplication_by_group: bool,
    without_effect: BTreeMap<&'static str, String>,
}

impl QueueAttributes {
    /// The documented defaults, with `changes` applied to them.
    pub(crate) fn new<'a>(
        fifo: bool,
        changes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, QueueError> {
        let mut attributes = QueueAttributes {
            fifo,
            visibility_timeout: 30,
            maximum_message_size: MAXIMUM_MESSAGE_SIZE,
            retention: 345_600,
            delay: 0,
            wait: 0,
            redrive: None,
            content_based_deduplication: false,
            deduplication_by_group: false,
            without_effect: BTreeMap::new(),
        };
        let mut says_fifo = false;
        for (name, value) in changes {
            if name == "FifoQueue" {
                says_fifo = flag(name, value)?;
            } else {
                attributes.set(name, value)?;
            }
        }
        if says_fifo != fifo {
            return Err(QueueError::new(
                ErrorCode::InvalidParameterValue,
                "The name of a FIFO queue must end with .fifo and its attribute FifoQueue must be true; \
                 a standard queue has neither.",
            ));
        }
        Ok(attributes)
    }

    /// Changes one attribute.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<(), QueueError> {
        match name {
            "VisibilityTimeout" => {
                self.visibility_timeout = number(name, value, 0..=MAXIMUM_VISIBILITY)?;
            }
            "MaximumMessageSize" => {
                self.maximum_message_size = number(name, value, 1024..=MAXIMUM_MESSAGE_SIZE)?;
            }
            "MessageRetentionPeriod" => self.retention = number(name, value, 60..=1_209_600)?,
            "DelaySeconds" => self.delay = number(name, value, 0..=MAXIMUM_DELAY)?,
            "ReceiveMessageWaitTimeSeconds" => self.wait = number(name, value, 0..=MAXIMUM_WAIT)?,
            "RedrivePolicy" => self.redrive = RedrivePolicy::parse(value)?,
            "ContentBasedDeduplication" => {
                self.require_fifo(name)?;
                self.content_based_deduplication = flag(name, value)?;
            }
            "DeduplicationScope" => {
                self.require_fifo(name)?;
                self.deduplication_by_group = match value {
                    "messageGroup" => true,
                    "queue" => false,
                    _ => return Err(invalid_value(name)),
                };
            }
            "FifoQueue" => {
                if flag(name, value)? != self.fifo {
                    return Err(invalid_value(name));
                }
            }
            other => self.store(other, value)?,
        }
        Ok(())
    }

    fn store(&mut self, name: &str, value: &str) -> Result<(), QueueError> {
        let Some(known) = WITHOUT_EFFECT.into_iter().find(|known| *known == name) else {
            return Err(unknown_name(name));
        };
        if known == "FifoThroughputLimit" {
            self.require_fifo(name)?;
        }
        if value.is_empty() {
            self.without_effect.remove(known);
        } else {
            self.without_effect.insert(known, value.to_owned());
        }
        Ok(())
    }

    fn require_fifo(&self, name: &str) -> Result<(), QueueError> {
        if self.fifo {
            Ok(())
        } else {
            Err(unknown_name(name))
        }
    }

    /// The value of a settable attribute as `GetQueueAttributes` reports it.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        match name {
            "VisibilityTimeout" => Some(self.visibility_timeout.to_string()),
            "MaximumMessageSize" => Some(self.maximum_message_size.to_string()),
            "MessageRetentionPeriod" => Some(self.retention.to_string()),
            "DelaySeconds" => Some(self.delay.to_string()),
            "ReceiveMessageWaitTimeSeconds" => Some(self.wait.to_string()),
            "RedrivePolicy" => self.redrive.as_ref().map(RedrivePolicy::to_json),
            "FifoQueue" => self.fifo.then(|| "true".to_owned()),
            "ContentBasedDeduplication" => self
                .fifo
                .then(|| self.content_based_deduplication.to_string()),
            "DeduplicationScope" => self.fifo.then(|| {
                if self.deduplication_by_group {
                    "messageGroup".to_owned()
                } else {
                    "queue".to_owned()
                }
            }),
            other => self.without_effect.get(other).cloned(),
        }
    }

    /// What depends on whether the queue is FIFO (API Reference, `SendMessage`). AWS refuses a
    /// whole batch for these.
    pub(crate) fn check_kind(&self, new: &NewMessage<'_>) -> Result<(), QueueError> {
        let other_kind = "The request includes a parameter that is not valid for this queue type.";
        if !self.fifo {
            return match new.deduplication_id {
                Some(_) => Err(QueueError::invalid("MessageDeduplicationId", other_kind)),
                None => Ok(()),
            };
        }
        if new.group.is_none() {
            return Err(QueueError::missing("MessageGroupId"));
        }
        if new.deduplication_id.is_none() && !self.content_based_deduplication {
            return Err(QueueError::new(
                ErrorCode::InvalidParameterValue,
                "The queue should either have ContentBasedDeduplication enabled \
                 or MessageDeduplicationId provided explicitly.",
            ));
        }
        if new.delay_seconds.is_some_and(|delay| delay > 0) {
            return Err(QueueError::invalid("DelaySeconds", other_kind));
        }
        Ok(())
    }

    /// Refuses a message that is larger than this queue takes.
    pub(crate) fn check_size(&self, new: &NewMessage<'_>) -> Result<(), QueueError> {
        let limit = self.maximum_message_size;
        if new.size() as u64 <= limit {
            return Ok(());
        }
        let text = format!(
            "One or more parameters are invalid. Reason: Message must be shorter than {limit} bytes."
        );
        Err(QueueError::new(ErrorCode::InvalidParameterValue, text))
    }

    /// The first of `requested` that this queue has otherwise: `CreateQueue` succeeds on an existing
    /// queue only where every given attribute is the same.
    pub(crate) fn first_difference<'a>(&self, requested: &[(&'a str, &'a str)]) -> Option<&'a str> {
        let mut changed = self.clone();
        requested
            .iter()
            .find(|(name, value)| {
                changed.set(name, value).is_err() || changed.get(name) != self.get(name)
            })
            .map(|(name, _)| *name)
    }
}

/// Every attribute's name, for `All`.
pub(crate) fn all_names() -> impl Iterator<Item = &'static str> {
    COMPUTED
        .into_iter()
        .chain(WITH_EFFECT)
        .chain(WITHOUT_EFFECT)
}

/// Refuses what `GetQueueAttributes` does not know.
pub(crate) fn check_name(name: &str) -> Result<(), QueueError> {
    if name == "All" || all_names().any(|known| known == name) {
        Ok(())
    } else {
        Err(unknown_name(name))
    }
}

fn number(
    name: &str,
    value: &str,
    bounds: std::ops::RangeInclusive<u64>,
) -> Result<u64, QueueError> {
    value
        .parse()
        .ok()
        .filter(|number| bounds.contains(number))
        .ok_or_else(|| invalid_value(name))
}

fn flag(name: &str, value: &str) -> Result<bool, QueueError> {
    match value {
        "true" => Ok(true),
        "false" => Ok(false),
        _ => Err(invalid_value(name)),
    }
}

fn invalid_value(name: &str) -> QueueError {
    let message = format!("Invalid value for the parameter {name}.");
    QueueError::new(ErrorCode::InvalidAttributeValue, message)
}

fn unknown_name(name: &str) -> QueueError {
    let name: String = name.chars().take(80).collect();
    QueueError::new(
        ErrorCode::InvalidAttributeName,
        format!("Unknown Attribute {name}."),
    )
}
