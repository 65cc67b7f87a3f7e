//! All queues of the server.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError, RwLock};

use crate::attributes::QueueAttributes;
use crate::calls::Calls;
use crate::clock::Clock;
use crate::error::{ErrorCode, QueueError};
use crate::identifier::Identifiers;
use crate::queue::Queue;
use crate::redrive::{RedrivePolicy, refused};

/// The longest name of a queue, with `.fifo`.
const MAXIMUM_NAME: usize = 80;

/// The state that all connections share.
#[derive(Debug)]
pub(crate) struct Broker {
    pub(crate) account: String,
    pub(crate) region: String,
    pub(crate) clock: Clock,
    pub(crate) identifiers: Identifiers,
    pub(crate) calls: Calls,
    queues: RwLock<BTreeMap<String, Arc<Queue>>>,
}

impl Broker {
    pub(crate) fn new(account: String, region: String) -> std::io::Result<Self> {
        Ok(Broker {
            account,
            region,
            clock: Clock::start(),
            identifiers: Identifiers::seeded()?,
            calls: Calls::default(),
            queues: RwLock::default(),
        })
    }

    /// Creates a queue; succeeds as well if there is one with the same attributes.
    pub(crate) fn create(&self, name: &str, attributes: &[(&str, &str)]) -> Result<(), QueueError> {
        check_queue_name(name)?;
        let is_fifo = has_fifo_suffix(name);
        let valid = QueueAttributes::new(is_fifo, attributes.iter().copied())?;
        if let Some(policy) = &valid.redrive {
            self.check_redrive(policy, is_fifo)?;
        }
        let arn = Arc::from(self.arn(name));
        let mut queues = self.queues.write().unwrap_or_else(PoisonError::into_inner);
        match queues.entry(name.to_owned()) {
            Entry::Vacant(vacant) => {
                vacant.insert(Arc::new(Queue::new(name, arn, valid, self)));
                Ok(())
            }
            Entry::Occupied(existing) => {
                let difference = existing.get().with_store(self.clock.now(), |store| {
                    store.attributes.first_difference(attributes)
                });
                difference.map_or(Ok(()), |attribute| {
                    let message = format!(
                        "A queue already exists with the same name and a different value for attribute {attribute}"
                    );
                    Err(QueueError::new(ErrorCode::QueueNameExists, message))
                })
            }
        }
    }

    /// Changes attributes, all of them or none.
    pub(crate) fn set_attributes<'a>(
        &self,
        queue: &Queue,
        changes: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<(), QueueError> {
        let now = self.clock.now();
        let mut attributes = queue.with_store(now, |store| store.attributes.clone());
        let redrive_before = attributes.redrive.clone();
        for (name, value) in changes {
            attributes.set(name, value)?;
        }
        if let Some(policy) = &attributes.redrive
            && attributes.redrive != redrive_before
        {
            self.check_redrive(policy, attributes.fifo)?;
        }
        queue.with_store(now, |store| store.set_attributes(attributes, now));
        queue.modified_at.store(now, Ordering::Relaxed);
        Ok(())
    }

    /// A dead-letter queue must exist and be of the same kind (Developer Guide, "Using dead-letter
    /// queues in Amazon SQS").
    fn check_redrive(&self, policy: &RedrivePolicy, is_fifo: bool) -> Result<(), QueueError> {
        let Some(target) = self.queue_by_arn(&policy.target_arn) else {
            return Err(refused("Dead letter target does not exist."));
        };
        if has_fifo_suffix(&target.name) != is_fifo {
            return Err(refused(
                "Dead-letter queue must be same type of queue as the source.",
            ));
        }
        Ok(())
    }

    pub(crate) fn delete(&self, name: &str) -> Result<(), QueueError> {
        let removed = self
            .queues
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(name);
        let queue = removed.ok_or_else(QueueError::no_such_queue)?;
        queue.delete(self.clock.now());
        Ok(())
    }

    pub(crate) fn queue(&self, name: &str) -> Result<Arc<Queue>, QueueError> {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        queues
            .get(name)
            .cloned()
            .ok_or_else(QueueError::no_such_queue)
    }

    pub(crate) fn queue_by_arn(&self, arn: &str) -> Option<Arc<Queue>> {
        let (prefix, name) = arn.rsplit_once(':')?;
        let matches = self.arn("").strip_suffix(':') == Some(prefix);
        if matches { self.queue(name).ok() } else { None }
    }

    /// The queue that a URL of this server, of any host name, stands for.
    pub(crate) fn queue_by_url(&self, url: &str) -> Result<Arc<Queue>, QueueError> {
        let mut segments = url.trim_end_matches('/').rsplit('/');
        let name = segments.next().unwrap_or_default();
        match segments.next() {
            Some(account) if account != self.account => Err(QueueError::no_such_queue()),
            Some(_) | None => self.queue(name),
        }
    }

    /// Up to `limit` names in alphabetical order that begin with `prefix` and come after `after`,
    /// and whether there are more.
    pub(crate) fn names(&self, prefix: &str, after: &str, limit: usize) -> (Vec<String>, bool) {
        let queues = self.queues.read().unwrap_or_else(PoisonError::into_inner);
        let mut matching = queues
            .keys()
            .filter(|name| name.starts_with(prefix) && name.as_str() > after);
        let names = matching.by_ref().take(limit).cloned().collect();
        (names, matching.next().is_some())
    }

    pub(crate) fn arn(&self, name: &str) -> String {
        format!("arn:aws:sqs:{}:{}:{name}", self.region, self.account)
    }
}

#[expect(
    clippy::case_sensitive_file_extension_comparisons,
    reason = "this is no file extension; the suffix is lower-case"
)]
fn has_fifo_suffix(name: &str) -> bool {
    name.ends_with(".fifo")
}

/// API Reference, `CreateQueue`: up to 80 characters of A-Z, a-z, 0-9, hyphen and underscore, and
/// `.fifo` at the end of a FIFO queue's name.
fn check_queue_name(name: &str) -> Result<(), QueueError> {
    let stem = name.strip_suffix(".fifo").unwrap_or(name);
    let well_formed = (1..=MAXIMUM_NAME).contains(&name.len())
        && !stem.is_empty()
        && stem
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
    if well_formed {
        return Ok(());
    }
    Err(QueueError::new(
        ErrorCode::InvalidParameterValue,
        "The name of a queue can only include alphanumeric characters, hyphens, or underscores, \
         1 to 80 in length.",
    ))
}
