//! What happens to a message that was received and not deleted.

use std::time::Duration;

use crate::subject::{Difference, Subject, bodies, code, on_both_servers, system, timed};

on_both_servers! {
    an_undeleted_message_comes_back_with_a_new_receipt_handle,
    an_old_receipt_handle_does_not_delete,
    the_latest_receipt_handle_deletes_after_the_timeout,
    deleting_twice_succeeds,
    a_made_up_receipt_handle_is_refused,
    the_visibility_timeout_can_be_extended,
    a_message_can_be_returned_at_once,
    only_what_is_in_flight_can_be_extended,
    a_message_received_too_often_goes_to_the_dead_letter_queue,
    a_redrive_policy_is_checked,
}

async fn an_undeleted_message_comes_back_with_a_new_receipt_handle(subject: &Subject) {
    let url = subject
        .create("redelivered", &[("VisibilityTimeout", "1")])
        .await;
    subject.send(&url, "x").await;
    let first = subject.receive(&url).await.remove(0);
    assert!(subject.receive(&url).await.is_empty());
    let (mut again, took) = timed(subject.receive_within(&url, 10)).await;
    let latest = subject.expected(Difference {
        devqueue: Duration::from_millis(1700),
        moto: Duration::from_millis(2700),
        documented: "API Reference, ReceiveMessage: if a message is available, the call returns sooner \
                     than WaitTimeSeconds. Both do; moto looks again once a second.",
    });
    assert!(
        took > Duration::from_millis(500) && took < latest,
        "{took:?}"
    );
    let again = again.remove(0);
    assert_eq!(again.message_id(), first.message_id());
    assert_ne!(again.receipt_handle(), first.receipt_handle());
    assert_eq!(system(&first, "ApproximateReceiveCount"), "1");
    assert_eq!(system(&again, "ApproximateReceiveCount"), "2");
    for unchanged in [
        "SentTimestamp",
        "ApproximateFirstReceiveTimestamp",
        "SenderId",
    ] {
        assert_eq!(
            system(&again, unchanged),
            system(&first, unchanged),
            "{unchanged}"
        );
    }
}

async fn an_old_receipt_handle_does_not_delete(subject: &Subject) {
    let url = subject.create("old-handle", &[]).await;
    subject.send(&url, "x").await;
    let first = subject.receive(&url).await.remove(0);
    assert_eq!(subject.hide_for(&url, &first, 0).await, "ok");
    let second = subject.receive(&url).await.remove(0);
    subject.delete(&url, &first).await;
    let left = subject.expected(Difference {
        devqueue: (0, 1, 0),
        moto: (0, 0, 0),
        documented: "API Reference, DeleteMessage: the most recently received handle must be given, \
                     otherwise the request succeeds, but the message will not be deleted. \
                     devqueue is right; moto deletes with any handle.",
    });
    assert_eq!(subject.counts(&url).await, left);
    subject.delete(&url, &second).await;
    assert_eq!(subject.counts(&url).await, (0, 0, 0));
}

async fn the_latest_receipt_handle_deletes_after_the_timeout(subject: &Subject) {
    let url = subject.create("late-delete", &[]).await;
    subject.send(&url, "x").await;
    let received = subject.receive(&url).await.remove(0);
    assert_eq!(subject.hide_for(&url, &received, 0).await, "ok");
    assert_eq!(subject.counts(&url).await, (1, 0, 0));
    subject.delete(&url, &received).await;
    assert_eq!(subject.counts(&url).await, (0, 0, 0));
    assert!(subject.receive(&url).await.is_empty());
}

async fn deleting_twice_succeeds(subject: &Subject) {
    let url = subject.create("twice", &[]).await;
    subject.send(&url, "x").await;
    let received = subject.receive(&url).await.remove(0);
    subject.delete(&url, &received).await;
    subject.delete(&url, &received).await;
}

async fn a_made_up_receipt_handle_is_refused(subject: &Subject) {
    let url = subject.create("made-up", &[]).await;
    let deletion = subject
        .client
        .delete_message()
        .queue_url(&url)
        .receipt_handle("made-up");
    assert_eq!(code(deletion.send().await), "ReceiptHandleIsInvalid");
    let change = subject.client.change_message_visibility().queue_url(&url);
    let change = change
        .receipt_handle("made-up")
        .visibility_timeout(1)
        .send()
        .await;
    assert_eq!(code(change), "ReceiptHandleIsInvalid");
}

