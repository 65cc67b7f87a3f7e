//! The messages of one queue. Time comes in from outside, nothing here waits.

use std::collections::{BTreeMap, BTreeSet};

use crate::attributes::{MAXIMUM_VISIBILITY, QueueAttributes};
use crate::counts::Counts;
use crate::deduplication::Deduplication;
use crate::digest::Md5Text;
use crate::error::{ErrorCode, QueueError};
use crate::identifier::Uuid;
use crate::message::{Message, NewMessage, Place, Sent};
use crate::message_attributes::MessageAttributes;
use crate::ready::Ready;
use crate::receipt::Receipt;

/// Messages in flight per queue (Developer Guide, "Amazon SQS queue quotas").
const MAXIMUM_IN_FLIGHT: usize = 120_000;
const MAXIMUM_IN_FLIGHT_FIFO: usize = 20_000;
/// At most this often, in milliseconds, a queue is searched for messages beyond their retention.
const SWEEP_INTERVAL: u64 = 1000;
/// The first sequence number of a FIFO queue; all have 20 digits, so that they sort as text.
const FIRST_SEQUENCE_NUMBER: u64 = 10_000_000_000_000_000_000;

/// What a receive asks for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Receive {
    /// 1 to 10.
    pub(crate) maximum: usize,
    /// In seconds; the queue's own where there is none.
    pub(crate) visibility: Option<u64>,
    /// A message received so often moves to the dead-letter queue.
    pub(crate) redrive_after: Option<u32>,
}

/// All of a queue's messages.
#[derive(Debug)]
pub(crate) struct Store {
    pub(crate) attributes: QueueAttributes,
    /// Ties receipt handles to this queue.
    key: u64,
    messages: BTreeMap<u64, Message>,
    ready: Ready,
    /// Deadline and sequence of every message that is delayed or in flight.
    timers: BTreeSet<(u64, u64)>,
    in_flight: usize,
    delayed: usize,
    deduplication: Deduplication,
    next_sequence: u64,
    sweep_at: u64,
}

impl Store {
    pub(crate) fn new(attributes: QueueAttributes, key: u64) -> Self {
        let ready = Ready::new(attributes.fifo);
        Store {
            attributes,
            key,
            messages: BTreeMap::new(),
            ready,
            timers: BTreeSet::new(),
            in_flight: 0,
            delayed: 0,
            deduplication: Deduplication::default(),
            next_sequence: 0,
            sweep_at: u64::MAX,
        }
    }

    /// Takes a message, unless it is a duplicate within the deduplication interval: then its
    /// sender is told the same as the first one.
    pub(crate) fn send(
        &mut self,
        new: NewMessage<'_>,
        id: Uuid,
        now: u64,
    ) -> Result<Sent, QueueError> {
        self.attributes.check_kind(&new)?;
        self.attributes.check_size(&new)?;
        let sequence = self.next_sequence;
        let sent = Sent {
            id,
            body_md5: Md5Text::of(new.body.as_bytes()),
            attributes_md5: new.attributes.as_ref().map(MessageAttributes::md5).copied(),
            system_attributes_md5: new
                .system_attributes
                .as_ref()
                .map(MessageAttributes::md5)
                .copied(),
            sequence_number: self
                .attributes
                .fifo
                .then(|| FIRST_SEQUENCE_NUMBER + sequence),
        };
        let mut deduplication_id = None;
        if self.attributes.fifo {
            deduplication_id = new.deduplication_key(self.attributes.content_based_deduplication);
            let scoped = self.deduplication_scope(new.group, deduplication_id.as_deref());
            if let Some(first) = self.deduplication.find(&scoped, now) {
                return Ok(first);
            }
            self.deduplication.remember(scoped, sent, now);
        }
        let delay = new.delay_seconds.unwrap_or(self.attributes.delay);
        let message = Message::new(new, &sent, deduplication_id, now);
        self.insert(message, now + delay * 1000, now);
        Ok(sent)
    }

    fn deduplication_scope(&self, group: Option<&str>, id: Option<&str>) -> String {
        let group = if self.attributes.deduplication_by_group {
            group
        } else {
            None
        };
        format!("{}\0{}", group.unwrap_or_default(), id.unwrap_or_default())
    }

    /// Takes a message that another queue gives up.
    pub(crate) fn adopt(&mut self, mut message: Message, now: u64) {
        // Developer Guide, "Using dead-letter queues": in a FIFO queue the retention starts anew.
        if self.attributes.fifo {
            message.retained_from = now;
        }
        self.insert(message, now, now);
    }

