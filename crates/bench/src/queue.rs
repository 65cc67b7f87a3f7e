//! The queues that messages come from.

use std::{collections::BTreeMap, time::Duration};

use anyhow::Result;
use devqueue::{Canned, Counts, DevQueue, Settings};
use veilstream::{sample::login_events, startup::DEFAULT_QUEUE};

/// Different messages of the canned queue, which take turns: about 1.7 MB.
const CANNED_BODIES: usize = 10_000;

/// Which queue.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The built-in one, which does what SQS does; every answer comes so much later.
    Embedded(Duration),
    /// The one that answers from memory, so that the machine is the client's.
    Canned,
}

impl Kind {
    /// The built-in one on the spot.
    pub(crate) const NEAR: Self = Self::Embedded(Duration::ZERO);
    /// The same, 10 ms away.
    pub(crate) const DISTANT: Self = Self::Embedded(Duration::from_millis(10));
}

/// A queue with login events, on a free port.
pub(crate) enum Queue {
    Embedded(DevQueue),
    Canned(Canned),
}

impl Queue {
    /// A new one with so many messages.
    pub(crate) async fn start(kind: Kind, messages: usize) -> Result<Self> {
        let bodies = login_events().take(match kind {
            Kind::Embedded(_) => messages,
            Kind::Canned => CANNED_BODIES.min(messages),
        });
        Ok(match kind {
            Kind::Embedded(delay) => {
                let settings = Settings {
                    delay,
                    ..Settings::default()
                };
                let queue = DevQueue::start(settings).await?;
                queue.create_queue(DEFAULT_QUEUE, &[("VisibilityTimeout", "600")])?;
                for body in bodies {
                    queue.send(DEFAULT_QUEUE, &body)?;
                }
                Self::Embedded(queue)
            }
            Kind::Canned => {
                let messages = u64::try_from(messages)?;
                Self::Canned(Canned::start(
                    &Settings::default(),
                    DEFAULT_QUEUE,
                    bodies,
                    messages,
                )?)
            }
        })
    }

    pub(crate) fn endpoint_url(&self) -> String {
        match self {
            Self::Embedded(queue) => queue.endpoint_url(),
            Self::Canned(queue) => queue.endpoint_url(),
        }
    }

    pub(crate) fn queue_url(&self) -> String {
        match self {
            Self::Embedded(queue) => queue.queue_url(DEFAULT_QUEUE),
            Self::Canned(queue) => queue.queue_url(),
        }
    }

    /// Calls so far, by action.
    pub(crate) fn calls(&self) -> BTreeMap<&'static str, u64> {
        match self {
            Self::Embedded(queue) => queue.calls(),
            Self::Canned(queue) => queue.calls(),
        }
    }

    /// Whether there was a ReceiveMessage.
    pub(crate) fn has_been_asked(&self) -> bool {
        self.calls().contains_key("ReceiveMessage")
    }

    /// Messages that are not deleted yet.
    pub(crate) fn left(&self) -> usize {
        let Counts {
            visible,
            in_flight,
            delayed,
        } = match self {
            Self::Embedded(queue) => queue.counts(DEFAULT_QUEUE).expect("the queue is there"),
            Self::Canned(queue) => queue.counts(),
        };
        visible + in_flight + delayed
    }
}

/// How many of so many messages of such a queue are login events; the others are strays.
pub(crate) fn login_events_among(kind: Kind, messages: usize) -> usize {
    let is_login = |event: &String| event.contains("\"user_id\"");
    let among = |count| login_events().take(count).filter(is_login).count();
    match kind {
        Kind::Embedded(_) => among(messages),
        Kind::Canned => {
            let bodies = CANNED_BODIES.min(messages);
            messages / bodies * among(bodies) + among(messages % bodies)
        }
    }
}
