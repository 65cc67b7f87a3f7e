//! The canned queue, and the delay that both servers can add.

use std::collections::HashSet;
use std::time::Duration;

use aws_sdk_sqs::types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName};
use devqueue::{Canned, Counts, DevQueue, Settings};

use crate::subject::{bodies, client, code, system, timed};

const BODIES: [&str; 3] = ["{\"a\": \"é\"}", "{\"b\": \"\\n\"}", "c"];

fn canned(settings: &Settings, messages: u64) -> Canned {
    Canned::start(settings, "login-queue", BODIES.map(str::to_owned), messages).unwrap()
}

fn delayed(milliseconds: u64) -> Settings {
    Settings {
        delay: Duration::from_millis(milliseconds),
        ..Settings::default()
    }
}

async fn receive(client: &aws_sdk_sqs::Client, url: &str) -> Vec<Message> {
    let request = client.receive_message().queue_url(url);
    let request = request.max_number_of_messages(10).wait_time_seconds(1);
    let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
    request.send().await.unwrap().messages.unwrap_or_default()
}

#[tokio::test]
async fn every_message_comes_once_and_differs_in_all_but_its_body() {
    let server = canned(&Settings::default(), 25);
    let client = client(&server.endpoint_url());
    let url = client.get_queue_url().queue_name("login-queue").send();
    let url = url.await.unwrap().queue_url.unwrap();
    assert_eq!(url, server.queue_url());

    let mut received = Vec::new();
    for expected in [10, 10, 5] {
        let messages = receive(&client, &url).await;
        assert_eq!(messages.len(), expected);
        received.extend(messages);
    }
    let distinct = |key: fn(&Message) -> &str| {
        let keys: HashSet<&str> = received.iter().map(key).collect();
        keys.len()
    };
    assert_eq!(distinct(|message| message.message_id().unwrap()), 25);
    assert_eq!(distinct(|message| message.receipt_handle().unwrap()), 25);
    assert_eq!(distinct(|message| system(message, "SentTimestamp")), 25);
    let in_turn: Vec<&str> = BODIES.into_iter().cycle().take(25).collect();
    assert_eq!(bodies(&received), in_turn);

    let entries = received
        .iter()
        .take(10)
        .enumerate()
        .map(|(place, message)| {
            let entry = DeleteMessageBatchRequestEntry::builder().id(place.to_string());
            let entry = entry.receipt_handle(message.receipt_handle().unwrap());
            entry.build().unwrap()
        });
    let deletion = client.delete_message_batch().queue_url(&url);
    let deleted = deletion.set_entries(Some(entries.collect())).send().await;
    assert_eq!(deleted.unwrap().successful().len(), 10);
    let counts = Counts {
        visible: 0,
        in_flight: 15,
        delayed: 0,
    };
    assert_eq!(server.counts(), counts);
    assert_eq!((server.received(), server.deleted()), (25, 10));
    let calls = server.calls();
    assert_eq!(calls["ReceiveMessage"], 3);
    assert_eq!(calls["DeleteMessageBatch"], 1);
    server.shutdown();
}

#[tokio::test]
async fn a_receive_waits_as_long_as_asked_when_all_are_handed_out() {
    let server = canned(&Settings::default(), 3);
    let client = client(&server.endpoint_url());
    let url = server.queue_url();
    assert_eq!(receive(&client, &url).await.len(), 3);
    let (none, taken) = timed(receive(&client, &url)).await;
    assert_eq!(none.len(), 0);
    assert!(taken >= Duration::from_secs(1), "{taken:?}");
}

#[tokio::test]
async fn what_a_canned_queue_cannot_do_is_refused() {
    let server = canned(&Settings::default(), 1);
    let client = client(&server.endpoint_url());
    let sending = client.send_message().queue_url(server.queue_url());
    let refused = code(sending.message_body("x").send().await);
    assert_eq!(refused, "UnsupportedOperation");
    assert!(Canned::start(&Settings::default(), "q", [], 1).is_err());
}

#[tokio::test]
async fn an_answer_is_delayed_and_holds_up_no_other_connection() {
    let milliseconds = 300;
    let delay = Duration::from_millis(milliseconds);
    let devqueue = DevQueue::start(delayed(milliseconds)).await.unwrap();
    devqueue.create_queue("login-queue", &[]).unwrap();
    let canned = canned(&delayed(milliseconds), 100);
    for (endpoint, url) in [
        (devqueue.endpoint_url(), devqueue.queue_url("login-queue")),
        (canned.endpoint_url(), canned.queue_url()),
    ] {
        let calls: Vec<_> = (0..10)
            .map(|_| {
                let request = client(&endpoint).receive_message().queue_url(&url);
                tokio::spawn(request.send())
            })
            .collect();
        let all = async {
            for call in calls {
                call.await.unwrap().unwrap();
            }
        };
        let ((), taken) = timed(all).await;
        assert!(taken >= delay, "{taken:?}");
        assert!(taken < delay * 10, "one after the other: {taken:?}");
    }
}