async fn the_visibility_timeout_can_be_extended(subject: &Subject) {
    let url = subject
        .create("extended", &[("VisibilityTimeout", "1")])
        .await;
    subject.send(&url, "x").await;
    let received = subject.receive(&url).await.remove(0);
    assert_eq!(subject.hide_for(&url, &received, 3).await, "ok");
    assert!(subject.receive_within(&url, 2).await.is_empty());
    assert_eq!(bodies(&subject.receive_within(&url, 5).await), ["x"]);
}

async fn a_message_can_be_returned_at_once(subject: &Subject) {
    let url = subject.create("returned", &[]).await;
    subject.send(&url, "x").await;
    let received = subject.receive(&url).await.remove(0);
    assert_eq!(subject.hide_for(&url, &received, 0).await, "ok");
    assert_eq!(bodies(&subject.receive(&url).await), ["x"]);
}

async fn only_what_is_in_flight_can_be_extended(subject: &Subject) {
    let url = subject.create("visible", &[]).await;
    subject.send(&url, "x").await;
    let received = subject.receive(&url).await.remove(0);
    assert_eq!(
        subject.hide_for(&url, &received, 43_201).await,
        "InvalidParameterValue"
    );
    assert_eq!(subject.hide_for(&url, &received, 0).await, "ok");
    let expected = subject.expected(Difference {
        devqueue: "MessageNotInflight",
        moto: "ok",
        documented: "API Reference, ChangeMessageVisibility: MessageNotInflight, the specified message \
                     isn't in flight. devqueue is right.",
    });
    assert_eq!(subject.hide_for(&url, &received, 5).await, expected);
}

async fn a_message_received_too_often_goes_to_the_dead_letter_queue(subject: &Subject) {
    let dead_url = subject.create("dead-letters", &[]).await;
    let arn = subject.arn(&dead_url).await;
    let policy = format!("{{\"deadLetterTargetArn\":\"{arn}\",\"maxReceiveCount\":\"2\"}}");
    let url = subject
        .create("failing", &[("RedrivePolicy", &policy)])
        .await;
    let id = subject.send(&url, "poison").await;
    let mut sent_at = String::new();
    for _ in 0..2 {
        let received = subject.receive(&url).await.remove(0);
        sent_at = system(&received, "SentTimestamp").to_owned();
        assert_eq!(subject.hide_for(&url, &received, 0).await, "ok");
    }
    assert!(subject.receive(&url).await.is_empty());
    assert_eq!(subject.counts(&url).await, (0, 0, 0));
    let dead = subject.receive(&dead_url).await.remove(0);
    assert_eq!(dead.message_id(), Some(&*id));
    assert_eq!(dead.body(), Some("poison"));
    assert_eq!(system(&dead, "SentTimestamp"), sent_at);
    let source = subject.arn(&url).await;
    let expected = subject.expected(Difference {
        devqueue: source.as_str(),
        moto: "absent",
        documented: "API Reference, ReceiveMessage: DeadLetterQueueSourceArn is among the values of \
                     MessageSystemAttributeNames. devqueue is right; moto does not have it.",
    });
    assert_eq!(system(&dead, "DeadLetterQueueSourceArn"), expected);
}

async fn a_redrive_policy_is_checked(subject: &Subject) {
    let url = subject.create("redriven", &[]).await;
    let arn = subject.arn(&url).await;
    let elsewhere = arn.replace("redriven", "not-there");
    for (policy, moto) in [
        ("no json".to_owned(), "no code, status Some(500)"),
        (
            format!("{{\"deadLetterTargetArn\":\"{arn}\"}}"),
            "InvalidParameterValue",
        ),
        (
            format!("{{\"deadLetterTargetArn\":\"{elsewhere}\",\"maxReceiveCount\":3}}"),
            "NonExistentQueue",
        ),
    ] {
        let create = subject.client.create_queue().queue_name("redriving");
        let name = aws_sdk_sqs::types::QueueAttributeName::RedrivePolicy;
        let refused = code(create.attributes(name, &policy).send().await);
        let expected = subject.expected(Difference {
            devqueue: "InvalidParameterValue",
            moto,
            documented: "Developer Guide, Configure a dead-letter queue: the policy is JSON with \
                         deadLetterTargetArn and maxReceiveCount, and the queue must exist. devqueue \
                         refuses it with AWS's code for parameters; moto fails on the first and \
                         gives the code of a missing queue, which CreateQueue does not list, for the last.",
        });
        assert_eq!(refused, expected, "{policy}");
    }
}
