//! What no SDK would send, and the life of the server itself.

use std::time::Duration;

use devqueue::{Counts, DevQueue, ErrorCode, Settings};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::subject::{client, code, timed};

/// Sends one request and returns all of the response.
async fn exchange(server: &DevQueue, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(server.address()).await.unwrap();
    let length = body.len();
    let head = format!(
        "{head}\r\nHost: queue.test:99\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    stream.write_all(body).await.unwrap();
    let mut response = Vec::new();
    stream.read_to_end(&mut response).await.unwrap();
    String::from_utf8_lossy(&response).into_owned()
}

fn post(action: &str) -> String {
    format!("POST / HTTP/1.1\r\nX-Amz-Target: AmazonSQS.{action}")
}

#[tokio::test]
async fn malformed_requests_get_clean_errors() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    let deep = "[".repeat(1_000_000);
    let (send, create) = (post("SendMessage"), post("CreateQueue"));
    for (head, body, expected) in [
        (&*send, "{", "SerializationException"),
        (&send, "", "MissingParameter"),
        (&send, "null", "SerializationException"),
        (&send, "{\"QueueUrl\": 7}", "SerializationException"),
        (
            &send,
            "{\"MessageBody\": \"\\ud800\"}",
            "SerializationException",
        ),
        (&send, &*deep, "SerializationException"),
        (
            &create,
            "{\"QueueName\": \"x\", \"Attributes\": []}",
            "SerializationException",
        ),
        (&create, "{\"QueueName\": null}", "MissingParameter"),
        (
            &send,
            "{\"QueueUrl\": \"/0/nowhere\", \"MessageAttributes\": null}",
            "QueueDoesNotExist",
        ),
        (&*post("Nonsense"), "{}", "UnknownOperationException"),
        (&*post("TagQueue"), "{}", "UnsupportedOperation"),
        ("GET / HTTP/1.1", "", "UnsupportedProtocol"),
        (
            "POST / HTTP/1.1",
            "Action=ListQueues",
            "UnsupportedProtocol",
        ),
    ] {
        let response = exchange(&server, head, body.as_bytes()).await;
        assert!(response.starts_with("HTTP/1.1 400 "), "{head}: {response}");
        assert!(
            response.contains(&format!("com.amazonaws.sqs#{expected}\"")),
            "{head}: {response}"
        );
        let query_code = expected.replace("QueueDoesNotExist", "NonExistentQueue");
        assert!(
            response.contains(&format!("{query_code};Sender")),
            "{head}: {response}"
        );
    }
    let invalid_utf8 = exchange(&server, &send, b"{\"MessageBody\": \"\xFF\"}").await;
    assert!(
        invalid_utf8.contains("SerializationException"),
        "{invalid_utf8}"
    );
}

#[tokio::test]
async fn errors_do_not_repeat_what_was_sent() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    let body = b"{\"QueueUrl\": \"x\", \"DelaySeconds\": \"199.172.111.135\", \"MessageBody\": \"199.172\"}";
    let response = exchange(&server, &post("SendMessage"), body).await;
    assert!(
        response.contains("SerializationException") && !response.contains("199"),
        "{response}"
    );
}

#[tokio::test]
async fn a_body_that_is_too_long_is_refused() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    let response = exchange(&server, &post("SendMessage"), &vec![b' '; 8 * 1024 * 1024]).await;
    assert!(response.starts_with("HTTP/1.1 413 "), "{response}");
    assert!(response.contains("#RequestEntityTooLarge"), "{response}");
}

#[tokio::test]
async fn a_mebibyte_of_escapes_is_taken() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    server.create_queue("escaped", &[]).unwrap();
    let text = "\\u0009".repeat(1_048_576);
    let url = server.queue_url("escaped");
    let body = format!("{{\"QueueUrl\": \"{url}\", \"MessageBody\": \"{text}\"}}");
    let response = exchange(&server, &post("SendMessage"), body.as_bytes()).await;
    assert!(response.starts_with("HTTP/1.1 200 "), "{response}");
    assert_eq!(server.counts("escaped").unwrap().visible, 1);
}

#[tokio::test]
async fn queue_urls_follow_the_host_header() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    let response = exchange(&server, &post("CreateQueue"), b"{\"QueueName\": \"q\"}").await;
    assert!(
        response.contains("http://queue.test:99/000000000000/q"),
        "{response}"
    );
}

