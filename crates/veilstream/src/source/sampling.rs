//! A look at the messages of a queue that leaves them there: they are received, and all of them are
//! given back.
//!
//! SQS has no other way to look. So each message that is looked at counts as received once more, and
//! is hidden from others until it is given back.

use std::{
    collections::{HashMap, HashSet},
    fmt,
    time::Duration,
};

use futures_util::{StreamExt, stream};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::{Message, Queue, QueueError};
use crate::backoff::Backoff;

/// How long messages stay hidden, should they not be given back.
const VISIBILITY: Duration = Duration::from_secs(30);
/// Receiving ends so early that nothing of it is visible again before it is given back.
const LONGEST: Duration = Duration::from_secs(20);
/// How long each receive waits for a message.
const WAIT: Duration = Duration::from_secs(1);
/// After a stop, a receive that is under way has so long for its answer: SQS may have taken
/// messages for it already.
const LAST_ANSWER: Duration = Duration::from_secs(2);
/// The queue is empty, or all of it is seen, after so many receives in a row without a new message.
const EMPTY_RECEIVES: u32 = 2;
/// SQS takes at most this many entries in a batch (Amazon SQS API reference,
/// `ChangeMessageVisibilityBatch`).
const MOST_ENTRIES: usize = 10;
/// Calls under way at once when messages are given back, and rounds of them.
const GIVING_BACK_AT_ONCE: usize = 8;
const MOST_ROUNDS: u32 = 6;
const GIVING_BACK_DEADLINE: Duration = Duration::from_secs(9);
/// Where a message may be received this often and no more, a look can push it out of the queue.
pub const TOO_FEW_RECEIVES: u32 = 3;

/// Why a queue is not looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Its order counts.
    Fifo,
    /// A message is moved to the dead-letter queue after so many receives.
    MaxReceiveCount(u32),
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fifo => f.write_str(
                "it is a FIFO queue: while messages are looked at, SQS holds back the rest of \
                 their groups",
            ),
            Self::MaxReceiveCount(count) => write!(
                f,
                "each message that is looked at counts as received once more, and its redrive \
                 policy moves one to the dead-letter queue after {count}"
            ),
        }
    }
}

/// Why there is no sample. Whatever was received has been given back, or reappears within half a minute.
#[derive(Debug, thiserror::Error)]
pub enum SamplingError {
    /// It would do harm.
    #[error("the queue is not looked into: {0}. Look into a copy of it, or insist with --force")]
    Refused(Refusal),
    /// The queue failed.
    #[error(transparent)]
    Queue(#[from] QueueError),
}

/// What a look has seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sampled {
    /// How many different messages.
    pub messages: usize,
    /// Those that could not be given back; they reappear by themselves within half a minute.
    pub not_given_back: usize,
    /// Whether it ended before it had what was wanted, although there was more.
    pub out_of_time: bool,
}

/// A look at a queue.
pub struct Sampling<'q> {
    queue: &'q Queue,
    /// The newest receipt handle of each message, by the message's id: only the newest counts.
    handles: HashMap<Box<str>, Box<str>>,
    /// Handles that a newer one replaced; they may still be what SQS goes by.
    replaced: Vec<Box<str>>,
}

impl<'q> Sampling<'q> {
    /// A look at a queue that does no harm, or that somebody insists on.
    ///
    /// # Errors
    ///
    /// Why it would do harm.
    pub fn new(queue: &'q Queue, force: bool) -> Result<Self, SamplingError> {
        match refusal(queue) {
            Some(refusal) if !force => Err(SamplingError::Refused(refusal)),
            _ => Ok(Self {
                queue,
                handles: HashMap::new(),
                replaced: Vec::new(),
            }),
        }
    }

