//! What befalls a worker's calls to the queue.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use devqueue::DevQueue;
use fastrand::Rng;
use parking_lot::Mutex;
use serde_json::{Value, json};
use testkit::sqs_proxy::{Change, Fault, Refusal};

use crate::{
    slot::SlotState,
    tally::{Tally, Thrown},
};

/// A fault of a whole call; those that take time get theirs.
type CallFault = (Thrown, fn(Duration) -> Fault);

/// Faults of a whole call, each so many times in a thousand.
const CALL_FAULTS: [(u32, CallFault); 10] = [
    (25, (Thrown::CallCut, |_| Fault::Cut)),
    (25, (Thrown::AnswerLost, |_| Fault::LoseAnswer)),
    (6, (Thrown::AnswerLate, Fault::Late)),
    (6, (Thrown::CallHangs, Fault::Delay)),
    (15, (Thrown::AnswerHalf, |_| Fault::Half)),
    (10, (Thrown::AnswerDrips, Fault::Drip)),
    (8, (Thrown::Status500, |_| refuse(500, "InternalFailure"))),
    (
        8,
        (Thrown::Status503, |_| refuse(503, "ServiceUnavailable")),
    ),
    (
        8,
        (Thrown::Throttling400, |_| {
            refuse(400, "ThrottlingException")
        }),
    ),
    (
        8,
        (Thrown::Throttling429, |_| {
            refuse(429, "TooManyRequestsException")
        }),
    ),
];

const fn refuse(status: u16, code: &'static str) -> Fault {
    Fault::Refuse(Refusal {
        status,
        code,
        retry_after: None,
    })
}

/// What becomes of an entry of a delete that fails.
#[derive(Clone, Copy)]
struct FailedDelete {
    thrown: Thrown,
    is_told: bool,
    is_deleted: bool,
}

/// Of the entries of a delete so many percent fail.
const DELETES_FAILED: [(u32, FailedDelete); 3] = [
    (8, failed(Thrown::DeleteFails, true, false)),
    (8, failed(Thrown::DeleteUnmentioned, false, false)),
    (4, failed(Thrown::DeleteFailsFalsely, true, true)),
];
/// Of the messages so many percent are made visible again while they are delivered. As many are
/// delivered again with their older handle, so that a fifth comes twice.
const MADE_VISIBLE_PERCENT: u32 = 10;
/// Old deliveries in one answer: none, one or two, one in nine on average.
const MOST_OLD: usize = 2;
/// SQS delivers at most ten messages at once (Amazon SQS API reference, ReceiveMessage).
const MOST_MESSAGES: usize = 10;
/// One receive in so many has a body whose MD5 is not that which it says.
const LIES_ONE_IN: u32 = 150;
/// Deliveries that can come again, none of them large.
const REMEMBERED: usize = 500;
const REMEMBERED_SIZE: usize = 4_000;
/// How long a call hangs, and one time in so many longer than the ten seconds that veilstream
/// waits for an answer.
const HANG_MILLIS: std::ops::Range<u64> = 200..3_000;
const LONG_HANG_MILLIS: std::ops::Range<u64> = 10_500..12_500;
const LONG_HANG_ONE_IN: u32 = 10;

/// The faults of one worker's calls.
pub(crate) struct QueueFaults {
    pub(crate) server: Arc<DevQueue>,
    pub(crate) queue: &'static str,
    /// On a FIFO queue nothing may come that a FIFO queue would not deliver.
    pub(crate) fifo: bool,
    pub(crate) random: Mutex<Rng>,
    pub(crate) remembered: Mutex<VecDeque<Value>>,
    pub(crate) state: Arc<SlotState>,
    pub(crate) tally: Tally,
}

impl QueueFaults {
    /// What befalls a call.
    pub(crate) fn decide(self: &Arc<Self>, action: &str, request: &Value) -> Fault {
        if self.state.is_calm() {
            return self.without_fault(action, request);
        }
        let mut random = self.random.lock();
        if let Some((thrown, fault)) = drawn(&mut random, 1_000, &CALL_FAULTS) {
            self.tally.count(thrown);
            let hang = if random.u32(..LONG_HANG_ONE_IN) == 0 {
                LONG_HANG_MILLIS
            } else {
                HANG_MILLIS
            };
            let hang = Duration::from_millis(random.u64(hang));
            return fault(hang);
        }
        match action {
            "ReceiveMessage" => self.receive(&mut random, request),
            "DeleteMessageBatch" => self.delete(&mut random, request),
            _ => Fault::Pass,
        }
    }

