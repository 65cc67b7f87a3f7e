//! Leases: how long what was received stays hidden from other consumers, and who holds it.
//!
//! The work per message is next to nothing: all that is done again and again is done for messages
//! that are in flight for long.

use std::{
    collections::HashMap,
    ops::Range,
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use parking_lot::Mutex;

use super::{Message, Permit};

/// SQS hides a message for so long at the most, from its receive on: "You can continue to call
/// `ChangeMessageVisibility` to extend the visibility timeout to the maximum allowed time. If you
/// try to extend the visibility timeout beyond the maximum, your request is rejected" (Amazon SQS
/// API reference, `ChangeMessageVisibility`, which gives 12 hours as the maximum).
pub const LONGEST_POSSIBLE_LEASE: Duration = Duration::from_hours(12);
/// The longest lease where the configuration says nothing.
const DEFAULT_LONGEST_LEASE: Duration = Duration::from_hours(1);

/// For how long messages are hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// By a receive, and by each extension; whole seconds, at least one.
    pub visibility: Duration,
    /// Altogether, from the receive on.
    pub longest: Duration,
}

impl Terms {
    /// What a queue's own visibility time-out and the configuration's longest lease come to.
    pub fn new(queue: Duration, longest: Option<Duration>) -> Self {
        // A queue may hide nothing; then every message would be received over and over.
        let visibility = queue.max(Duration::from_secs(1));
        let longest = longest
            .unwrap_or(DEFAULT_LONGEST_LEASE.max(visibility))
            .min(LONGEST_POSSIBLE_LEASE);
        Self {
            visibility: visibility.min(longest),
            longest,
        }
    }
}

/// The leases that have begun, in about the order of their receives.
pub struct Leases {
    terms: Terms,
    unsettled: Arc<AtomicU64>,
    begun: Mutex<Vec<Weak<Lease>>>,
}

/// The messages of one receive, hidden until they are deleted, given back, or their time is up.
pub struct Lease {
    /// When the answer's head was there: SQS had hidden the messages just before.
    since: Instant,
    /// When it is no longer extended.
    ends: Instant,
    visibility: Duration,
    messages: Box<[Held]>,
    /// The handles and ids of the messages, one after the other.
    text: Box<str>,
    unsettled: Arc<AtomicU64>,
    _permit: Permit,
}

/// A message of a receive, at its place.
struct Held {
    /// Where it stands in the text.
    handle: Range<usize>,
    /// Likewise. A message that is received again has the same, and another handle.
    id: Range<usize>,
    /// When it becomes visible, in milliseconds after the receive; [`UNHELD`] once nobody needs it
    /// to be hidden any more.
    hidden_until: AtomicU32,
    /// Whether the queue would not extend it the last time.
    failed: AtomicBool,
}

const UNHELD: u32 = 0;

/// What is needed to delete a delivery or to give it back, and its share of the memory budget.
/// As long as it is there, the delivery's lease is extended.
pub struct Receipt {
    lease: Arc<Lease>,
    place: usize,
    is_settled: bool,
}

/// A delivery whose lease has to be extended now.
pub(super) struct Due {
    lease: Arc<Lease>,
    place: usize,
    /// What its lease is before.
    hidden_until: u32,
    /// For how long it is to be hidden from now on.
    pub(super) seconds: u64,
}

impl Leases {
    /// None yet.
    pub fn new(terms: Terms) -> Self {
        Self {
            terms,
            unsettled: Arc::default(),
            begun: Mutex::default(),
        }
    }

    /// Deliveries whose receipt is there and that are not known to be settled.
    pub fn unsettled(&self) -> u64 {
        self.unsettled.load(Ordering::Relaxed)
    }

    /// The terms of all leases.
    pub fn terms(&self) -> Terms {
        self.terms
    }

