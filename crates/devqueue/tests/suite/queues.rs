//! Making, finding, changing and removing queues.

use aws_sdk_sqs::types::QueueAttributeName;

use crate::subject::{Difference, Subject, client, code, on_both_servers};

on_both_servers! {
    creating_again_succeeds_only_with_the_same_attributes,
    a_name_must_be_well_formed,
    queues_are_listed_by_prefix_in_pages,
    a_queue_that_does_not_exist_is_refused_by_every_action,
    attributes_have_the_documented_defaults,
    named_attributes_are_returned_alone,
    set_attributes_are_returned,
    attribute_values_are_checked,
    a_purged_queue_is_empty,
    a_queue_url_follows_the_host,
}

async fn creating_again_succeeds_only_with_the_same_attributes(subject: &Subject) {
    let first = subject
        .create("again", &[("VisibilityTimeout", "45")])
        .await;
    assert_eq!(
        subject
            .create("again", &[("VisibilityTimeout", "45")])
            .await,
        first
    );
    let other = subject.client.create_queue().queue_name("again");
    let other = other
        .attributes(QueueAttributeName::VisibilityTimeout, "46")
        .send()
        .await;
    assert!(
        other
            .as_ref()
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_queue_name_exists()
    );
    assert_eq!(code(other), "QueueAlreadyExists");
}

async fn a_name_must_be_well_formed(subject: &Subject) {
    let long = "x".repeat(81);
    for name in ["has space", "dot.inside", long.as_str(), "slash/inside"] {
        let refused = code(subject.client.create_queue().queue_name(name).send().await);
        assert_eq!(refused, "InvalidParameterValue", "{name}");
    }
    subject.create(&"x".repeat(80), &[]).await;
    subject.create("Under_score-and-hyphen-09", &[]).await;
}

async fn queues_are_listed_by_prefix_in_pages(subject: &Subject) {
    let mut urls = Vec::new();
    for name in ["listed-a", "listed-b", "listed-c", "not-listed"] {
        urls.push(subject.create(name, &[]).await);
    }
    let list = || subject.client.list_queues().queue_name_prefix("listed-");
    let all = list().send().await.unwrap();
    assert_eq!(all.queue_urls.as_deref(), Some(&urls[..3]));
    let first = list().max_results(2).send().await.unwrap();
    let page = subject.expected(Difference {
        devqueue: 2,
        moto: 3,
        documented: "API Reference, ListQueues: MaxResults is the maximum number of results in the \
                     response, NextToken leads to the rest. devqueue is right; moto ignores both.",
    });
    assert_eq!(first.queue_urls.as_deref(), Some(&urls[..page]));
    if let Some(token) = first.next_token {
        let second = list()
            .max_results(2)
            .next_token(token)
            .send()
            .await
            .unwrap();
        assert_eq!(second.queue_urls.as_deref(), Some(&urls[page..3]));
        assert_eq!(second.next_token, None);
    } else {
        assert_eq!(page, 3);
    }
}

async fn a_queue_that_does_not_exist_is_refused_by_every_action(subject: &Subject) {
    let url = subject.create("gone", &[]).await;
    subject
        .client
        .delete_queue()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    let client = &subject.client;
    let name = "NonExistentQueue";
    assert_eq!(
        code(client.get_queue_url().queue_name("gone").send().await),
        name
    );
    assert_eq!(
        code(client.receive_message().queue_url(&url).send().await),
        name
    );
    assert_eq!(
        code(
            client
                .send_message()
                .queue_url(&url)
                .message_body("x")
                .send()
                .await
        ),
        name
    );
    assert_eq!(
        code(client.purge_queue().queue_url(&url).send().await),
        name
    );
    assert_eq!(
        code(client.delete_queue().queue_url(&url).send().await),
        name
    );
    let attributes = client.get_queue_attributes().queue_url(&url);
    assert_eq!(
        code(
            attributes
                .attribute_names(QueueAttributeName::All)
                .send()
                .await
        ),
        name
    );
    let deletion = client
        .delete_message()
        .queue_url(&url)
        .receipt_handle("x")
        .send()
        .await;
    assert!(
        deletion
            .unwrap_err()
            .as_service_error()
            .unwrap()
            .is_queue_does_not_exist()
    );
}