    /// Hands up to `wanted` different messages to `see`, and gives all messages back: also when it is
    /// stopped, and when the queue fails.
    ///
    /// # Errors
    ///
    /// The queue's first error.
    pub async fn take(
        mut self,
        wanted: usize,
        stop: &CancellationToken,
        mut see: impl FnMut(&Message<'_>),
    ) -> Result<Sampled, SamplingError> {
        let received = self.receive(wanted, stop, &mut see).await;
        let messages = self.handles.len().min(wanted);
        let not_given_back = self.give_back().await;
        if not_given_back > 0 {
            tracing::warn!(
                messages = not_given_back,
                "could not be given back at once; they reappear by themselves within half a minute"
            );
        }
        Ok(Sampled {
            messages,
            not_given_back,
            out_of_time: received?,
        })
    }

    /// Whether it ran out of time.
    async fn receive(
        &mut self,
        wanted: usize,
        stop: &CancellationToken,
        see: &mut impl FnMut(&Message<'_>),
    ) -> Result<bool, QueueError> {
        let deadline = Instant::now() + LONGEST;
        let mut empty = 0;
        while self.handles.len() < wanted && empty < EMPTY_RECEIVES {
            if stop.is_cancelled() {
                return Ok(false);
            }
            if Instant::now() >= deadline {
                return Ok(true);
            }
            let receive = async {
                let answer = self.queue.receive_hidden(WAIT, VISIBILITY).await?;
                answer.read().await
            };
            let body = tokio::select! {
                biased;
                body = receive => body?,
                () = stopped_since(stop, LAST_ANSWER) => return Ok(false),
            };
            let mut any_new = false;
            for message in self.queue.client().messages(&body)?.into_iter().flatten() {
                let id: Box<str> = message.message_id.as_ref().into();
                let handle = message.receipt_handle.as_ref().into();
                if let Some(older) = self.handles.insert(id, handle) {
                    self.replaced.push(older);
                    continue;
                }
                any_new = true;
                if self.handles.len() <= wanted {
                    see(&message);
                }
            }
            empty = if any_new { 0 } else { empty + 1 };
        }
        Ok(false)
    }

    /// Makes all messages visible again at once; how many could not be.
    async fn give_back(self) -> usize {
        // The newest handles last: what they say stands.
        let mut handles = self.replaced;
        let newest: HashSet<_> = self.handles.into_values().collect();
        handles.extend(newest.iter().cloned());
        let rounds = async {
            let mut backoff = Backoff::new(Duration::from_millis(100), Duration::from_secs(2));
            loop {
                handles = give_back_once(self.queue, &handles).await;
                if handles.is_empty() || backoff.failures() + 1 >= MOST_ROUNDS {
                    return;
                }
                tokio::time::sleep(backoff.next_delay()).await;
            }
        };
        let _ = tokio::time::timeout(GIVING_BACK_DEADLINE, rounds).await;
        handles
            .iter()
            .filter(|handle| newest.contains(*handle))
            .count()
    }
}

/// Why a look at a queue would do harm.
fn refusal(queue: &Queue) -> Option<Refusal> {
    let too_few = |count: &u32| *count <= TOO_FEW_RECEIVES;
    let count = queue.settings().max_receive_count.filter(too_few);
    if queue.is_fifo() {
        Some(Refusal::Fifo)
    } else {
        count.map(Refusal::MaxReceiveCount)
    }
}

/// Gives messages back; the handles that may succeed when they are tried again. A handle that the
/// queue calls wrong is one that has run out: its message is visible already.
async fn give_back_once(queue: &Queue, handles: &[Box<str>]) -> Vec<Box<str>> {
    let calls: Vec<_> = handles
        .chunks(MOST_ENTRIES)
        .map(|chunk| async move { (chunk, queue.give_back_handles(chunk).await) })
        .collect();
    let mut answers = stream::iter(calls).buffered(GIVING_BACK_AT_ONCE);
    let mut failed = Vec::new();
    while let Some((chunk, answer)) = answers.next().await {
        match answer {
            Ok(failures) => {
                let again = failures.iter().filter(|failure| !failure.sender_fault);
                failed.extend(again.filter_map(|failure| chunk.get(failure.id.0).cloned()));
            }
            Err(error) => {
                tracing::debug!(%error, "messages could not be given back");
                failed.extend(chunk.iter().cloned());
            }
        }
    }
    failed
}

async fn stopped_since(stop: &CancellationToken, time: Duration) {
    stop.cancelled().await;
    tokio::time::sleep(time).await;
}