    /// The lease of a receive whose answer began then. Only messages whose [`Receipt`] is taken are
    /// kept hidden.
    pub fn begin(
        &self,
        since: Instant,
        permit: Permit,
        messages: &[Option<Message<'_>>],
    ) -> Arc<Lease> {
        let length = |it: &Message<'_>| it.receipt_handle.len() + it.message_id.len();
        let length = messages.iter().flatten().map(length).sum();
        let mut text = String::with_capacity(length);
        let mut place = |part: &str| {
            let start = text.len();
            text.push_str(part);
            start..text.len()
        };
        let held = |message: &Option<Message<'_>>| Held {
            handle: place(message.as_ref().map_or("", |it| &it.receipt_handle)),
            id: place(message.as_ref().map_or("", |it| &it.message_id)),
            hidden_until: AtomicU32::new(UNHELD),
            failed: AtomicBool::new(false),
        };
        let lease = Arc::new(Lease {
            since,
            ends: since + self.terms.longest,
            visibility: self.terms.visibility,
            messages: messages.iter().map(held).collect(),
            text: text.into_boxed_str(),
            unsettled: Arc::clone(&self.unsettled),
            _permit: permit,
        });
        self.begun.lock().push(Arc::downgrade(&lease));
        lease
    }

    /// How long ago the oldest delivery in flight was received.
    pub fn oldest(&self, now: Instant) -> Option<Duration> {
        let begun = self.begun.lock();
        let live = begun.iter().filter_map(Weak::upgrade);
        let since = live
            .filter(|lease| lease.held().next().is_some())
            .map(|lease| lease.since);
        since
            .min()
            .map(|since| now.saturating_duration_since(since))
    }

    /// The deliveries of whose visibility time-out half is used up, the most urgent ones first. Of
    /// a message that is in flight twice, since a lease of it had lapsed, only the newest delivery
    /// is: its is the handle that counts.
    pub(super) fn due(&self, now: Instant) -> Vec<Due> {
        let live: Vec<_> = {
            let mut begun = self.begun.lock();
            begun.retain(|lease| lease.strong_count() > 0);
            begun.iter().filter_map(Weak::upgrade).collect()
        };
        let mut due: Vec<_> = live.iter().flat_map(|lease| lease.due(now)).collect();
        if !due.is_empty() {
            let newest = newest(&live);
            due.retain(|one| {
                let is_newest = newest.get(one.id()) == Some(&one.age());
                if !is_newest {
                    one.give_up();
                }
                is_newest
            });
            due.sort_unstable_by_key(|one| one.lease.since + millis(one.hidden_until));
        }
        due
    }
}

/// Of each message that is held the newest delivery: when it was received, and its place.
fn newest(live: &[Arc<Lease>]) -> HashMap<&str, (Instant, usize)> {
    let mut newest = HashMap::with_capacity(live.len() * 10);
    for lease in live {
        for (place, held) in lease.held() {
            let this = (lease.since, place);
            let known = newest.entry(&lease.text[held.id.clone()]).or_insert(this);
            *known = this.max(*known);
        }
    }
    newest
}

impl Lease {
    /// Takes the message at a place: from now on it is kept hidden.
    pub(crate) fn receipt(self: &Arc<Self>, place: usize) -> Receipt {
        let hidden_until = as_millis(self.visibility);
        self.messages[place]
            .hidden_until
            .store(hidden_until, Ordering::Relaxed);
        self.unsettled.fetch_add(1, Ordering::Relaxed);
        Receipt {
            lease: Arc::clone(self),
            place,
            is_settled: false,
        }
    }

    /// The messages that are held, with their places.
    fn held(&self) -> impl Iterator<Item = (usize, &Held)> {
        let held = |held: &Held| held.hidden_until.load(Ordering::Relaxed) != UNHELD;
        let messages = self.messages.iter().enumerate();
        messages.filter(move |(_, message)| held(message))
    }

    fn due(self: &Arc<Self>, now: Instant) -> impl Iterator<Item = Due> {
        // An extension may not lead beyond the longest lease, and counts in whole seconds.
        let left = self.ends.saturating_duration_since(now);
        let asked = Duration::from_secs(left.min(self.visibility).as_secs());
        let since_receive = now.saturating_duration_since(self.since);
        self.held().filter_map(move |(place, held)| {
            let hidden_until = held.hidden_until.load(Ordering::Relaxed);
            let unused = millis(hidden_until).saturating_sub(since_receive);
            // Where little is left of the longest lease, an extension gains nothing.
            let gain = asked.saturating_sub(unused);
            let due = hidden_until != UNHELD
                && unused <= self.visibility / 2
                && gain >= self.visibility / 4
                && !asked.is_zero();
            due.then(|| Due {
                lease: Arc::clone(self),
                place,
                hidden_until,
                seconds: asked.as_secs(),
            })
        })
    }
}

