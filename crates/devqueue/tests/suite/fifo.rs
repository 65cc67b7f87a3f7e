//! FIFO queues: order, groups, deduplication.

use aws_sdk_sqs::operation::send_message::SendMessageOutput;
use aws_sdk_sqs::types::{Message, SendMessageBatchRequestEntry};

use crate::subject::{Difference, Subject, bodies, code, on_both_servers, system};

on_both_servers! {
    messages_come_in_the_order_in_which_they_were_sent,
    a_group_is_locked_while_a_message_of_it_is_in_flight,
    a_returned_message_keeps_its_place,
    a_repeated_deduplication_id_is_taken_once,
    equal_bodies_are_taken_once_where_content_deduplicates,
    a_group_and_a_deduplication_id_are_required,
    name_and_attribute_must_agree,
    an_expired_receipt_handle_is_refused,
    fifo_attributes_are_returned,
}

const CONTENT: [(&str, &str); 2] = [("FifoQueue", "true"), ("ContentBasedDeduplication", "true")];

/// Whether the sender of a duplicate is told the id of the first message.
const SAME_ANSWER: Difference<bool> = Difference {
    devqueue: true,
    moto: false,
    documented: "Developer Guide, Using the message deduplication ID: messages with the same id are \
                 accepted successfully but are not delivered. The id that is returned is not documented; \
                 devqueue returns that of the message that will be delivered, moto a new one.",
};

async fn send(subject: &Subject, url: &str, group: &str, body: &str) -> SendMessageOutput {
    let request = subject
        .client
        .send_message()
        .queue_url(url)
        .message_body(body);
    request.message_group_id(group).send().await.unwrap()
}

async fn receive(subject: &Subject, url: &str, maximum: i32) -> Vec<Message> {
    let request = subject
        .client
        .receive_message()
        .queue_url(url)
        .max_number_of_messages(maximum);
    request.send().await.unwrap().messages.unwrap_or_default()
}

async fn messages_come_in_the_order_in_which_they_were_sent(subject: &Subject) {
    let url = subject.create("ordered.fifo", &CONTENT).await;
    let mut numbers = Vec::new();
    for body in ["1", "2", "3"] {
        numbers.push(send(subject, &url, "g", body).await.sequence_number);
    }
    let numbered = subject.expected(Difference {
        devqueue: true,
        moto: false,
        documented: "API Reference, SendMessage: the SequenceNumber of a FIFO message continues to \
                     increase for a MessageGroupId. devqueue is right; moto's are random, and only \
                     given where the sender names a deduplication id.",
    });
    let increasing = numbers.is_sorted_by(|a, b| a.is_some() && a < b);
    assert_eq!(increasing, numbered, "{numbers:?}");
    let received = subject.receive(&url).await;
    assert_eq!(bodies(&received), ["1", "2", "3"]);
    assert_eq!(system(&received[0], "MessageGroupId"), "g");
    if let Some(number) = &numbers[0] {
        assert_eq!(system(&received[0], "SequenceNumber"), number);
    }
    // SHA-256 of "1".
    let digest = "6b86b273ff34fce19d6b804eff5a3f5747ada4eaa22f1d49c01e52ddb7875b4b";
    assert_eq!(system(&received[0], "MessageDeduplicationId"), digest);
}

async fn a_group_is_locked_while_a_message_of_it_is_in_flight(subject: &Subject) {
    let url = subject.create("locked.fifo", &CONTENT).await;
    for (group, body) in [("a", "a1"), ("a", "a2"), ("b", "b1")] {
        send(subject, &url, group, body).await;
    }
    let first = receive(subject, &url, 1).await;
    assert_eq!(bodies(&first), ["a1"]);
    assert_eq!(bodies(&receive(subject, &url, 10).await), ["b1"]);
    assert!(receive(subject, &url, 10).await.is_empty());
    subject.delete(&url, &first[0]).await;
    assert_eq!(bodies(&receive(subject, &url, 10).await), ["a2"]);
}

async fn a_returned_message_keeps_its_place(subject: &Subject) {
    let url = subject.create("kept.fifo", &CONTENT).await;
    for body in ["1", "2", "3"] {
        send(subject, &url, "g", body).await;
    }
    let first = receive(subject, &url, 2).await;
    assert_eq!(bodies(&first), ["1", "2"]);
    assert_eq!(subject.hide_for(&url, &first[0], 0).await, "ok");
    let while_locked = receive(subject, &url, 10).await;
    assert!(while_locked.is_empty(), "{:?}", bodies(&while_locked));
    assert_eq!(subject.hide_for(&url, &first[1], 0).await, "ok");
    assert_eq!(bodies(&receive(subject, &url, 10).await), ["1", "2", "3"]);
}

