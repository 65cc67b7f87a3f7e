//! A queue: its messages behind a lock, and the receivers that wait for them.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

use crate::attributes::QueueAttributes;
use crate::broker::Broker;
use crate::error::{ErrorCode, QueueError};
use crate::message::Message;
use crate::store::{Receive, Store};

/// One queue.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) arn: Arc<str>,
    /// Milliseconds since the Unix epoch.
    pub(crate) created_at: u64,
    pub(crate) modified_at: AtomicU64,
    store: Mutex<Store>,
    /// Told of everything that could serve a waiting receiver earlier than it expects.
    changed: Notify,
    deleted: AtomicBool,
}

impl Queue {
    pub(crate) fn new(
        name: &str,
        arn: Arc<str>,
        attributes: QueueAttributes,
        broker: &Broker,
    ) -> Self {
        let now = broker.clock.now();
        Queue {
            name: name.to_owned(),
            arn,
            created_at: now,
            modified_at: AtomicU64::new(now),
            store: Mutex::new(Store::new(attributes, broker.identifiers.next())),
            changed: Notify::new(),
            deleted: AtomicBool::new(false),
        }
    }

    /// Runs `work` on the messages, everything due made visible first, and wakes receivers that
    /// can be served now (one; it wakes the next) or that have to look at an earlier deadline.
    pub(crate) fn with_store<T>(&self, now: u64, work: impl FnOnce(&mut Store) -> T) -> T {
        let mut store = self.store.lock().unwrap_or_else(PoisonError::into_inner);
        let deliverable_before = store.deliverable();
        let deadline_before = store.next_deadline().unwrap_or(u64::MAX);
        store.advance(now);
        let result = work(&mut store);
        let deliverable = store.deliverable();
        let deadline = store.next_deadline().unwrap_or(u64::MAX);
        drop(store);
        if deadline < deadline_before {
            self.changed.notify_waiters();
        }
        if deliverable > deliverable_before {
            self.changed.notify_one();
        }
        result
    }

    /// Receives at once, or waits for a message up to `wait`. `deliver` gets each message and its
    /// receipt handle; the number of messages is returned.
    pub(crate) async fn receive(
        &self,
        broker: &Broker,
        request: Receive,
        wait: Option<u64>,
        mut deliver: impl FnMut(&Message, &[u8]),
    ) -> Result<usize, QueueError> {
        let started = broker.clock.now();
        let first = self.try_receive(broker, request, &mut deliver)?;
        let wait = wait.unwrap_or(first.default_wait);
        if first.delivered > 0 {
            return Ok(first.delivered);
        }
        if first.over_limit && wait == 0 {
            return Err(QueueError::new(
                ErrorCode::OverLimit,
                "Too many messages are in flight in this queue.",
            ));
        }
        let give_up = started + wait * 1000;
        loop {
            let mut changed = pin!(self.changed.notified());
            changed.as_mut().enable();
            let attempt = self.try_receive(broker, request, &mut deliver)?;
            if attempt.delivered > 0 {
                if attempt.more {
                    self.changed.notify_one();
                }
                return Ok(attempt.delivered);
            }
            let now = broker.clock.now();
            if now >= give_up {
                return Ok(0);
            }
            let until = attempt
                .next_deadline
                .map_or(give_up, |deadline| deadline.min(give_up));
            let pause = Duration::from_millis(until.saturating_sub(now).max(1));
            tokio::select! {
                () = changed => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
    }

    fn try_receive(
        &self,
        broker: &Broker,
        mut request: Receive,
        deliver: &mut impl FnMut(&Message, &[u8]),
    ) -> Result<Attempt, QueueError> {
        if self.deleted.load(Ordering::Acquire) {
            return Err(QueueError::no_such_queue());
        }
        let now = broker.clock.now();
        let target = self.dead_letter_queue(broker, &mut request, now);
        let mut delivered = 0;
        let (moved, attempt) = self.with_store(now, |store| {
            let over_limit = store.over_limit();
            let moved = store.receive(request, now, |message, handle| {
                delivered += 1;
                deliver(message, handle);
            });
            let attempt = Attempt {
                delivered,
                over_limit,
                more: store.deliverable() > 0,
                next_deadline: store.next_deadline(),
                default_wait: store.attributes.wait,
            };
            (moved, attempt)
        });
        if let Some(target) = target
            && !moved.is_empty()
        {
            target.with_store(now, |store| {
                for mut message in moved {
                    message.leave(&self.arn);
                    store.adopt(message, now);
                }
            });
        }
        Ok(attempt)
    }

    /// The queue's dead-letter queue, if it has one that still exists.
    fn dead_letter_queue(
        &self,
        broker: &Broker,
        request: &mut Receive,
        now: u64,
    ) -> Option<Arc<Queue>> {
        let policy = self.with_store(now, |store| store.attributes.redrive.clone())?;
        let target = broker.queue_by_arn(&policy.target_arn)?;
        request.redrive_after = Some(policy.maximum_receives);
        Some(target)
    }

    /// Ends the queue: its receivers are told that it does not exist.
    pub(crate) fn delete(&self, now: u64) {
        self.deleted.store(true, Ordering::Release);
        self.with_store(now, Store::purge);
        self.changed.notify_waiters();
    }
}

/// What came of one look at the queue.
struct Attempt {
    delivered: usize,
    over_limit: bool,
    more: bool,
    next_deadline: Option<u64>,
    default_wait: u64,
}
