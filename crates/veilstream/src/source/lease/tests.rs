//! When a delivery is due, and until when.

use super::*;
use crate::source::Budget;

const SECOND: Duration = Duration::from_secs(1);

/// A receive of messages with these ids.
pub(crate) async fn received(leases: &Leases, since: Instant, ids: &[&str]) -> Vec<Receipt> {
    let budget = Budget::new(100, 100);
    let permit = Permit::new(budget.messages(10).await, budget.bytes(1).await, ids.len());
    let message = |id: &&str| {
        Some(Message {
            message_id: id.to_string().into(),
            receipt_handle: format!("of {id}").into(),
            md5_of_body: None,
            body: "".into(),
            sent_timestamp: None,
        })
    };
    let messages: Vec<_> = ids.iter().map(message).collect();
    let lease = leases.begin(since, permit, &messages);
    (0..ids.len()).map(|place| lease.receipt(place)).collect()
}

fn leases(visibility: u32, longest: u32) -> Leases {
    Leases::new(Terms::new(SECOND * visibility, Some(SECOND * longest)))
}

/// The handles that are due, with their seconds; all of them are extended.
fn extend(leases: &Leases, now: Instant) -> Vec<(String, u64)> {
    let due = leases.due(now);
    let extended = due.iter().map(|one| {
        one.extended(now);
        (one.handle().to_owned(), one.seconds)
    });
    extended.collect()
}

#[tokio::test]
async fn what_is_held_is_due_whenever_half_of_its_time_is_used_up() {
    let leases = leases(30, 3_600);
    let begin = Instant::now();
    let mut receipts = received(&leases, begin, &["a", "b", "c"]).await;
    receipts.remove(1);
    for half in 1..100 {
        let before = begin + SECOND * (15 * half - 1);
        assert!(extend(&leases, before).is_empty(), "{half}");
        let due = before + SECOND;
        let expected = ["a", "c"].map(|id| (format!("of {id}"), 30));
        assert_eq!(extend(&leases, due), expected, "{half}");
        assert!(extend(&leases, due).is_empty(), "{half}");
    }
    drop(receipts);
    assert!(extend(&leases, begin + SECOND * 1_600).is_empty());
    assert!(
        leases.begun.lock().is_empty(),
        "nothing is remembered of it"
    );
}

#[tokio::test]
async fn nothing_is_hidden_for_longer_than_the_longest_lease() {
    for (visibility, longest) in [(30, 100), (1, 3), (2, 3), (10, 10), (43_200, 43_200)] {
        let leases = leases(visibility, longest);
        let begin = Instant::now();
        let receipts = received(&leases, begin, &["a"]).await;
        let end = begin + SECOND * longest;
        let mut calls = 0;
        let mut now = begin;
        while now < end + SECOND {
            now += SECOND * visibility / 10;
            for (_, seconds) in extend(&leases, now) {
                calls += 1;
                assert!(seconds > 0);
                assert!(now + Duration::from_secs(seconds) <= end, "{longest}");
            }
        }
        assert!(calls <= 2 * longest / visibility, "{calls} of {longest}");
        let before = begin + SECOND * (longest - 1);
        assert_eq!(receipts[0].overdue_for(before), None);
        assert_eq!(receipts[0].overdue_for(end), Some(SECOND * longest));
    }
}

#[tokio::test]
async fn of_a_message_that_is_in_flight_twice_only_the_newest_delivery_is_extended() {
    let leases = leases(10, 100);
    let begin = Instant::now();
    let first = received(&leases, begin, &["a", "b"]).await;
    let second = received(&leases, begin + SECOND * 12, &["c", "b"]).await;
    let third = received(&leases, begin + SECOND * 11, &["b"]).await;
    // The newest one is not due yet, nor are the older ones any more.
    let due = extend(&leases, begin + SECOND * 16);
    assert_eq!(due, [("of a".to_owned(), 10)]);
    drop(third);
    let due = extend(&leases, begin + SECOND * 18);
    assert_eq!(due.len(), 2, "c and b of the second: {due:?}");
    drop(second);
    assert_eq!(extend(&leases, begin + SECOND * 21).len(), 1, "a");
    drop(first);
}

#[tokio::test]
async fn of_a_message_that_stands_twice_in_a_batch_the_newest_receipt_is_kept() {
    let leases = leases(10, 100);
    let begin = Instant::now();
    let newer = received(&leases, begin + SECOND, &["b", "a"]).await;
    let older = received(&leases, begin, &["a", "c", "c"]).await;
    let mut receipts: Vec<_> = older.into_iter().chain(newer).collect();
    Receipt::keep_newest(&mut receipts);
    let kept = |receipt: &Receipt| {
        (
            receipt.handle().to_owned(),
            receipt.lease.since,
            receipt.place,
        )
    };
    let mut kept: Vec<_> = receipts.iter().map(kept).collect();
    kept.sort();
    let expected = [
        ("of a".to_owned(), begin + SECOND, 1),
        ("of b".to_owned(), begin + SECOND, 0),
        ("of c".to_owned(), begin, 2),
    ];
    assert_eq!(kept, expected);
}

#[test]
fn terms_are_the_queue_s_within_bounds() {
    let terms = |queue, longest: Option<u64>| {
        let longest = longest.map(Duration::from_secs);
        let Terms {
            visibility,
            longest,
        } = Terms::new(Duration::from_secs(queue), longest);
        (visibility.as_secs(), longest.as_secs())
    };
    assert_eq!(terms(30, None), (30, 3_600));
    assert_eq!(terms(0, None), (1, 3_600));
    assert_eq!(terms(7_200, None), (7_200, 7_200));
    assert_eq!(terms(30, Some(10)), (10, 10));
    assert_eq!(terms(43_200, Some(86_400)), (43_200, 43_200));
}

#[tokio::test]
async fn a_delivery_is_unsettled_until_it_is_settled_or_dropped() {
    let leases = leases(30, 3_600);
    let mut receipts = received(&leases, Instant::now(), &["a", "b", "c"]).await;
    assert_eq!(leases.unsettled(), 3);
    drop(receipts.pop());
    assert_eq!(leases.unsettled(), 2);
    receipts[0].settled();
    receipts[0].settled();
    assert_eq!(leases.unsettled(), 1);
    drop(receipts);
    assert_eq!(leases.unsettled(), 0);
}