impl Receipt {
    /// What becomes of the delivery is known, though its receipt is there yet.
    pub(crate) fn settled(&mut self) {
        if !std::mem::replace(&mut self.is_settled, true) {
            self.lease.unsettled.fetch_sub(1, Ordering::Relaxed);
        }
    }

    /// The receipt handle, as SQS gave it.
    pub(crate) fn handle(&self) -> &str {
        &self.lease.text[self.held().handle.clone()]
    }

    /// The message's id.
    pub(crate) fn message_id(&self) -> &str {
        &self.lease.text[self.held().id.clone()]
    }

    /// Whether both came with the same receive.
    pub(crate) fn is_of_receive(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.lease, &other.lease)
    }

    /// How long ago it was received, if that is longer than a lease may last.
    fn overdue_for(&self, now: Instant) -> Option<Duration> {
        (now >= self.lease.ends).then(|| now.saturating_duration_since(self.lease.since))
    }

    /// Drops what has been in flight for longer than a lease may last, since others may have it
    /// too: how many messages, if any, and for how many seconds the oldest.
    pub(crate) fn drop_overdue<T>(
        items: &mut Vec<T>,
        receipt: impl Fn(&T) -> &Self,
    ) -> Option<(usize, u64)> {
        let now = Instant::now();
        let before = items.len();
        let mut longest = Duration::ZERO;
        items.retain(|item| {
            let overdue = receipt(item).overdue_for(now);
            longest = longest.max(overdue.unwrap_or_default());
            overdue.is_none()
        });
        let dropped = before - items.len();
        (dropped > 0).then_some((dropped, longest.as_secs()))
    }

    /// Keeps of each message only the newest delivery, whose is the handle that counts; in no order.
    pub(crate) fn keep_newest(receipts: &mut Vec<Self>) {
        let age = |one: &Self| (one.lease.since, one.place);
        receipts.sort_unstable_by(|one, other| {
            let by_id = one.message_id().cmp(other.message_id());
            by_id.then_with(|| age(other).cmp(&age(one)))
        });
        receipts.dedup_by(|one, kept| one.message_id() == kept.message_id());
    }

    fn held(&self) -> &Held {
        &self.lease.messages[self.place]
    }
}

impl Drop for Receipt {
    fn drop(&mut self) {
        self.settled();
        self.held().hidden_until.store(UNHELD, Ordering::Relaxed);
    }
}

impl Due {
    /// The receipt handle, as SQS gave it.
    pub(super) fn handle(&self) -> &str {
        &self.lease.text[self.held().handle.clone()]
    }

    /// The message's id.
    fn id(&self) -> &str {
        &self.lease.text[self.held().id.clone()]
    }

    /// How long it is hidden yet.
    pub(super) fn hidden_for(&self, now: Instant) -> Duration {
        (self.lease.since + millis(self.hidden_until)).saturating_duration_since(now)
    }

    /// It was extended by a call that began then.
    pub(super) fn extended(&self, asked: Instant) {
        self.held().failed.store(false, Ordering::Relaxed);
        let asked = asked.saturating_duration_since(self.lease.since);
        self.set(as_millis(asked + Duration::from_secs(self.seconds)));
    }

    /// The queue would not extend it, and may the next time.
    pub(super) fn failed(&self) {
        self.held().failed.store(true, Ordering::Relaxed);
    }

    /// Whether that is how it went the last time.
    pub(super) fn has_failed(&self) -> bool {
        self.held().failed.load(Ordering::Relaxed)
    }

    /// It is not extended any more.
    pub(super) fn give_up(&self) {
        self.set(UNHELD);
    }

    /// Unless the delivery has been settled meanwhile.
    fn set(&self, hidden_until: u32) {
        let _ = self.held().hidden_until.compare_exchange(
            self.hidden_until,
            hidden_until,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }

    fn held(&self) -> &Held {
        &self.lease.messages[self.place]
    }

    fn age(&self) -> (Instant, usize) {
        (self.lease.since, self.place)
    }
}

fn millis(millis: u32) -> Duration {
    Duration::from_millis(millis.into())
}

/// Twelve hours are far below the bound.
fn as_millis(time: Duration) -> u32 {
    u32::try_from(time.as_millis()).unwrap_or(u32::MAX)
}

#[cfg(test)]
pub(super) mod tests;