    fn insert(&mut self, mut message: Message, visible_at: u64, now: u64) {
        let sequence = self.next_sequence;
        self.next_sequence += 1;
        self.sweep_at = self
            .sweep_at
            .min(message.retained_from + self.attributes.retention * 1000);
        if visible_at > now {
            message.place = Place::Delayed { until: visible_at };
            self.timers.insert((visible_at, sequence));
            self.delayed += 1;
        } else {
            message.place = Place::Visible;
            self.ready.push(sequence, &message);
        }
        self.messages.insert(sequence, message);
    }

    /// Delivers visible messages; returns those that have to go to the dead-letter queue instead.
    pub(crate) fn receive(
        &mut self,
        request: Receive,
        now: u64,
        mut deliver: impl FnMut(&Message, &[u8]),
    ) -> Vec<Message> {
        let limit = if self.attributes.fifo {
            MAXIMUM_IN_FLIGHT_FIFO
        } else {
            MAXIMUM_IN_FLIGHT
        };
        let mut missing = request.maximum.min(limit.saturating_sub(self.in_flight));
        let mut moved = Vec::new();
        while missing > 0 {
            match &mut self.ready {
                Ready::Standard(queue) => {
                    let Some(sequence) = queue.pop_front() else {
                        break;
                    };
                    missing -= usize::from(self.hand_out(
                        sequence,
                        request,
                        now,
                        &mut moved,
                        &mut deliver,
                    ));
                }
                Ready::Fifo(groups) => {
                    let Some((group, sequences)) = groups.take(missing) else {
                        break;
                    };
                    let mut delivered = 0;
                    for sequence in sequences {
                        delivered += usize::from(self.hand_out(
                            sequence,
                            request,
                            now,
                            &mut moved,
                            &mut deliver,
                        ));
                    }
                    missing -= delivered;
                    if let Ready::Fifo(groups) = &mut self.ready {
                        groups.settle(&group, delivered);
                    }
                }
            }
        }
        moved
    }

    /// Delivers one message, if it is still there, young enough and not received too often.
    fn hand_out(
        &mut self,
        sequence: u64,
        request: Receive,
        now: u64,
        moved: &mut Vec<Message>,
        deliver: &mut impl FnMut(&Message, &[u8]),
    ) -> bool {
        let Some(message) = self.messages.get_mut(&sequence) else {
            return false;
        };
        if message.retained_from + self.attributes.retention * 1000 <= now {
            self.messages.remove(&sequence);
            return false;
        }
        if request
            .redrive_after
            .is_some_and(|maximum| message.receives_here >= maximum)
        {
            moved.extend(self.messages.remove(&sequence));
            return false;
        }
        let visibility = request
            .visibility
            .unwrap_or(self.attributes.visibility_timeout);
        let until = now + visibility * 1000;
        message.receive(now, until);
        let receipt = Receipt {
            sequence,
            receive_count: message.receives_here,
        };
        deliver(message, &receipt.handle(self.key));
        self.timers.insert((until, sequence));
        self.in_flight += 1;
        true
    }

    /// Whether a standard queue has as many messages in flight as it may have.
    pub(crate) fn over_limit(&self) -> bool {
        !self.attributes.fifo && self.in_flight >= MAXIMUM_IN_FLIGHT
    }

    /// Deletes the message of a receipt handle. API Reference, `DeleteMessage`: the most recent
    /// handle must be given, "otherwise, the request succeeds, but the message will not be
    /// deleted". Deleting again succeeds. A FIFO queue refuses a handle whose visibility timeout
    /// is over (Developer Guide, "Troubleshooting issues in Amazon SQS").
    pub(crate) fn delete(&mut self, handle: &str) -> Result<(), QueueError> {
        let receipt = Receipt::parse(handle, self.key)?;
        let Some(message) = self.messages.get(&receipt.sequence) else {
            return Ok(());
        };
        let is_latest = message.receives_here == receipt.receive_count;
        let in_flight = matches!(message.place, Place::InFlight { .. });
        if self.attributes.fifo && !(is_latest && in_flight) {
            return Err(QueueError::invalid(
                "ReceiptHandle",
                "The receipt handle has expired.",
            ));
        }
        if is_latest {
            self.remove(receipt.sequence);
        }
        Ok(())
    }

