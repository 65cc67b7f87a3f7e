//! What takes too long for a test over HTTP: time is a number here.

use super::*;
use crate::identifier::Identifiers;

const SECOND: u64 = 1000;
const START: u64 = 1_700_000_000_000;
const ONE: Receive = Receive {
    maximum: 1,
    visibility: None,
    redrive_after: None,
};
const TEN: Receive = Receive { maximum: 10, ..ONE };

fn store(fifo: bool, attributes: &[(&str, &str)]) -> Store {
    let fifo_attributes = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];
    let all = attributes
        .iter()
        .chain(if fifo { &fifo_attributes[..] } else { &[] });
    Store::new(QueueAttributes::new(fifo, all.copied()).unwrap(), 42)
}

fn send(store: &mut Store, body: &str, now: u64) -> Sent {
    let new = NewMessage {
        body,
        attributes: None,
        system_attributes: None,
        delay_seconds: None,
        group: store.attributes.fifo.then_some("g"),
        deduplication_id: None,
    };
    store
        .send(new, Identifiers::seeded().unwrap().uuid(), now)
        .unwrap()
}

/// The receipt handles of what is delivered.
fn receive(store: &mut Store, request: Receive, now: u64) -> Vec<String> {
    let mut handles = Vec::new();
    store.advance(now);
    let moved = store.receive(request, now, |_, handle| {
        handles.push(String::from_utf8(handle.to_vec()).unwrap());
    });
    assert!(moved.is_empty());
    handles
}

fn counts(visible: usize, in_flight: usize, delayed: usize) -> Counts {
    Counts {
        visible,
        in_flight,
        delayed,
    }
}

#[test]
fn a_message_is_dropped_after_its_retention() {
    let mut store = store(false, &[("MessageRetentionPeriod", "60")]);
    send(&mut store, "old", START);
    send(&mut store, "young", START + 30 * SECOND);
    store.advance(START + 60 * SECOND - 1);
    assert_eq!(store.counts(), counts(2, 0, 0));
    store.advance(START + 60 * SECOND);
    assert_eq!(store.counts(), counts(1, 0, 0));
    assert_eq!(receive(&mut store, TEN, START + 61 * SECOND).len(), 1);
    store.advance(START + 90 * SECOND);
    assert_eq!(store.counts(), counts(0, 0, 0));
}

#[test]
fn the_default_visibility_timeout_is_thirty_seconds() {
    let mut store = store(false, &[]);
    send(&mut store, "x", START);
    assert_eq!(receive(&mut store, TEN, START).len(), 1);
    assert_eq!(store.next_deadline(), Some(START + 30 * SECOND));
    assert!(receive(&mut store, TEN, START + 30 * SECOND - 1).is_empty());
    assert_eq!(receive(&mut store, TEN, START + 30 * SECOND).len(), 1);
}

#[test]
fn a_message_is_invisible_for_twelve_hours_at_most() {
    let mut store = store(false, &[]);
    send(&mut store, "x", START);
    let handle = receive(
        &mut store,
        Receive {
            visibility: Some(43_200),
            ..ONE
        },
        START,
    )
    .remove(0);
    let hour = 3600 * SECOND;
    let refused = store
        .change_visibility(&handle, 43_200, START + hour)
        .unwrap_err();
    assert_eq!(refused.code(), ErrorCode::InvalidParameterValue);
    store
        .change_visibility(&handle, 39_600, START + hour)
        .unwrap();
    assert_eq!(store.next_deadline(), Some(START + 12 * hour));
}

#[test]
fn a_duplicate_is_taken_again_after_five_minutes() {
    let mut store = store(true, &[]);
    let first = send(&mut store, "x", START);
    let minutes = 60 * SECOND;
    assert_eq!(send(&mut store, "x", START + 5 * minutes - 1).id, first.id);
    assert_ne!(send(&mut store, "x", START + 5 * minutes).id, first.id);
    assert_eq!(store.counts(), counts(2, 0, 0));
}

#[test]
fn a_group_is_free_again_when_the_visibility_timeout_is_over() {
    let mut store = store(true, &[]);
    send(&mut store, "1", START);
    send(&mut store, "2", START);
    let expired = receive(&mut store, ONE, START).remove(0);
    assert!(receive(&mut store, TEN, START + 29 * SECOND).is_empty());
    assert_eq!(receive(&mut store, TEN, START + 30 * SECOND).len(), 2);
    assert!(store.delete(&expired).is_err());
}

#[test]
fn a_changed_delay_holds_for_what_waits_in_a_fifo_queue_only() {
    for (fifo, expected) in [(true, counts(1, 0, 0)), (false, counts(0, 0, 1))] {
        let mut store = store(fifo, &[("DelaySeconds", "100")]);
        send(&mut store, "x", START);
        let mut attributes = store.attributes.clone();
        attributes.set("DelaySeconds", "10").unwrap();
        store.set_attributes(attributes, START + 20 * SECOND);
        assert_eq!(store.counts(), expected, "fifo: {fifo}");
    }
}

#[test]
fn messages_in_flight_are_limited() {
    for (fifo, limit) in [(false, MAXIMUM_IN_FLIGHT), (true, MAXIMUM_IN_FLIGHT_FIFO)] {
        let mut store = store(fifo, &[]);
        for number in 0..=limit {
            send(&mut store, &number.to_string(), START);
        }
        let all = Receive {
            maximum: usize::MAX,
            ..ONE
        };
        assert_eq!(receive(&mut store, all, START).len(), limit);
        assert!(receive(&mut store, all, START).is_empty());
        assert_eq!(store.over_limit(), !fifo, "a FIFO queue gives no error");
    }
}

#[test]
fn nothing_is_kept_of_what_was_deleted() {
    for fifo in [false, true] {
        let mut store = store(fifo, &[]);
        for round in 0..1000 {
            send(&mut store, &round.to_string(), START + round);
            for handle in receive(&mut store, TEN, START + round) {
                store.delete(&handle).unwrap();
                store.delete(&handle).unwrap();
            }
        }
        assert!(store.messages.is_empty() && store.timers.is_empty());
        assert_eq!(store.counts(), counts(0, 0, 0));
        assert_eq!(store.deliverable(), 0);
    }
}

#[test]
fn a_message_that_moved_keeps_its_retention_in_a_standard_queue() {
    for (fifo, left) in [(false, 0), (true, 1)] {
        let mut source = store(fifo, &[]);
        let mut dead = store(fifo, &[("MessageRetentionPeriod", "60")]);
        send(&mut source, "x", START);
        receive(
            &mut source,
            Receive {
                visibility: Some(0),
                ..ONE
            },
            START,
        );
        source.advance(START);
        let request = Receive {
            redrive_after: Some(1),
            ..TEN
        };
        let moved = source.receive(request, START + 50 * SECOND, |_, _| panic!("not delivered"));
        assert_eq!(source.counts(), counts(0, 0, 0));
        for mut message in moved {
            message.leave(&std::sync::Arc::from("arn"));
            dead.adopt(message, START + 50 * SECOND);
        }
        assert_eq!(dead.counts(), counts(1, 0, 0));
        dead.advance(START + 61 * SECOND);
        assert_eq!(dead.counts(), counts(left, 0, 0), "fifo: {fifo}");
    }
}
