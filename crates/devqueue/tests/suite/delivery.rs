//! When a message can be received: delays and long polls.

use std::time::Duration;

use crate::subject::{Difference, Subject, bodies, on_both_servers, timed};

on_both_servers! {
    a_short_poll_returns_at_once,
    a_long_poll_ends_when_nothing_comes,
    the_queue_can_say_how_long_to_poll,
    a_long_poll_is_woken_by_an_arrival,
    a_long_poll_is_woken_when_a_message_becomes_visible_again,
    every_waiting_receiver_is_served,
    a_delayed_message_wakes_a_long_poll_when_it_is_due,
    a_queue_can_delay_its_messages,
    at_most_as_many_messages_as_asked_for_are_returned,
}

/// How long after the event the receiver may see it: a wake-up is immediate, a busy machine is not.
const PROMPT: Duration = Duration::from_millis(700);

async fn a_short_poll_returns_at_once(subject: &Subject) {
    let url = subject.create("short-poll", &[]).await;
    let (received, took) = timed(subject.receive(&url)).await;
    assert!(received.is_empty());
    assert!(took < PROMPT, "{took:?}");
}

async fn a_long_poll_ends_when_nothing_comes(subject: &Subject) {
    let url = subject.create("long-poll", &[]).await;
    let (received, took) = timed(subject.receive_within(&url, 1)).await;
    assert!(received.is_empty());
    assert!(took >= Duration::from_millis(950), "{took:?}");
    assert!(took < Duration::from_secs(1) + 2 * PROMPT, "{took:?}");
}

async fn the_queue_can_say_how_long_to_poll(subject: &Subject) {
    let url = subject
        .create("polled", &[("ReceiveMessageWaitTimeSeconds", "1")])
        .await;
    let (received, took) = timed(subject.client.receive_message().queue_url(&url).send()).await;
    assert!(received.unwrap().messages.is_none());
    assert!(took >= Duration::from_millis(950), "{took:?}");
}

async fn a_long_poll_is_woken_by_an_arrival(subject: &Subject) {
    let url = subject.create("woken", &[]).await;
    let send = async {
        // The subject is time: the receiver has to be waiting already.
        tokio::time::sleep(Duration::from_millis(500)).await;
        subject.send(&url, "late").await;
    };
    let ((received, took), ()) = tokio::join!(timed(subject.receive_within(&url, 10)), send);
    assert_eq!(bodies(&received), ["late"]);
    assert!(took < Duration::from_millis(500) + PROMPT, "{took:?}");
}

async fn a_long_poll_is_woken_when_a_message_becomes_visible_again(subject: &Subject) {
    let url = subject
        .create("woken-again", &[("VisibilityTimeout", "60")])
        .await;
    subject.send(&url, "x").await;
    let received = subject.receive(&url).await;
    let return_it = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        assert_eq!(subject.hide_for(&url, &received[0], 0).await, "ok");
    };
    let ((again, took), ()) = tokio::join!(timed(subject.receive_within(&url, 10)), return_it);
    assert_eq!(bodies(&again), ["x"]);
    let late = subject.expected(Difference {
        devqueue: PROMPT,
        moto: Duration::from_secs(1) + PROMPT,
        documented: "API Reference, ReceiveMessage: if a message is available, the call returns sooner \
                     than WaitTimeSeconds. Both do; moto looks again once a second.",
    });
    assert!(took < Duration::from_millis(500) + late, "{took:?}");
}

async fn every_waiting_receiver_is_served(subject: &Subject) {
    let url = subject.create("shared", &[]).await;
    let receive = || async {
        let request = subject
            .client
            .receive_message()
            .queue_url(&url)
            .wait_time_seconds(10);
        request.send().await.unwrap().messages.unwrap().len()
    };
    let send = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let mut batch = subject.client.send_message_batch().queue_url(&url);
        for id in ["a", "b", "c"] {
            let entry = aws_sdk_sqs::types::SendMessageBatchRequestEntry::builder();
            batch = batch.entries(entry.id(id).message_body(id).build().unwrap());
        }
        batch.send().await.unwrap();
    };
    let all = async { tokio::join!(receive(), receive(), receive(), send) };
    let ((a, b, c, ()), took) = timed(Box::pin(all)).await;
    assert_eq!((a, b, c), (1, 1, 1));
    assert!(took < Duration::from_millis(500) + 2 * PROMPT, "{took:?}");
}

async fn a_delayed_message_wakes_a_long_poll_when_it_is_due(subject: &Subject) {
    let url = subject.create("delayed", &[]).await;
    let send = subject
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .delay_seconds(1);
    send.send().await.unwrap();
    assert_eq!(subject.counts(&url).await, (0, 0, 1));
    assert!(subject.receive(&url).await.is_empty());
    let (received, took) = timed(subject.receive_within(&url, 10)).await;
    assert_eq!(bodies(&received), ["x"]);
    assert!(took > Duration::from_millis(500), "{took:?}");
    let late = subject.expected(Difference {
        devqueue: PROMPT,
        moto: Duration::from_secs(1) + PROMPT,
        documented: "API Reference, ReceiveMessage: if a message is available, the call returns sooner \
                     than WaitTimeSeconds. Both do; moto looks again once a second.",
    });
    assert!(took < Duration::from_secs(1) + late, "{took:?}");
}

async fn a_queue_can_delay_its_messages(subject: &Subject) {
    let url = subject.create("delaying", &[("DelaySeconds", "1")]).await;
    subject.send(&url, "later").await;
    let now = subject
        .client
        .send_message()
        .queue_url(&url)
        .message_body("now")
        .delay_seconds(0);
    now.send().await.unwrap();
    assert_eq!(subject.counts(&url).await, (1, 0, 1));
    assert_eq!(bodies(&subject.receive(&url).await), ["now"]);
    assert_eq!(bodies(&subject.receive_within(&url, 5).await), ["later"]);
}

async fn at_most_as_many_messages_as_asked_for_are_returned(subject: &Subject) {
    let url = subject.create("many", &[]).await;
    for number in 0..12 {
        subject.send(&url, &number.to_string()).await;
    }
    let receive = || subject.client.receive_message().queue_url(&url);
    assert_eq!(receive().send().await.unwrap().messages.unwrap().len(), 1);
    let three = receive().max_number_of_messages(3).send().await.unwrap();
    assert_eq!(three.messages.unwrap().len(), 3);
    assert_eq!(subject.receive(&url).await.len(), 8);
    assert_eq!(subject.counts(&url).await, (0, 12, 0));
}
