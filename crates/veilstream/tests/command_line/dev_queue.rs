//! `veilstream dev-queue`.

use std::process::Command;

use testkit::{Binary, Scene};

use crate::{EXAMPLE, VEILSTREAM, live::Live};

#[test]
fn the_queue_prints_its_url_serves_boto3_and_ends_on_sigterm() {
    let queue = Live::start(&["dev-queue", "--port", "0", "--fill", "5"], &[]);
    let printed = queue.until("http://");
    let url = printed.trim_end();
    assert!(
        url.ends_with("/000000000000/login-queue"),
        "{url} is the first line"
    );
    let endpoint = url.split("/0000").next().expect("an origin");
    let script = "import boto3, sys\n\
        sqs = boto3.client('sqs', endpoint_url=sys.argv[1], region_name='us-east-1',\n\
            aws_access_key_id='x', aws_secret_access_key='x')\n\
        got = sqs.receive_message(QueueUrl=sys.argv[2], MaxNumberOfMessages=10)['Messages']\n\
        print(len(got))\n\
        print(got[0]['Body'])";
    let received = Command::new(testkit::python())
        .args(["-c", script, endpoint, url])
        .output()
        .expect("Python runs");
    let stdout = String::from_utf8(received.stdout).expect("text");
    let stderr = String::from_utf8_lossy(&received.stderr);
    assert_eq!(
        stdout.lines().collect::<Vec<_>>(),
        ["5", EXAMPLE],
        "{stderr}"
    );

    queue.signal("TERM");
    assert_eq!(queue.finish(), Some(143));
}

#[tokio::test]
async fn another_queue_can_be_named_and_a_port_in_use_is_said() {
    let queue = Live::start(&["dev-queue", "--port", "0", "--queue", "orders"], &[]);
    let printed = queue.until("http://");
    let url = printed.trim_end();
    assert!(url.ends_with("/000000000000/orders"), "{url}");
    let port = url.split(['/', ':']).nth(4).expect("a port");
    let second = Binary::new(VEILSTREAM)
        .run(&["dev-queue", "--port", port])
        .await;
    assert_eq!(second.code, Some(3), "{second:#?}");
    assert!(second.stderr.contains(&format!("127.0.0.1:{port}")));
}

#[tokio::test]
async fn a_canned_queue_is_loaded_as_any_other() {
    // GIVEN 300 canned events, of which 3 are of another kind, over a slow network
    let scene = Scene::new(VEILSTREAM).await;
    let canned = ["dev-queue", "--port", "0", "--canned", "300"];
    let queue = Live::start(&[&canned[..], &["--delay", "5ms"]].concat(), &[]);
    let printed = queue.until("http://");
    // WHEN the queue is emptied
    let binary = scene.binary();
    let binary = binary.with("VEILSTREAM_QUEUE_URL", printed.trim_end());
    let run = binary.run(&["run", "--once", "--output", "json"]).await;
    // THEN each has become a row or an entry of the quarantine
    assert_eq!(run.code, Some(0), "{run:#?}");
    let sql = "SELECT (SELECT count(*) FROM user_logins)::text, \
               (SELECT count(*) FROM veilstream.quarantine)::text";
    let landed = scene.database.rows(sql).await;
    assert_eq!(landed, [["297", "3"].map(|count| Some(count.to_owned()))]);
    queue.signal("TERM");
    assert_eq!(queue.finish(), Some(143));
}