async fn a_repeated_deduplication_id_is_taken_once(subject: &Subject) {
    let url = subject.create("once.fifo", &[("FifoQueue", "true")]).await;
    let send = |body: &str, id: &str| {
        let request = subject
            .client
            .send_message()
            .queue_url(&url)
            .message_body(body);
        request
            .message_group_id("g")
            .message_deduplication_id(id)
            .send()
    };
    let first = send("one", "d1").await.unwrap();
    let again = send("two", "d1").await.unwrap();
    assert_eq!(
        again.message_id() == first.message_id(),
        subject.expected(SAME_ANSWER)
    );
    send("three", "d2").await.unwrap();
    let received = subject.receive(&url).await;
    assert_eq!(bodies(&received), ["one", "three"]);
    for message in &received {
        subject.delete(&url, message).await;
    }
    // Deleted or not, the id stays taken for five minutes.
    send("four", "d1").await.unwrap();
    let counts = subject.expected(Difference {
        devqueue: (0, 0, 0),
        moto: (1, 0, 0),
        documented: "Developer Guide, Using the message deduplication ID: SQS continues to keep track of \
                     the id even after the message is received and deleted. devqueue is right.",
    });
    assert_eq!(subject.counts(&url).await, counts);
}

async fn equal_bodies_are_taken_once_where_content_deduplicates(subject: &Subject) {
    let url = subject.create("content.fifo", &CONTENT).await;
    let first = send(subject, &url, "g", "same").await;
    let again = send(subject, &url, "g", "same").await;
    assert_eq!(
        again.message_id() == first.message_id(),
        subject.expected(SAME_ANSWER)
    );
    assert_eq!(again.sequence_number(), first.sequence_number());
    assert_eq!(subject.counts(&url).await, (1, 0, 0));
}

async fn a_group_and_a_deduplication_id_are_required(subject: &Subject) {
    let url = subject
        .create("required.fifo", &[("FifoQueue", "true")])
        .await;
    let send = || {
        subject
            .client
            .send_message()
            .queue_url(&url)
            .message_body("x")
    };
    let no_group = send().message_deduplication_id("d").send().await;
    assert_eq!(code(no_group), "MissingParameter");
    let no_id = send().message_group_id("g").send().await;
    assert_eq!(code(no_id), "InvalidParameterValue");
    let entry = SendMessageBatchRequestEntry::builder()
        .id("1")
        .message_body("x");
    let entry = entry.message_deduplication_id("d").build().unwrap();
    let batch = subject
        .client
        .send_message_batch()
        .queue_url(&url)
        .entries(entry);
    assert_eq!(code(batch.send().await), "MissingParameter");
}

async fn name_and_attribute_must_agree(subject: &Subject) {
    let create = |name: &str, value: Option<&str>| {
        let request = subject.client.create_queue().queue_name(name);
        let attribute = aws_sdk_sqs::types::QueueAttributeName::FifoQueue;
        match value {
            Some(value) => request.attributes(attribute, value),
            None => request,
        }
        .send()
    };
    let expected = subject.expected(Difference {
        devqueue: "InvalidParameterValue",
        moto: "ok",
        documented: "API Reference, CreateQueue: if FifoQueue is not specified, a standard queue is \
                     created, and its name can only hold alphanumeric characters, hyphens and \
                     underscores. devqueue is right.",
    });
    assert_eq!(code(create("disagreeing.fifo", None).await), expected);
    assert_eq!(
        code(create("agreeing", Some("true")).await),
        "InvalidParameterValue"
    );
    assert_eq!(code(create("agreeing.fifo", Some("true")).await), "ok");
}

async fn an_expired_receipt_handle_is_refused(subject: &Subject) {
    let url = subject.create("expired.fifo", &CONTENT).await;
    send(subject, &url, "g", "x").await;
    let received = receive(subject, &url, 1).await;
    assert_eq!(subject.hide_for(&url, &received[0], 0).await, "ok");
    let expected = subject.expected(Difference {
        devqueue: "InvalidParameterValue",
        moto: "ok",
        documented: "Developer Guide, Troubleshooting issues in Amazon SQS: InvalidParameterValue, \
                     'Reason: The receipt handle has expired.' devqueue is right.",
    });
    let handle = received[0].receipt_handle().unwrap();
    let deletion = subject
        .client
        .delete_message()
        .queue_url(&url)
        .receipt_handle(handle)
        .send();
    assert_eq!(code(deletion.await), expected);
}

async fn fifo_attributes_are_returned(subject: &Subject) {
    let url = subject.create("described.fifo", &CONTENT).await;
    let all = subject.client.get_queue_attributes().queue_url(&url);
    let all = all
        .attribute_names(aws_sdk_sqs::types::QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    let all = all.attributes.unwrap();
    for (name, value) in CONTENT {
        assert_eq!(
            all[&aws_sdk_sqs::types::QueueAttributeName::from(name)],
            value
        );
    }
}
