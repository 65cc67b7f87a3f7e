//! When a message goes to a dead-letter queue.

use std::sync::Arc;

use serde::Deserialize;

use crate::error::{ErrorCode, QueueError};

/// A queue's redrive policy (Developer Guide, "Using dead-letter queues in Amazon SQS").
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RedrivePolicy {
    pub(crate) target_arn: Arc<str>,
    /// After so many receives, 1 to 1,000, the next one moves the message.
    pub(crate) maximum_receives: u32,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPolicy {
    dead_letter_target_arn: Option<String>,
    max_receive_count: Option<Count>,
}

/// AWS takes the count as a number and as a string.
#[derive(Deserialize)]
#[serde(untagged)]
enum Count {
    Number(u32),
    Text(String),
}

impl RedrivePolicy {
    /// Reads the attribute `RedrivePolicy`, which is JSON in a string; empty text is no policy.
    pub(crate) fn parse(text: &str) -> Result<Option<Self>, QueueError> {
        if text.is_empty() {
            return Ok(None);
        }
        let raw: RawPolicy = serde_json::from_str(text)
            .map_err(|_| refused("Redrive policy is not a valid JSON map."))?;
        let Some(target_arn) = raw.dead_letter_target_arn else {
            return Err(refused(
                "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.",
            ));
        };
        let count = match raw.max_receive_count {
            Some(Count::Number(number)) => Some(number),
            Some(Count::Text(text)) => text.parse().ok(),
            None => {
                return Err(refused(
                    "Redrive policy does not contain mandatory attribute: maxReceiveCount.",
                ));
            }
        };
        match count {
            Some(maximum_receives @ 1..=1000) => Ok(Some(RedrivePolicy {
                target_arn: target_arn.into(),
                maximum_receives,
            })),
            Some(_) | None => Err(refused(
                "Invalid value for maxReceiveCount, must be between 1 and 1000.",
            )),
        }
    }

    pub(crate) fn to_json(&self) -> String {
        serde_json::json!({
            "deadLetterTargetArn": &*self.target_arn,
            "maxReceiveCount": self.maximum_receives,
        })
        .to_string()
    }
}

/// The refusal of a redrive policy.
pub(crate) fn refused(reason: &str) -> QueueError {
    QueueError::new(
        ErrorCode::InvalidParameterValue,
        format!("Value for parameter RedrivePolicy is invalid. Reason: {reason}"),
    )
}