async fn attributes_have_the_documented_defaults(subject: &Subject) {
    let url = subject.create("defaults", &[]).await;
    let all = subject.client.get_queue_attributes().queue_url(&url);
    let all = all
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap();
    for (name, value) in [
        ("VisibilityTimeout", "30"),
        ("MessageRetentionPeriod", "345600"),
        ("DelaySeconds", "0"),
        ("ReceiveMessageWaitTimeSeconds", "0"),
        ("MaximumMessageSize", "1048576"),
        ("ApproximateNumberOfMessages", "0"),
        ("ApproximateNumberOfMessagesNotVisible", "0"),
        ("ApproximateNumberOfMessagesDelayed", "0"),
    ] {
        assert_eq!(all[&QueueAttributeName::from(name)], value, "{name}");
    }
    assert!(all[&QueueAttributeName::QueueArn].starts_with("arn:aws:sqs:us-east-1:"));
    assert!(all[&QueueAttributeName::QueueArn].ends_with(":defaults"));
    let created = all[&QueueAttributeName::CreatedTimestamp].as_str();
    let whole_seconds = subject.expected(Difference {
        devqueue: true,
        moto: false,
        documented: "API Reference, GetQueueAttributes: CreatedTimestamp is epoch time in seconds; its \
                     example shows an integer. devqueue is right; moto adds a fraction.",
    });
    assert_eq!(
        created.bytes().all(|byte| byte.is_ascii_digit()),
        whole_seconds,
        "{created}"
    );
    let created: f64 = created.parse().unwrap();
    assert!(created > 1.7e9 && created < 1e10, "in seconds: {created}");
    assert!(!all.contains_key(&QueueAttributeName::RedrivePolicy));
    assert!(!all.contains_key(&QueueAttributeName::FifoQueue));
}

async fn named_attributes_are_returned_alone(subject: &Subject) {
    let url = subject.create("named", &[]).await;
    let get = || subject.client.get_queue_attributes().queue_url(&url);
    let one = get()
        .attribute_names(QueueAttributeName::DelaySeconds)
        .send()
        .await
        .unwrap();
    assert_eq!(one.attributes.unwrap().len(), 1);
    let unknown = get()
        .attribute_names(QueueAttributeName::from("Nonsense"))
        .send()
        .await;
    assert_eq!(code(unknown), "InvalidAttributeName");
}

async fn set_attributes_are_returned(subject: &Subject) {
    let url = subject.create("changed", &[]).await;
    let set = subject.client.set_queue_attributes().queue_url(&url);
    let set = set.attributes(QueueAttributeName::VisibilityTimeout, "7");
    set.attributes(QueueAttributeName::MessageRetentionPeriod, "60")
        .send()
        .await
        .unwrap();
    let all = subject.client.get_queue_attributes().queue_url(&url);
    let all = all
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap()
        .attributes
        .unwrap();
    assert_eq!(all[&QueueAttributeName::VisibilityTimeout], "7");
    assert_eq!(all[&QueueAttributeName::MessageRetentionPeriod], "60");
}

async fn attribute_values_are_checked(subject: &Subject) {
    let expected = subject.expected(Difference {
        devqueue: "InvalidAttributeValue",
        moto: "ok",
        documented: "API Reference, SetQueueAttributes: VisibilityTimeout is 0 to 43,200, \
                     MessageRetentionPeriod 60 to 1,209,600, and an invalid value gives \
                     InvalidAttributeValue. devqueue is right; moto checks only some.",
    });
    let url = subject.create("checked", &[]).await;
    for (name, value) in [
        ("VisibilityTimeout", "43201"),
        ("MessageRetentionPeriod", "59"),
    ] {
        let set = subject.client.set_queue_attributes().queue_url(&url);
        let refused = set
            .attributes(QueueAttributeName::from(name), value)
            .send()
            .await;
        assert_eq!(code(refused), expected, "{name}");
    }
}

async fn a_purged_queue_is_empty(subject: &Subject) {
    let url = subject.create("purged", &[]).await;
    subject.send(&url, "one").await;
    subject.send(&url, "two").await;
    subject
        .client
        .receive_message()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    subject
        .client
        .purge_queue()
        .queue_url(&url)
        .send()
        .await
        .unwrap();
    assert_eq!(subject.counts(&url).await, (0, 0, 0));
    assert!(subject.receive(&url).await.is_empty());
}

async fn a_queue_url_follows_the_host(subject: &Subject) {
    let url = subject.create("followed", &[]).await;
    assert!(url.starts_with(&subject.endpoint_url()), "{url}");
    let elsewhere = subject.endpoint_url().replace("127.0.0.1", "localhost");
    let named = client(&elsewhere)
        .get_queue_url()
        .queue_name("followed")
        .send()
        .await
        .unwrap();
    assert_eq!(
        named.queue_url.as_deref(),
        Some(&*url.replace("127.0.0.1", "localhost"))
    );
    let sent = client(&elsewhere)
        .send_message()
        .queue_url(named.queue_url.unwrap());
    sent.message_body("x").send().await.unwrap();
    assert_eq!(subject.counts(&url).await, (1, 0, 0));
}
