//! boto3 and the AWS CLI, as they come.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use devqueue::{Canned, Counts, DevQueue, Settings};
use tokio::process::Command;

use crate::python;

const BOTO3: &str = include_str!("boto3_round_trip.py");
const BOTO3_CANNED: &str = include_str!("boto3_canned.py");

/// An environment in which no AWS tool looks for configuration of this machine.
fn isolated(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", "us-east-1")
        .env("AWS_CONFIG_FILE", "/dev/null")
        .env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
        .env("AWS_PAGER", "")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_ENDPOINT_URL")
        .env_remove("AWS_ENDPOINT_URL_SQS")
        .kill_on_drop(true);
    command
}

fn localhost(server: &DevQueue) -> String {
    format!("http://localhost:{}", server.address().port())
}

async fn run(mut command: Command) -> String {
    let ended = tokio::time::timeout(Duration::from_mins(1), command.output()).await;
    let Output {
        status,
        stdout,
        stderr,
    } = ended.expect("it should end in time").unwrap();
    let stderr = String::from_utf8_lossy(&stderr);
    assert!(status.success(), "{status}: {stderr}");
    String::from_utf8(stdout).unwrap().trim().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_does_its_whole_round() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    let mut command = isolated(&python::interpreter());
    command.args(["-c", BOTO3]).arg(localhost(&server));
    assert_eq!(run(command).await, "done");
    assert_eq!(server.counts("login-queue"), Some(Counts::default()));
}

#[tokio::test(flavor = "multi_thread")]
async fn boto3_and_the_aws_cli_empty_a_canned_queue() {
    let bodies = ["{\"name\": \"Grüße 🦀\"}", "{\"b\": \"\\n\"}"].map(str::to_owned);
    let server = Canned::start(&Settings::default(), "login-queue", bodies, 25).unwrap();
    let mut boto3 = isolated(&python::interpreter());
    boto3.args(["-c", BOTO3_CANNED]).arg(server.endpoint_url());
    assert_eq!(run(boto3).await, "done");
    assert_eq!((server.received(), server.deleted()), (24, 24));

    let mut aws = isolated(&python::interpreter());
    aws.args(["-m", "awscli", "--output", "text", "--endpoint-url"])
        .arg(server.endpoint_url())
        .args(["sqs", "receive-message", "--attribute-names", "All"])
        .args(["--query", "length(Messages)", "--queue-url"])
        .arg(server.queue_url());
    assert_eq!(run(aws).await, "1");
    assert_eq!(server.counts().in_flight, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_aws_cli_sends_receives_and_deletes() {
    let server = DevQueue::start(Settings::default()).await.unwrap();
    let url = format!("{}/000000000000/login-queue", localhost(&server));
    let aws = |arguments: &[&str]| {
        let mut command = isolated(&python::interpreter());
        command
            .args(["-m", "awscli", "--output", "text", "--endpoint-url"])
            .arg(localhost(&server))
            .arg("sqs")
            .args(arguments);
        run(command)
    };
    assert_eq!(
        aws(&["create-queue", "--queue-name", "login-queue"]).await,
        url
    );
    assert_eq!(aws(&["list-queues"]).await, format!("QUEUEURLS\t{url}"));
    let body = "{\"user_id\": \"424cdd21\", \"locale\": null}";
    aws(&["send-message", "--queue-url", &url, "--message-body", body]).await;
    assert_eq!(server.counts("login-queue").unwrap().visible, 1);

    let query = "Messages[0].[ReceiptHandle, Body, Attributes.ApproximateReceiveCount]";
    let receive = [
        "receive-message",
        "--queue-url",
        &url,
        "--attribute-names",
        "All",
        "--query",
        query,
    ];
    let received = aws(&receive).await;
    let fields: Vec<&str> = received.split('\t').collect();
    assert_eq!(fields[1..], [body, "1"]);
    aws(&[
        "delete-message",
        "--queue-url",
        &url,
        "--receipt-handle",
        fields[0],
    ])
    .await;
    assert_eq!(server.counts("login-queue"), Some(Counts::default()));
}
