//! The system attributes of a message (API Reference, `ReceiveMessage`, `AttributeNames`).

use crate::error::{ErrorCode, QueueError};

/// A set of system attributes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SystemAttributes(u16);

impl SystemAttributes {
    pub(crate) const SENDER_ID: Self = SystemAttributes(1);
    pub(crate) const SENT_TIMESTAMP: Self = SystemAttributes(1 << 1);
    pub(crate) const RECEIVE_COUNT: Self = SystemAttributes(1 << 2);
    pub(crate) const FIRST_RECEIVE: Self = SystemAttributes(1 << 3);
    pub(crate) const GROUP: Self = SystemAttributes(1 << 4);
    pub(crate) const DEDUPLICATION: Self = SystemAttributes(1 << 5);
    pub(crate) const SEQUENCE_NUMBER: Self = SystemAttributes(1 << 6);
    pub(crate) const TRACE_HEADER: Self = SystemAttributes(1 << 7);
    pub(crate) const SOURCE_ARN: Self = SystemAttributes(1 << 8);
    const ALL: Self = SystemAttributes(u16::MAX);

    /// Adds the attribute of that name. Names of a queue's attributes are let pass, because
    /// `AttributeNames`, the older parameter, shares its type with them.
    pub(crate) fn insert(&mut self, name: &str) -> Result<(), QueueError> {
        let attribute = match name {
            "All" => Self::ALL,
            "SenderId" => Self::SENDER_ID,
            "SentTimestamp" => Self::SENT_TIMESTAMP,
            "ApproximateReceiveCount" => Self::RECEIVE_COUNT,
            "ApproximateFirstReceiveTimestamp" => Self::FIRST_RECEIVE,
            "MessageGroupId" => Self::GROUP,
            "MessageDeduplicationId" => Self::DEDUPLICATION,
            "SequenceNumber" => Self::SEQUENCE_NUMBER,
            "AWSTraceHeader" => Self::TRACE_HEADER,
            "DeadLetterQueueSourceArn" => Self::SOURCE_ARN,
            other => {
                let known = crate::attributes::all_names().any(|known| known == other);
                return if known { Ok(()) } else { Err(unknown(other)) };
            }
        };
        self.0 |= attribute.0;
        Ok(())
    }

    pub(crate) fn contains(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    pub(crate) fn is_empty(self) -> bool {
        self.0 == 0
    }
}

fn unknown(name: &str) -> QueueError {
    let name: String = name.chars().take(80).collect();
    QueueError::new(
        ErrorCode::InvalidAttributeName,
        format!("Unknown Attribute {name}."),
    )
}