#[tokio::test]
async fn the_server_is_used_in_process_as_over_http() {
    let settings = Settings {
        account: "123".to_owned(),
        region: "eu-x".to_owned(),
        ..Settings::default()
    };
    let server = DevQueue::start(settings).await.unwrap();
    server
        .create_queue("q", &[("VisibilityTimeout", "5")])
        .unwrap();
    server
        .create_queue("q", &[("VisibilityTimeout", "5")])
        .unwrap();
    let other = server
        .create_queue("q", &[("VisibilityTimeout", "6")])
        .unwrap_err();
    assert_eq!(other.code(), ErrorCode::QueueNameExists);
    let bad = server.create_queue("q2", &[("Nonsense", "6")]).unwrap_err();
    assert_eq!(bad.code(), ErrorCode::InvalidAttributeName);
    assert_eq!(server.counts("q2"), None);
    let id = server.send("q", "x").unwrap();
    assert_eq!(
        server.send("nowhere", "x").unwrap_err().code(),
        ErrorCode::QueueDoesNotExist
    );
    assert_eq!(
        server.send("q", "\0").unwrap_err().code(),
        ErrorCode::InvalidMessageContents
    );
    assert_eq!(
        server.counts("q"),
        Some(Counts {
            visible: 1,
            in_flight: 0,
            delayed: 0
        })
    );

    assert!(
        server.queue_url("q").ends_with("/123/q"),
        "{}",
        server.queue_url("q")
    );
    let client = client(&server.endpoint_url());
    let received = client
        .receive_message()
        .queue_url(server.queue_url("q"))
        .send()
        .await
        .unwrap();
    assert_eq!(received.messages.unwrap()[0].message_id(), Some(&*id));
    assert_eq!(
        server.counts("q"),
        Some(Counts {
            visible: 0,
            in_flight: 1,
            delayed: 0
        })
    );
}

#[tokio::test]
async fn a_deleted_queue_ends_its_long_polls() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    server.create_queue("short-lived", &[]).unwrap();
    let url = server.queue_url("short-lived");
    let client = client(&server.endpoint_url());
    let poll = client
        .receive_message()
        .queue_url(&url)
        .wait_time_seconds(20)
        .send();
    let delete = async {
        // The subject is time: the receiver has to be waiting already.
        tokio::time::sleep(Duration::from_millis(200)).await;
        client.delete_queue().queue_url(&url).send().await.unwrap();
    };
    let ((polled, ()), took) = timed(Box::pin(async { tokio::join!(poll, delete) })).await;
    assert_eq!(code(polled), "NonExistentQueue");
    assert!(took < Duration::from_secs(5), "{took:?}");
}

#[tokio::test]
async fn an_abandoned_long_poll_takes_no_message() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    server.create_queue("abandoned", &[]).unwrap();
    let body = format!(
        r#"{{"QueueUrl": "{}", "WaitTimeSeconds": 20}}"#,
        server.queue_url("abandoned")
    );
    let head = post("ReceiveMessage");
    let request = format!("{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let mut poll = TcpStream::connect(server.address()).await.unwrap();
    poll.write_all(request.as_bytes()).await.unwrap();
    // The server takes up connections in their order: once later ones have their answers, and the
    // poll still has none, it waits.
    for _ in 0..3 {
        exchange(&server, &post("ListQueues"), b"{}").await;
    }
    tokio::time::timeout(Duration::from_millis(200), poll.read_u8())
        .await
        .unwrap_err();
    drop(poll);
    // The subject is time: the server has to see that the connection is closed.
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.send("abandoned", "x").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(server.counts("abandoned").unwrap().visible, 1);
}

#[tokio::test]
async fn a_stopped_server_closes_its_connections_and_its_port() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    let address = server.address();
    server.create_queue("stopped", &[]).unwrap();
    let client = client(&server.endpoint_url());
    let poll = client
        .receive_message()
        .queue_url(server.queue_url("stopped"));
    let poll = tokio::spawn(poll.wait_time_seconds(20).send());
    tokio::time::sleep(Duration::from_millis(200)).await;
    server.shutdown().await;
    assert!(poll.await.unwrap().is_err());
    assert!(TcpStream::connect(address).await.is_err());
}