    /// Sets the time from now after which the message of a receipt handle becomes visible.
    pub(crate) fn change_visibility(
        &mut self,
        handle: &str,
        seconds: u64,
        now: u64,
    ) -> Result<(), QueueError> {
        let receipt = Receipt::parse(handle, self.key)?;
        let sequence = receipt.sequence;
        let message = self
            .messages
            .get_mut(&sequence)
            .filter(|message| message.receives_here == receipt.receive_count);
        let Some((message, old)) = message.and_then(|message| match message.place {
            Place::InFlight { until } => Some((message, until)),
            Place::Visible | Place::Delayed { .. } => None,
        }) else {
            let text = "The specified message isn't in flight.";
            return Err(QueueError::new(ErrorCode::MessageNotInflight, text));
        };
        if now.saturating_sub(message.received_at) / 1000 + seconds > MAXIMUM_VISIBILITY {
            let text = format!(
                "Total VisibilityTimeout is beyond the limit of {MAXIMUM_VISIBILITY} seconds."
            );
            return Err(QueueError::invalid("VisibilityTimeout", &text));
        }
        let until = now + seconds * 1000;
        message.place = Place::InFlight { until };
        self.timers.remove(&(old, sequence));
        self.timers.insert((until, sequence));
        self.advance(now);
        Ok(())
    }

    /// Makes visible what has become due and drops what is beyond its retention. Comes first in
    /// everything that looks at messages.
    pub(crate) fn advance(&mut self, now: u64) {
        while let Some(&(deadline, sequence)) = self.timers.first()
            && deadline <= now
        {
            self.timers.pop_first();
            self.show(sequence);
        }
        if self.sweep_at <= now {
            self.sweep(now);
        }
    }

    fn show(&mut self, sequence: u64) {
        let Some(message) = self.messages.get_mut(&sequence) else {
            return;
        };
        let place = std::mem::replace(&mut message.place, Place::Visible);
        self.ready.push(sequence, message);
        match place {
            Place::Visible => {}
            Place::Delayed { .. } => self.delayed -= 1,
            Place::InFlight { .. } => {
                self.in_flight -= 1;
                self.ready.release(message);
            }
        }
    }

    fn sweep(&mut self, now: u64) {
        let retention = self.attributes.retention * 1000;
        let expiry = |message: &Message| message.retained_from + retention;
        let expired: Vec<u64> = self
            .messages
            .iter()
            .filter(|(_, m)| expiry(m) <= now)
            .map(|(sequence, _)| *sequence)
            .collect();
        for sequence in expired {
            self.remove(sequence);
        }
        if let Ready::Standard(queue) = &mut self.ready {
            queue.retain(|sequence| self.messages.contains_key(sequence));
        }
        let next = self.messages.values().map(expiry).min();
        self.sweep_at = next.map_or(u64::MAX, |next| next.max(now + SWEEP_INTERVAL));
    }

    fn remove(&mut self, sequence: u64) {
        let Some(message) = self.messages.remove(&sequence) else {
            return;
        };
        if let Some(deadline) = message.place.deadline() {
            self.timers.remove(&(deadline, sequence));
        }
        match message.place {
            Place::Visible => self.ready.remove(sequence, &message),
            Place::Delayed { .. } => self.delayed -= 1,
            Place::InFlight { .. } => {
                self.in_flight -= 1;
                self.ready.release(&message);
            }
        }
    }

    /// Replaces the queue's attributes. Developer Guide, "Amazon SQS delay queues": a new delay
    /// holds for the messages already in a FIFO queue, and not for those in a standard queue.
    pub(crate) fn set_attributes(&mut self, attributes: QueueAttributes, now: u64) {
        let new_delay = attributes.fifo && attributes.delay != self.attributes.delay;
        self.attributes = attributes;
        self.sweep_at = now;
        if new_delay {
            for (sequence, message) in &mut self.messages {
                if let Place::Delayed { until } = message.place {
                    let later = message.retained_from + self.attributes.delay * 1000;
                    self.timers.remove(&(until, *sequence));
                    self.timers.insert((later, *sequence));
                    message.place = Place::Delayed { until: later };
                }
            }
        }
        self.advance(now);
    }

    /// Deletes every message.
    pub(crate) fn purge(&mut self) {
        self.messages.clear();
        self.timers.clear();
        self.in_flight = 0;
        self.delayed = 0;
        self.ready.clear();
    }

    pub(crate) fn counts(&self) -> Counts {
        Counts {
            visible: self.messages.len() - self.in_flight - self.delayed,
            in_flight: self.in_flight,
            delayed: self.delayed,
        }
    }

    /// Grows whenever a waiting receiver could be served: visible messages, or groups that can be
    /// delivered from.
    pub(crate) fn deliverable(&self) -> usize {
        match &self.ready {
            Ready::Standard(_) => self.counts().visible,
            Ready::Fifo(groups) => groups.available(),
        }
    }

    /// When the next message becomes visible by itself.
    pub(crate) fn next_deadline(&self) -> Option<u64> {
        self.timers.first().map(|(deadline, _)| *deadline)
    }
}

#[cfg(test)]
mod tests;
