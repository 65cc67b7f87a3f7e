//! What a message carries.

use aws_sdk_sqs::primitives::Blob;
use aws_sdk_sqs::types::{
    MessageAttributeValue, MessageSystemAttributeName, MessageSystemAttributeNameForSends,
    MessageSystemAttributeValue, QueueAttributeName,
};

use crate::subject::{Difference, Subject, bodies, code, on_both_servers, system};

on_both_servers! {
    a_message_is_sent_received_and_deleted,
    any_allowed_text_comes_back_as_it_was,
    forbidden_characters_are_refused,
    a_body_is_required,
    a_message_has_up_to_one_mebibyte,
    a_queue_can_allow_less,
    system_attributes_are_returned_when_asked_for,
    message_attributes_are_returned_by_name_prefix_and_all,
    invalid_message_attributes_are_refused,
    a_trace_header_is_carried,
    request_bounds_are_checked,
}

async fn a_message_is_sent_received_and_deleted(subject: &Subject) {
    let url = subject.create("round-trip", &[]).await;
    let sent = subject
        .client
        .send_message()
        .queue_url(&url)
        .message_body("hello");
    let sent = sent.send().await.unwrap();
    assert_eq!(
        sent.md5_of_message_body(),
        Some("5d41402abc4b2a76b9719d911017c592")
    );
    assert_eq!(sent.message_id().unwrap().len(), 36);
    let received = subject.receive(&url).await;
    assert_eq!(bodies(&received), ["hello"]);
    assert_eq!(received[0].message_id(), sent.message_id());
    assert_eq!(received[0].md5_of_body(), sent.md5_of_message_body());
    assert_eq!(subject.counts(&url).await, (0, 1, 0));
    subject.delete(&url, &received[0]).await;
    assert_eq!(subject.counts(&url).await, (0, 0, 0));
}

async fn any_allowed_text_comes_back_as_it_was(subject: &Subject) {
    let url = subject.create("text", &[]).await;
    for body in [
        "{\"ip\": \"199.172.111.135\", \"locale\": null}",
        "tab\tline\nreturn\r quote\" backslash\\ slash/",
        "\u{7F}\u{80}\u{D7FF}\u{E000}\u{FFFD}",
        "Grüße, 你好, 🦀 \u{10FFFF}",
        " ",
    ] {
        subject.send(&url, body).await;
        let received = subject.receive(&url).await;
        assert_eq!(bodies(&received), [body]);
        subject.delete(&url, &received[0]).await;
    }
}

async fn forbidden_characters_are_refused(subject: &Subject) {
    let url = subject.create("forbidden", &[]).await;
    for body in ["a\u{0}b", "\u{1}", "\u{1F}", "x\u{FFFE}", "\u{FFFF}"] {
        let sent = subject
            .client
            .send_message()
            .queue_url(&url)
            .message_body(body)
            .send()
            .await;
        let expected = subject.expected(Difference {
            devqueue: "InvalidMessageContents",
            moto: "ok",
            documented: "API Reference, SendMessage: a message can include only #x9 | #xA | #xD | #x20 to \
                         #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF. devqueue is right.",
        });
        assert_eq!(code(sent), expected, "{body:?}");
    }
}

async fn a_body_is_required(subject: &Subject) {
    let url = subject.create("bodiless", &[]).await;
    let sent = subject
        .client
        .send_message()
        .queue_url(&url)
        .message_body("")
        .send()
        .await;
    let expected = subject.expected(Difference {
        devqueue: "MissingParameter",
        moto: "ok",
        documented: "API Reference, SendMessage: MessageBody is required, the minimum size is one \
                     character. devqueue is right.",
    });
    assert_eq!(code(sent), expected);
}

async fn a_message_has_up_to_one_mebibyte(subject: &Subject) {
    let url = subject.create("large", &[]).await;
    let send = |length| {
        let body = "\"".repeat(length);
        subject
            .client
            .send_message()
            .queue_url(&url)
            .message_body(body)
            .send()
    };
    send(1_048_576).await.unwrap();
    assert_eq!(code(send(1_048_577).await), "InvalidParameterValue");
    assert_eq!(
        subject.receive(&url).await[0].body().unwrap().len(),
        1_048_576
    );
}

async fn a_queue_can_allow_less(subject: &Subject) {
    let url = subject
        .create("small", &[("MaximumMessageSize", "1024")])
        .await;
    subject.send(&url, &"x".repeat(1024)).await;
    let longer = subject
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x".repeat(1025));
    assert_eq!(code(longer.send().await), "InvalidParameterValue");
}

async fn system_attributes_are_returned_when_asked_for(subject: &Subject) {
    let url = subject
        .create("system", &[("VisibilityTimeout", "0")])
        .await;
    subject.send(&url, "x").await;
    let receive = || subject.client.receive_message().queue_url(&url);

    let none = receive().send().await.unwrap().messages.unwrap();
    assert!(
        none[0]
            .attributes()
            .is_none_or(std::collections::HashMap::is_empty)
    );

    let one = receive().message_system_attribute_names(MessageSystemAttributeName::SentTimestamp);
    let one = one.send().await.unwrap().messages.unwrap();
    assert_eq!(one[0].attributes().unwrap().len(), 1);
    let sent_at: u64 = system(&one[0], "SentTimestamp").parse().unwrap();
    assert!(sent_at > 1_700_000_000_000, "in milliseconds: {sent_at}");

    #[expect(
        deprecated,
        reason = "the older name of the parameter is what is tested"
    )]
    let older = receive()
        .attribute_names(QueueAttributeName::All)
        .send()
        .await
        .unwrap();
    let older = &older.messages.unwrap()[0];
    assert_eq!(system(older, "SentTimestamp"), sent_at.to_string());
    assert_eq!(system(older, "ApproximateReceiveCount"), "3");
    assert_ne!(system(older, "SenderId"), "absent");
    assert!(
        system(older, "ApproximateFirstReceiveTimestamp")
            .parse::<u64>()
            .unwrap()
            >= sent_at
    );
}

