//! The batch actions: limits, ids, and entries that fail alone.

use aws_sdk_sqs::types::{
    ChangeMessageVisibilityBatchRequestEntry, DeleteMessageBatchRequestEntry,
    SendMessageBatchRequestEntry, SendMessageBatchResultEntry,
};

use crate::subject::{Difference, Subject, bodies, code, on_both_servers};

on_both_servers! {
    ten_messages_are_sent_hidden_and_deleted_in_batches,
    the_number_of_entries_is_bounded,
    ids_must_be_valid_and_distinct,
    the_messages_of_a_batch_share_one_mebibyte,
    an_entry_can_fail_alone,
}

fn sending(id: &str, body: &str) -> SendMessageBatchRequestEntry {
    SendMessageBatchRequestEntry::builder()
        .id(id)
        .message_body(body)
        .build()
        .unwrap()
}

async fn send_all(subject: &Subject, url: &str, ids: &[&str]) -> String {
    let entries = ids.iter().map(|id| sending(id, "x")).collect();
    let batch = subject
        .client
        .send_message_batch()
        .queue_url(url)
        .set_entries(Some(entries));
    code(batch.send().await)
}

async fn ten_messages_are_sent_hidden_and_deleted_in_batches(subject: &Subject) {
    let url = subject.create("batched", &[]).await;
    let ids: Vec<String> = (0..10).map(|number| format!("id-{number}")).collect();
    let entries = ids
        .iter()
        .map(|id| sending(id, &format!("body of {id}")))
        .collect();
    let sent = subject
        .client
        .send_message_batch()
        .queue_url(&url)
        .set_entries(Some(entries));
    let sent = sent.send().await.unwrap();
    assert!(sent.failed().is_empty());
    let answered: Vec<&str> = sent
        .successful()
        .iter()
        .map(SendMessageBatchResultEntry::id)
        .collect();
    assert_eq!(answered, ids);
    assert!(
        sent.successful()
            .iter()
            .all(|entry| entry.md5_of_message_body().len() == 32)
    );

    let received = subject.receive(&url).await;
    assert_eq!(received.len(), 10);
    let handles = || {
        ids.iter()
            .zip(received.iter().map(|m| m.receipt_handle().unwrap()))
    };
    let entries = handles().map(|(id, handle)| {
        let entry = ChangeMessageVisibilityBatchRequestEntry::builder().id(id);
        entry
            .receipt_handle(handle)
            .visibility_timeout(120)
            .build()
            .unwrap()
    });
    let changed = subject
        .client
        .change_message_visibility_batch()
        .queue_url(&url);
    let changed = changed
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (changed.successful().len(), changed.failed().len()),
        (10, 0)
    );

    let entries = handles().map(|(id, handle)| {
        let entry = DeleteMessageBatchRequestEntry::builder().id(id);
        entry.receipt_handle(handle).build().unwrap()
    });
    let deleted = subject.client.delete_message_batch().queue_url(&url);
    let deleted = deleted
        .set_entries(Some(entries.collect()))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (deleted.successful().len(), deleted.failed().len()),
        (10, 0)
    );
    assert_eq!(subject.counts(&url).await, (0, 0, 0));
}

async fn the_number_of_entries_is_bounded(subject: &Subject) {
    let url = subject.create("bounded", &[]).await;
    assert_eq!(send_all(subject, &url, &[]).await, "EmptyBatchRequest");
    let eleven = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "10"];
    assert_eq!(
        send_all(subject, &url, &eleven).await,
        "TooManyEntriesInBatchRequest"
    );
    let none = subject
        .client
        .delete_message_batch()
        .queue_url(&url)
        .set_entries(Some(vec![]));
    assert_eq!(code(none.send().await), "EmptyBatchRequest");
}

async fn ids_must_be_valid_and_distinct(subject: &Subject) {
    let url = subject.create("distinct", &[]).await;
    assert_eq!(
        send_all(subject, &url, &["a", "b", "a"]).await,
        "BatchEntryIdsNotDistinct"
    );
    assert_eq!(
        send_all(subject, &url, &["has space"]).await,
        "InvalidBatchEntryId"
    );
    let long = "x".repeat(81);
    assert_eq!(
        send_all(subject, &url, &[&long]).await,
        "InvalidBatchEntryId"
    );
    assert_eq!(send_all(subject, &url, &["A_z-09"]).await, "ok");
}

async fn the_messages_of_a_batch_share_one_mebibyte(subject: &Subject) {
    let url = subject.create("shared-size", &[]).await;
    let half = "x".repeat(524_288);
    let send = |second: &str| {
        let entries = vec![sending("a", &half), sending("b", second)];
        subject
            .client
            .send_message_batch()
            .queue_url(&url)
            .set_entries(Some(entries))
            .send()
    };
    assert_eq!(code(send(&half).await), "ok");
    assert_eq!(code(send(&format!("{half}x")).await), "BatchRequestTooLong");
}

async fn an_entry_can_fail_alone(subject: &Subject) {
    let url = subject.create("partly", &[]).await;
    subject.send(&url, "x").await;
    let received = subject.receive(&url).await;
    assert_eq!(bodies(&received), ["x"]);
    let entry = |id: &str, handle: &str| {
        DeleteMessageBatchRequestEntry::builder()
            .id(id)
            .receipt_handle(handle)
            .build()
            .unwrap()
    };
    let batch = subject.client.delete_message_batch().queue_url(&url);
    let batch = batch.entries(entry("good", received[0].receipt_handle().unwrap()));
    let batch = batch.entries(entry("bad", "made-up")).send().await.unwrap();
    assert_eq!(batch.successful().len(), 1);
    assert_eq!(batch.successful()[0].id(), "good");
    assert_eq!(batch.failed()[0].id(), "bad");
    assert_eq!(batch.failed()[0].code(), "ReceiptHandleIsInvalid");
    assert!(batch.failed()[0].sender_fault());

    let entries = vec![sending("good", "fine"), sending("bad", "not\u{1}fine")];
    let sent = subject
        .client
        .send_message_batch()
        .queue_url(&url)
        .set_entries(Some(entries));
    let sent = sent.send().await.unwrap();
    let expected = subject.expected(Difference {
        devqueue: "1 sent, 1 failed",
 moto: "2 sent, 0 failed",
        documented: "API Reference, SendMessageBatch: #x1 is outside the allowed characters, and the \
 result of each message is reported individually. devqueue is right; moto does not look \
 at the characters.",
    });
    let outcome = format!(
        "{} sent, {} failed",
        sent.successful().len(),
        sent.failed().len()
    );
    assert_eq!(outcome, expected);
    assert!(
        sent.failed()
            .iter()
            .all(|entry| entry.code() == "InvalidMessageContents")
    );
}
