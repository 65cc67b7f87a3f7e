//! The message groups of a FIFO queue.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

/// The waiting messages of a FIFO queue by group. While a message of a group is in flight, nothing
/// more of that group is delivered (Developer Guide, "FIFO queue delivery logic").
#[derive(Debug, Default)]
pub(crate) struct Groups {
    by_name: HashMap<Arc<str>, Group>,
    /// The groups that can be delivered from, by their first message.
    available: BTreeMap<u64, Arc<str>>,
}

#[derive(Debug, Default)]
struct Group {
    /// Sequences in ascending order.
    waiting: VecDeque<u64>,
    in_flight: usize,
}

impl Group {
    fn available_head(&self) -> Option<u64> {
        if self.in_flight == 0 {
            self.waiting.front().copied()
        } else {
            None
        }
    }
}

impl Groups {
    /// How many groups can be delivered from.
    pub(crate) fn available(&self) -> usize {
        self.available.len()
    }

    /// A message waits, in its place by sequence.
    pub(crate) fn insert(&mut self, name: &Arc<str>, sequence: u64) {
        self.change(name, |group| {
            let at = group.waiting.partition_point(|waiting| *waiting < sequence);
            group.waiting.insert(at, sequence);
        });
    }

    /// A waiting message is gone.
    pub(crate) fn remove(&mut self, name: &Arc<str>, sequence: u64) {
        self.change(name, |group| {
            if let Ok(at) = group.waiting.binary_search(&sequence) {
                group.waiting.remove(at);
            }
        });
    }

    /// A message of the group is not in flight any more.
    pub(crate) fn release(&mut self, name: &Arc<str>) {
        self.change(name, |group| {
            group.in_flight = group.in_flight.saturating_sub(1);
        });
    }

    /// The available group whose first message is the oldest, with its messages up to `limit`, in
    /// order. The group stays unavailable until [`Groups::settle`] or [`Groups::release`].
    pub(crate) fn take(&mut self, limit: usize) -> Option<(Arc<str>, Vec<u64>)> {
        let (_, name) = self.available.pop_first()?;
        let waiting = &mut self.by_name.get_mut(&name)?.waiting;
        let count = limit.min(waiting.len());
        let taken = waiting.drain(..count).collect();
        Some((name, taken))
    }

    /// Ends a [`Groups::take`]: that many of the taken messages are in flight, the others are gone.
    pub(crate) fn settle(&mut self, name: &Arc<str>, in_flight: usize) {
        self.change(name, |group| group.in_flight += in_flight);
    }

    pub(crate) fn clear(&mut self) {
        self.by_name.clear();
        self.available.clear();
    }

    fn change(&mut self, name: &Arc<str>, change: impl FnOnce(&mut Group)) {
        let group = self.by_name.entry(Arc::clone(name)).or_default();
        let before = group.available_head();
        change(group);
        let after = group.available_head();
        if group.waiting.is_empty() && group.in_flight == 0 {
            self.by_name.remove(name);
        }
        if let Some(head) = before {
            self.available.remove(&head);
        }
        if let Some(head) = after {
            self.available.insert(head, Arc::clone(name));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_with_a_message_in_flight_is_passed_over() {
        let (a, b): (Arc<str>, Arc<str>) = ("a".into(), "b".into());
        let mut groups = Groups::default();
        for (name, sequence) in [(&a, 1), (&b, 2), (&a, 3)] {
            groups.insert(name, sequence);
        }
        assert_eq!(groups.take(1), Some((a.clone(), vec![1])));
        groups.settle(&a, 1);
        assert_eq!(groups.take(10), Some((b.clone(), vec![2])));
        groups.settle(&b, 1);
        assert_eq!(groups.take(10), None);
        groups.release(&a);
        groups.insert(&a, 1);
        assert_eq!(groups.take(10), Some((a.clone(), vec![1, 3])));
    }

    #[test]
    fn nothing_is_kept_of_a_group_that_is_done() {
        let name: Arc<str> = "a".into();
        let mut groups = Groups::default();
        groups.insert(&name, 1);
        groups.take(1);
        groups.settle(&name, 1);
        groups.release(&name);
        assert!(groups.by_name.is_empty() && groups.available.is_empty());
    }
}
