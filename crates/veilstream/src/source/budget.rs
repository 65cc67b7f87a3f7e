//! The memory budget: how many messages and bytes may be in flight at once.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What may be in flight at once, whatever the database does and however large messages are.
#[derive(Clone)]
pub struct Budget {
    messages: Arc<Semaphore>,
    bytes: Arc<Semaphore>,
    most_messages: u32,
    most_bytes: u32,
}

/// A receive's share of the budget; given back when the last of its deliveries is settled.
pub struct Permit {
    _messages: OwnedSemaphorePermit,
    _bytes: OwnedSemaphorePermit,
}

impl Budget {
    /// At most `messages` deliveries and `bytes` bytes of responses in flight.
    pub fn new(messages: u32, bytes: u32) -> Self {
        Self {
            messages: Arc::new(Semaphore::new(messages as usize)),
            bytes: Arc::new(Semaphore::new(bytes as usize)),
            most_messages: messages,
            most_bytes: bytes,
        }
    }

    /// How many messages are in flight or asked for, and how many there may be.
    pub fn messages_used(&self) -> (u64, u64) {
        used(&self.messages, self.most_messages)
    }

    /// The same in bytes.
    pub fn bytes_used(&self) -> (u64, u64) {
        used(&self.bytes, self.most_bytes)
    }

    /// Whether nothing is in flight: whatever was received has been settled.
    pub fn is_idle(&self) -> bool {
        self.bytes.available_permits() == self.most_bytes as usize
    }

    /// Whether there is room for so many messages now.
    pub fn has_messages(&self, count: u32) -> bool {
        self.messages.available_permits() >= count as usize
    }

    /// Whether there is room for so many bytes now.
    pub fn has_bytes(&self, count: u32) -> bool {
        self.bytes.available_permits() >= count.min(self.most_bytes) as usize
    }

    /// Waits for room for a number of messages, before they are asked for.
    pub async fn messages(&self, count: u32) -> OwnedSemaphorePermit {
        Arc::clone(&self.messages)
            .acquire_many_owned(count)
            .await
            .expect("the budget is never closed")
    }

    /// Waits for room for a response of a number of bytes, before its body is read. One that is
    /// larger than the whole budget waits until it is alone.
    pub async fn bytes(&self, count: u32) -> OwnedSemaphorePermit {
        let count = count.min(self.most_bytes);
        Arc::clone(&self.bytes)
            .acquire_many_owned(count)
            .await
            .expect("the budget is never closed")
    }
}

fn used(semaphore: &Semaphore, most: u32) -> (u64, u64) {
    let most = u64::from(most);
    (
        most.saturating_sub(semaphore.available_permits() as u64),
        most,
    )
}

impl Permit {
    /// Joins a receive's permits, keeping only as many messages as really came.
    pub fn new(
        mut messages: OwnedSemaphorePermit,
        bytes: OwnedSemaphorePermit,
        received: usize,
    ) -> Self {
        keep(&mut messages, received);
        Self {
            _messages: messages,
            _bytes: bytes,
        }
    }
}

/// Gives back what a permit has beyond `needed`.
pub(crate) fn keep(permit: &mut OwnedSemaphorePermit, needed: usize) {
    let unused = permit.num_permits().saturating_sub(needed);
    drop(permit.split(unused));
}
