//! The visible messages of a queue.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::fifo::Groups;
use crate::message::Message;

/// The visible messages, in the order in which they will be delivered.
#[derive(Debug)]
pub(crate) enum Ready {
    /// May hold sequences of messages that were deleted in the meantime.
    Standard(VecDeque<u64>),
    Fifo(Groups),
}

impl Ready {
    pub(crate) fn new(fifo: bool) -> Self {
        if fifo {
            Ready::Fifo(Groups::default())
        } else {
            Ready::Standard(VecDeque::new())
        }
    }

    /// A message became visible.
    pub(crate) fn push(&mut self, sequence: u64, message: &Message) {
        match (self, &message.group) {
            (Ready::Standard(queue), _) => queue.push_back(sequence),
            (Ready::Fifo(groups), Some(group)) => groups.insert(group, sequence),
            (Ready::Fifo(groups), None) => groups.insert(&Arc::from(""), sequence),
        }
    }

    /// A message is not in flight any more, which matters to its group.
    pub(crate) fn release(&mut self, message: &Message) {
        if let (Ready::Fifo(groups), Some(group)) = (self, &message.group) {
            groups.release(group);
        }
    }

    /// A visible message was deleted.
    pub(crate) fn remove(&mut self, sequence: u64, message: &Message) {
        if let (Ready::Fifo(groups), Some(group)) = (self, &message.group) {
            groups.remove(group, sequence);
        }
    }

    pub(crate) fn clear(&mut self) {
        match self {
            Ready::Standard(queue) => queue.clear(),
            Ready::Fifo(groups) => groups.clear(),
        }
    }
}
