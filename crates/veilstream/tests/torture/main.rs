//! The short form of `make torture`: the real binary under kills, crashes and faults, on real servers.

use torture::{Options, Scenario};

const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");

/// GIVEN a plan drawn from a seed, WHEN it is carried out, THEN every message is in exactly one
/// place, with the right values, and the books balance.
async fn assert_each_message_in_one_place(scenario: Scenario) {
    let seed = std::env::var("VEILSTREAM_TEST_SEED").ok();
    let seed = seed.map_or_else(|| fastrand::u64(..), |seed| seed.parse().expect("a number"));
    println!("the seed of this run: VEILSTREAM_TEST_SEED={seed}");
    let (messages, kills, workers) = scenario.short();
    let report = torture::run(Options {
        binary: BINARY.into(),
        scenario,
        seed,
        messages,
        kills,
        workers,
        progress: false,
    })
    .await
    .unwrap_or_else(|error| panic!("{error:#}"));
    let text = report.text();
    assert!(report.is_clean(), "{text}");
    println!("{text}");
}

#[tokio::test(flavor = "multi_thread")]
async fn kills_crashes_and_faults_neither_lose_nor_double_a_message() {
    assert_each_message_in_one_place(Scenario::Standard).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_order_within_a_group_of_a_fifo_queue_holds_under_kills_crashes_and_faults() {
    assert_each_message_in_one_place(Scenario::Fifo).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_workers_behind_a_pooler_in_transaction_mode_load_each_message_once() {
    assert_each_message_in_one_place(Scenario::Pgbouncer).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn commits_that_take_longer_than_the_visibility_timeout_load_each_message_once() {
    assert_each_message_in_one_place(Scenario::SlowCommits).await;
}
