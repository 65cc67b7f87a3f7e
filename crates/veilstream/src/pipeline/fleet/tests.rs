use super::*;

const QUICK: Vote = Vote::More(Duration::from_millis(10));
const SLOW: Vote = Vote::More(Duration::from_millis(50));

/// A fleet that has grown to its bound.
fn grown(most: usize) -> (Arc<Fleet>, Vec<Member>) {
    let fleet = Fleet::new(most, 1);
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
    let fleet = Fleet::new(128, 1);
    let mut members = fleet.muster(usize::MAX);
    assert_eq!(members.len(), 1);
    for _ in 0..12 {
        round(&fleet, &mut members, &[QUICK]);
    }
    assert_eq!(members.len(), 128, "and no larger than it may be");
}

#[test]
fn it_does_not_grow_while_calls_take_longer_than_one_alone() {
    let (fleet, mut members) = (Fleet::new(128, 1), Vec::new());
    members.extend(fleet.muster(usize::MAX));
    while members.len() < FEW {
        round(&fleet, &mut members, &[QUICK]);
    }
    for _ in 0..20 {
        round(&fleet, &mut members, &[SLOW]);
    }
    assert_eq!(members.len(), FEW, "nor shrinks");
}

#[test]
fn nor_while_only_the_first_calls_of_a_burst_are_quick() {
    let fleet = Fleet::new(128, FEW + 4);
    let mut members = fleet.muster(usize::MAX);
    // How quick it can be is known from these.
    let four = [QUICK, QUICK, QUICK, QUICK];
    round(
        &fleet,
        &mut members,
        &[&four[..], &[Vote::Same; FEW]].concat(),
    );
    for _ in 0..20 {
        round(&fleet, &mut members, &[QUICK, QUICK, SLOW]);
    }
    assert_eq!(members.len(), FEW + 4);
    round(&fleet, &mut members, &[QUICK, QUICK, QUICK, SLOW]);
    assert!(members.len() > FEW + 4, "one in four says little");
}

#[test]
fn one_lucky_call_does_not_keep_it_from_growing() {
    let (fleet, mut members) = (Fleet::new(128, 1), Vec::new());
    members.extend(fleet.muster(usize::MAX));
    members[0].vote(Vote::More(Duration::from_micros(500)));
    for _ in 0..12 {
        round(&fleet, &mut members, &[QUICK]);
    }
    assert_eq!(members.len(), 128);
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
fn one_failure_does_not_keep_a_small_fleet_small() {
    let (fleet, mut members) = (Fleet::new(50, 1), Vec::new());
    members.extend(fleet.muster(usize::MAX));
    for _ in 0..3 {
        round(&fleet, &mut members, &[QUICK]);
    }
    assert!(members[0].leaves_after_failure(Duration::from_mins(1)));
    members.remove(0);
    for _ in 0..12 {
        round(&fleet, &mut members, &[QUICK]);
    }
    assert_eq!(members.len(), 50);
}

#[test]
fn it_stays_as_it_is_while_there_is_just_enough_to_do() {
    let (fleet, mut members) = grown(50);
    for _ in 0..5 {
        round(&fleet, &mut members, &[Vote::Same]);
    }
    assert_eq!(members.len(), 50);
}

#[test]
fn it_has_its_least_again_after_the_first_call_that_succeeds() {
    let (fleet, mut members) = (Fleet::new(50, 2), Vec::new());
    members.extend(fleet.muster(usize::MAX));
    assert_eq!(members.len(), 2);
    assert!(members[0].leaves_after_failure(Duration::ZERO));
    members.remove(0);
    assert!(!members[0].leaves_after_failure(Duration::ZERO), "the last");
    round(&fleet, &mut members, &[Vote::Fewer]);
    assert_eq!(members.len(), 2);
}

#[test]
fn a_member_that_is_gone_is_replaced() {
    let (fleet, mut members) = grown(10);
    members.truncate(7);
    assert_eq!(fleet.muster(2).len(), 2, "as far as there is work");
    assert_eq!(fleet.muster(usize::MAX).len(), 3);
}

#[test]
fn the_quickest_calls_are_forgotten_after_a_while() {
    let (millis, began) = (Duration::from_millis, Instant::now());
    let one = Quickest::new().see(millis(5), began);
    assert_eq!(one, Duration::MAX, "too few are known");
    let mut quickest = Quickest::new();
    let mut see_row = |took, now| {
        let calls = (0..IN_A_ROW).map(|_| quickest.see(took, now));
        calls.last().unwrap()
    };
    assert_eq!(see_row(millis(5), began), millis(5));
    let later = began + REMEMBERED + millis(100);
    assert_eq!(see_row(millis(20), later), millis(5));
    let much_later = later + REMEMBERED;
    assert_eq!(see_row(millis(30), much_later), millis(20));
}
