//! What a message is on its way: delivered, then durable or left. The types carry the guarantee:
//! only a [`Durable`] can be acknowledged, and none exists without a COMMIT.

use std::sync::Arc;

use crate::{load::Committed, source::Permit};

/// One message as SQS handed it out.
pub struct Delivery {
    /// The message's id.
    pub message_id: Box<str>,
    /// The event, as text.
    pub body: String,
    /// When the message was sent, in milliseconds since 1970-01-01 UTC (SQS `SentTimestamp`;
    /// redelivery does not change it).
    pub sent_at_millis: i64,
    /// What settles this delivery.
    pub receipt: Receipt,
}

/// What is needed to delete a delivery or to give it back, and its share of the memory budget.
pub struct Receipt {
    handle: Box<str>,
    _permit: Arc<Permit>,
}

impl Receipt {
    pub(crate) fn new(handle: Box<str>, permit: Arc<Permit>) -> Self {
        Self {
            handle,
            _permit: permit,
        }
    }

    /// The receipt handle, as SQS gave it.
    pub fn handle(&self) -> &str {
        &self.handle
    }
}

/// A delivery whose row or quarantine entry is on the database's disk, or was there already.
/// Only this can be deleted from the queue.
pub struct Durable(Receipt);

impl Durable {
    /// Needs the proof that the transaction which holds this delivery's claim has committed.
    pub(crate) fn new(receipt: Receipt, _proof: &Committed) -> Self {
        Self(receipt)
    }

    /// What deletes the message.
    pub fn receipt(&self) -> &Receipt {
        &self.0
    }
}

/// A delivery that stays in the queue: nothing of it was claimed or loaded, and SQS hands it out
/// again.
pub struct Left(pub(crate) Receipt);

impl Left {
    /// What gives the message back.
    pub fn receipt(&self) -> &Receipt {
        &self.0
    }
}
