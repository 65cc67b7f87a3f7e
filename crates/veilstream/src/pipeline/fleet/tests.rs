use super::*;

const QUICK: Vote = Vote::More(Duration::from_millis(10));
const SLOW: Vote = Vote::More(Duration::from_millis(50));

/// A fleet that has grown to its bound.
fn grown(most: usize) -> (Arc<Fleet>, Vec<Member>) {
    let fleet = Fleet::new(most);
    let mut members = fleet.muster(usize::MAX);
    let mut calls = 0;
    while members.len() < most {
        members[0].vote(QUICK);
        members.extend(fleet.muster(usize::MAX));
        calls += 1;
        assert!(calls < 4 * most, "it grows");
    }
    (fleet, members)
}

/// As many calls as it has members, each with the same vote.
fn round(fleet: &Arc<Fleet>, members: &mut Vec<Member>, votes: &[Vote]) {
    for vote in votes.iter().cycle().take(members.len()) {
        members[0].vote(*vote);
    }
    members.retain_mut(|member| !member.leaves_if_too_many());
    members.extend(fleet.muster(usize::MAX));
}

#[test]
fn it_begins_with_one_and_is_a_hundred_times_as_large_within_a_dozen_rounds() {
    let fleet = Fleet::new(128);
    let mut members = fleet.muster(usize::MAX);
    assert_eq!(members.len(), 1);
    for _ in 0..12 {
        round(&fleet, &mut members, &[QUICK]);
    }
    assert_eq!(members.len(), 128, "and no larger than it may be");
}

#[test]
fn it_does_not_grow_while_calls_take_longer_than_one_alone() {
    let (fleet, mut members) = (Fleet::new(128), Vec::new());
    members.extend(fleet.muster(usize::MAX));
    round(&fleet, &mut members, &[QUICK]);
    for _ in 0..20 {
        round(&fleet, &mut members, &[SLOW]);
    }
    assert_eq!(members.len(), FEW, "nor shrinks");
}

#[test]
fn it_shrinks_to_one_while_there_is_little_to_do_and_stays_when_it_is_enough() {
    let (fleet, mut members) = grown(100);
    round(&fleet, &mut members, &[QUICK, Vote::Fewer, Vote::Fewer]);
    assert_eq!(members.len(), 100, "a third had enough to do");
    round(&fleet, &mut members, &[Vote::Fewer]);
    assert_eq!(members.len(), 75);
    for _ in 0..20 {
        round(&fleet, &mut members, &[Vote::Fewer]);
    }
    assert_eq!(members.len(), 1);
}

#[test]
fn who_is_not_needed_leaves_but_for_the_last_one() {
    let (fleet, mut members) = grown(20);
    members.retain_mut(|member| !member.leaves_unless_last());
    assert_eq!(members.len(), 1);
    assert!(members[0].is_last());
    assert!(fleet.muster(usize::MAX).is_empty(), "nobody is missing");
}

#[test]
fn after_failures_it_stays_small_for_a_while() {
    let (fleet, mut members) = grown(20);
    members.retain_mut(|member| !member.leaves_after_failure(Duration::ZERO));
    for _ in 0..20 {
        round(&fleet, &mut members, &[QUICK]);
    }
    assert_eq!(members.len(), FEW);
}

#[test]
fn one_failure_among_many_calls_costs_one_member() {
    let (fleet, mut members) = grown(50);
    assert!(members[0].leaves_after_failure(Duration::ZERO));
    members.remove(0);
    round(&fleet, &mut members, &[QUICK]);
    assert_eq!(members.len(), 50);
}

#[test]
fn a_member_that_is_gone_is_replaced() {
    let (fleet, mut members) = grown(10);
    members.truncate(7);
    assert_eq!(fleet.muster(2).len(), 2, "as far as there is work");
    assert_eq!(fleet.muster(usize::MAX).len(), 3);
}

#[test]
fn the_quickest_call_is_forgotten_after_a_while() {
    let (millis, began) = (Duration::from_millis, Instant::now());
    let mut quickest = Quickest::new();
    assert_eq!(quickest.see(millis(5), began), millis(5));
    let later = began + REMEMBERED + millis(100);
    assert_eq!(quickest.see(millis(20), later), millis(5));
    let much_later = later + REMEMBERED;
    assert_eq!(quickest.see(millis(30), much_later), millis(20));
}