    fn without_fault(self: &Arc<Self>, action: &str, request: &Value) -> Fault {
        if action != "ReceiveMessage" {
            return Fault::Pass;
        }
        let this = Arc::clone(self);
        Fault::Change(Change {
            request: request.clone(),
            answer: Box::new(move |answer| {
                this.state.delivered(messages(&answer).len());
                answer
            }),
        })
    }

    /// Duplicates, and digests that lie.
    fn receive(self: &Arc<Self>, random: &mut Rng, request: &Value) -> Fault {
        let old = if self.fifo {
            0
        } else {
            random.usize(..=MOST_OLD)
        };
        let lies = random.u32(..LIES_ONE_IN) == 0;
        let mut random = random.fork();
        let mut request = request.clone();
        request["MaxNumberOfMessages"] = (MOST_MESSAGES - old).into();
        let this = Arc::clone(self);
        Fault::Change(Change {
            request,
            answer: Box::new(move |mut answer| {
                if messages(&answer).is_empty() {
                    return answer;
                }
                this.make_some_visible(&mut random, messages(&answer));
                let again = this.exchange(&mut random, old, messages(&answer));
                let messages = answer["Messages"].as_array_mut().expect("it has some");
                messages.extend(again);
                if lies {
                    this.tally.count(Thrown::DigestLies);
                    let place = random.usize(..messages.len());
                    messages[place]["MD5OfBody"] = "0".repeat(32).into();
                }
                this.state.delivered(messages.len());
                answer
            }),
        })
    }

    /// Makes messages visible again while they are on their way. Of a FIFO queue, all of a receive.
    fn make_some_visible(&self, random: &mut Rng, messages: &[Value]) {
        let all = self.fifo && random.u32(..100) < MADE_VISIBLE_PERCENT;
        for message in messages {
            let again = all || (!self.fifo && random.u32(..100) < MADE_VISIBLE_PERCENT);
            let handle = message["ReceiptHandle"].as_str().unwrap_or_default();
            if again && self.server.make_visible(self.queue, handle).is_ok() {
                self.tally.count(Thrown::MadeVisible);
            }
        }
    }

    /// Remembers deliveries, and gives some that were remembered.
    fn exchange(&self, random: &mut Rng, old: usize, messages: &[Value]) -> Vec<Value> {
        let mut remembered = self.remembered.lock();
        let mut again = Vec::new();
        for _ in 0..old.min(remembered.len()) {
            let place = random.usize(..remembered.len());
            again.extend(remembered.swap_remove_back(place));
            self.tally.count(Thrown::OldDelivery);
        }
        for message in messages {
            let size = message["Body"].as_str().map_or(0, str::len);
            if remembered.len() < REMEMBERED && size < REMEMBERED_SIZE && random.u8(..4) == 0 {
                remembered.push_back(message.clone());
            }
        }
        again
    }

    /// Entries that are not deleted, or said not to be.
    fn delete(&self, random: &mut Rng, request: &Value) -> Fault {
        let (mut deleted, mut failed) = (Vec::new(), Vec::new());
        for entry in request["Entries"].as_array().into_iter().flatten() {
            let Some(failure) = drawn(random, 100, &DELETES_FAILED) else {
                deleted.push(entry.clone());
                continue;
            };
            self.tally.count(failure.thrown);
            if failure.is_told {
                failed.push(
                    json!({"Id": entry["Id"], "SenderFault": false, "Code": "InternalError"}),
                );
            }
            if failure.is_deleted {
                deleted.push(entry.clone());
            }
        }
        if deleted.is_empty() {
            // The queue refuses an empty batch.
            return Fault::Pass;
        }
        let mut request = request.clone();
        request["Entries"] = deleted.into();
        let answer = move |mut answer: Value| {
            if let Some(successful) = answer["Successful"].as_array_mut() {
                successful.retain(|entry| failed.iter().all(|told| told["Id"] != entry["Id"]));
            }
            if let Some(told) = answer["Failed"].as_array() {
                failed.extend(told.iter().cloned());
            }
            answer["Failed"] = failed.into();
            answer
        };
        Fault::Change(Change {
            request,
            answer: Box::new(answer),
        })
    }
}

const fn failed(thrown: Thrown, is_told: bool, is_deleted: bool) -> FailedDelete {
    FailedDelete {
        thrown,
        is_told,
        is_deleted,
    }
}

fn messages(answer: &Value) -> &[Value] {
    answer["Messages"].as_array().map_or(&[], Vec::as_slice)
}

/// One of several, each with its own share of `all`, or none.
pub(crate) fn drawn<T: Copy>(random: &mut Rng, all: u32, shares: &[(u32, T)]) -> Option<T> {
    let mut place = random.u32(..all);
    for (share, one) in shares {
        if place < *share {
            return Some(*one);
        }
        place -= share;
    }
    None
}