async fn message_attributes_are_returned_by_name_prefix_and_all(subject: &Subject) {
    let url = subject
        .create("attributed", &[("VisibilityTimeout", "0")])
        .await;
    let text = |kind: &str, value: &str| {
        MessageAttributeValue::builder()
            .data_type(kind)
            .string_value(value)
            .build()
            .unwrap()
    };
    let blob = MessageAttributeValue::builder()
        .data_type("Binary")
        .binary_value(Blob::new([1, 255]));
    let sent = subject
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x");
    let sent = sent.message_attributes("shop.city", text("String", "Köln"));
    let sent = sent.message_attributes("shop.size", text("Number.m2", "12.5"));
    let sent = sent
        .message_attributes("raw", blob.build().unwrap())
        .send()
        .await
        .unwrap();
    // Worked out with the algorithm of "Calculating the MD5 message digest for message attributes".
    assert_eq!(
        sent.md5_of_message_attributes(),
        Some("559b2382b4d27f6ab4ff06c61b5015dd")
    );

    let names = |names: &'static [&str]| {
        let names = names.iter().map(|name| (*name).to_owned()).collect();
        let receive = subject.client.receive_message().queue_url(&url);
        async move {
            let request = receive
                .set_message_attribute_names(Some(names))
                .send()
                .await
                .unwrap();
            let message = request.messages.unwrap().remove(0);
            let md5 = message.md5_of_message_attributes().map(str::to_owned);
            let mut names: Vec<String> = message
                .message_attributes
                .unwrap_or_default()
                .into_keys()
                .collect();
            names.sort();
            (names, md5)
        }
    };
    let (all, md5) = names(&["All"]).await;
    assert_eq!(all, ["raw", "shop.city", "shop.size"]);
    assert_eq!(md5.as_deref(), sent.md5_of_message_attributes());
    assert_eq!(names(&["shop.*"]).await.0, ["shop.city", "shop.size"]);
    assert_eq!(names(&["raw"]).await.0, ["raw"]);
    assert_eq!(names(&[".*"]).await.0.len(), 3);
    assert!(names(&["absent"]).await.0.is_empty());
    assert!(names(&[]).await.0.is_empty());
}

async fn invalid_message_attributes_are_refused(subject: &Subject) {
    let url = subject.create("attributed-badly", &[]).await;
    for (name, kind, value, moto_checks) in [
        ("a..b", "String", "x", false),
        ("AWS.reserved", "String", "x", false),
        ("a b", "String", "x", true),
        ("good", "Sting", "x", true),
        ("good", "String", "", false),
    ] {
        let attribute = MessageAttributeValue::builder()
            .data_type(kind)
            .string_value(value);
        let request = subject
            .client
            .send_message()
            .queue_url(&url)
            .message_body("x");
        let request = request.message_attributes(name, attribute.build().unwrap());
        let expected = subject.expected(Difference {
            devqueue: "InvalidParameterValue",
            moto: if moto_checks { "InvalidParameterValue" } else { "ok" },
            documented: "Developer Guide, Amazon SQS message metadata: a name must not have periods in \
                         succession nor start with AWS. or Amazon, and no part may be empty. \
                         devqueue is right.",
        });
        assert_eq!(
            code(request.send().await),
            expected,
            "{name} {kind} {value:?}"
        );
    }
}

async fn a_trace_header_is_carried(subject: &Subject) {
    let url = subject.create("traced", &[]).await;
    let header = MessageSystemAttributeValue::builder()
        .data_type("String")
        .string_value("Root=1-5");
    let sent = subject
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x");
    let name = MessageSystemAttributeNameForSends::AwsTraceHeader;
    let sent = sent
        .message_system_attributes(name, header.build().unwrap())
        .send()
        .await
        .unwrap();
    let has_md5 = subject.expected(Difference {
        devqueue: true,
        moto: false,
        documented: "API Reference, SendMessage: MD5OfMessageSystemAttributes is a digest of the system \
                     attributes of the message. devqueue is right; moto leaves it out.",
    });
    assert_eq!(sent.md5_of_message_system_attributes().is_some(), has_md5);
    assert_eq!(
        system(&subject.receive(&url).await[0], "AWSTraceHeader"),
        "Root=1-5"
    );
}

async fn request_bounds_are_checked(subject: &Subject) {
    let url = subject.create("bounds", &[]).await;
    let receive = || subject.client.receive_message().queue_url(&url);
    for maximum in [0, 11, -1] {
        let refused = receive().max_number_of_messages(maximum).send().await;
        assert_eq!(code(refused), "InvalidParameterValue", "{maximum}");
    }
    assert_eq!(
        code(receive().wait_time_seconds(21).send().await),
        "InvalidParameterValue"
    );
    assert_eq!(
        code(receive().visibility_timeout(43_201).send().await),
        "InvalidParameterValue"
    );
    let send = subject
        .client
        .send_message()
        .queue_url(&url)
        .message_body("x")
        .delay_seconds(901);
    assert_eq!(code(send.send().await), "InvalidParameterValue");
}
