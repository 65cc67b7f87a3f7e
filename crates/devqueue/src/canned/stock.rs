//! The messages of the canned queue: rendered once, stamped as they are handed out.

use std::io;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::action::batch::{self, Outcome};
use crate::action::{parse, within};
use crate::attributes::{self, MAXIMUM_WAIT, QueueAttributes};
use crate::clock::Clock;
use crate::counts::Counts;
use crate::digest::Md5Text;
use crate::error::{ErrorCode, QueueError};
use crate::identifier::Identifiers;
use crate::message::write_number;
use crate::message_attributes::{Text, write_json};
use crate::receipt::Receipt;

/// As long as a queue can keep messages, 14 days, in seconds: the oldest message is as many
/// milliseconds old as there are messages.
const RETENTION: &str = "1209600";

/// What is handed out, and how much of it was.
#[derive(Debug)]
pub(super) struct Stock {
    arn: String,
    attributes: QueueAttributes,
    /// Of each body: `","MD5OfBody":"…","Body":"…","ReceiptHandle":"`.
    rendered: Vec<Box<[u8]>>,
    messages: u64,
    handed_out: AtomicU64,
    deleted: AtomicU64,
    started_at: u64,
    identifiers: Identifiers,
    /// Goes into receipt handles.
    key: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Receive {
    max_number_of_messages: Option<i64>,
    wait_time_seconds: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Batch<'a> {
    #[serde(borrow)]
    entries: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct GetAttributes<'a> {
    #[serde(borrow)]
    attribute_names: Option<Vec<Text<'a>>>,
}

impl Stock {
    /// Renders the bodies, of which there must be one at least.
    pub(super) fn new(
        arn: String,
        bodies: impl IntoIterator<Item = String>,
        messages: u64,
    ) -> io::Result<Self> {
        let rendered: Vec<_> = bodies.into_iter().map(|body| render(&body)).collect();
        if rendered.is_empty() {
            let text = "a canned queue needs a body to hand out";
            return Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        }
        let identifiers = Identifiers::seeded()?;
        let attributes = QueueAttributes::new(false, [("MessageRetentionPeriod", RETENTION)]);
        Ok(Stock {
            arn,
            attributes: attributes.map_err(io::Error::other)?,
            rendered,
            messages,
            handed_out: AtomicU64::new(0),
            deleted: AtomicU64::new(0),
            started_at: Clock::start().now(),
            key: identifiers.next(),
            identifiers,
        })
    }

    pub(super) fn received(&self) -> u64 {
        self.handed_out.load(Ordering::Relaxed)
    }

    pub(super) fn deleted(&self) -> u64 {
        self.deleted.load(Ordering::Relaxed)
    }

    pub(super) fn counts(&self) -> Counts {
        let (received, deleted) = (self.received(), self.deleted());
        let size = |count| usize::try_from(count).unwrap_or(usize::MAX);
        Counts {
            visible: size(self.messages - received),
            in_flight: size(received.saturating_sub(deleted)),
            delayed: 0,
        }
    }

    /// Runs the action of that name on a JSON object.
    pub(super) async fn run(
        &self,
        action: &str,
        body: &[u8],
        queue_url: impl FnOnce() -> String,
    ) -> Result<Vec<u8>, QueueError> {
        match action {
            "ReceiveMessage" => self.receive(&parse(body)?).await,
            "DeleteMessageBatch" => {
                let (count, answer) = confirm(&parse(body)?)?;
                self.deleted.fetch_add(count, Ordering::Relaxed);
                Ok(answer)
            }
            "ChangeMessageVisibilityBatch" => Ok(confirm(&parse(body)?)?.1),
            "DeleteMessage" => {
                self.deleted.fetch_add(1, Ordering::Relaxed);
                Ok(Vec::new())
            }
            "ChangeMessageVisibility" => Ok(Vec::new()),
            "GetQueueAttributes" => self.attributes(&parse(body)?),
            "GetQueueUrl" => Ok(rendered(&json!({ "QueueUrl": queue_url() }))),
            _ => Err(QueueError::new(
                ErrorCode::UnsupportedOperation,
                "A canned queue only hands out messages and lets them be deleted.",
            )),
        }
    }

    async fn receive(&self, request: &Receive) -> Result<Vec<u8>, QueueError> {
        let name = "MaxNumberOfMessages";
        let maximum = within(request.max_number_of_messages, name, 1..=10)?.unwrap_or(1);
        let name = "WaitTimeSeconds";
        let wait = within(request.wait_time_seconds, name, 0..=MAXIMUM_WAIT)?.unwrap_or(0);
        let numbers = self.take(maximum);
        if numbers.is_empty() {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            return Ok(b"{}".to_vec());
        }
        let mut out = Vec::with_capacity(6 * 1024);
        out.extend_from_slice(b"{\"Messages\":[");
        for number in numbers {
            self.write_message(number, &mut out);
        }
        // In place of the last comma.
        out.pop();
        out.extend_from_slice(b"]}");
        Ok(out)
    }

    /// The numbers of the next messages: up to so many, none when all are handed out.
    fn take(&self, wanted: u64) -> Range<u64> {
        let after = |first: u64| (first + wanted).min(self.messages);
        let next = |first| (first < self.messages).then(|| after(first));
        let taken = self
            .handed_out
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.map_or(0..0, |first| first..after(first))
    }

    fn write_message(&self, number: u64, out: &mut Vec<u8>) {
        let receipt = Receipt {
            sequence: number,
            receive_count: 1,
        };
        let turn = number % self.rendered.len() as u64;
        let turn = usize::try_from(turn).expect("it is less than a length");
        out.extend_from_slice(b"{\"MessageId\":\"");
        out.extend_from_slice(self.identifiers.uuid().as_str().as_bytes());
        out.extend_from_slice(&self.rendered[turn]);
        out.extend_from_slice(&receipt.handle(self.key));
        out.extend_from_slice(b"\",\"Attributes\":{\"SentTimestamp\":\"");
        let age = self.messages - 1 - number;
        write_number(out, self.started_at.saturating_sub(age));
        out.extend_from_slice(b"\"}},");
    }

    fn attributes(&self, request: &GetAttributes<'_>) -> Result<Vec<u8>, QueueError> {
        let mut values = Map::new();
        let mut put = |name: &str| {
            if let Some(value) = self.attribute(name) {
                values.insert(name.to_owned(), Value::String(value));
            }
        };
        for name in request.attribute_names.iter().flatten() {
            attributes::check_name(name)?;
            if &**name == "All" {
                attributes::all_names().for_each(&mut put);
            } else {
                put(name);
            }
        }
        Ok(rendered(&json!({ "Attributes": values })))
    }

    fn attribute(&self, name: &str) -> Option<String> {
        let counts = self.counts();
        match name {
            "QueueArn" => Some(self.arn.clone()),
            "CreatedTimestamp" | "LastModifiedTimestamp" => {
                Some((self.started_at / 1000).to_string())
            }
            "ApproximateNumberOfMessages" => Some(counts.visible.to_string()),
            "ApproximateNumberOfMessagesNotVisible" => Some(counts.in_flight.to_string()),
            "ApproximateNumberOfMessagesDelayed" => Some(counts.delayed.to_string()),
            other => self.attributes.get(other),
        }
    }
}

/// What stands between a message's id and its receipt handle.
fn render(body: &str) -> Box<[u8]> {
    let mut rendered = b"\",\"MD5OfBody\":\"".to_vec();
    rendered.extend_from_slice(Md5Text::of(body.as_bytes()).as_str().as_bytes());
    rendered.extend_from_slice(b"\",\"Body\":");
    write_json(&mut rendered, body);
    rendered.extend_from_slice(b",\"ReceiptHandle\":\"");
    rendered.into()
}

/// Answers that every entry has succeeded; how many there are comes first.
fn confirm(request: &Batch<'_>) -> Result<(u64, Vec<u8>), QueueError> {
    let entries = request.entries.as_deref().unwrap_or_default();
    batch::check(entries.iter().map(|entry| entry.id.as_deref()))?;
    let mut outcome = Outcome::new();
    for entry in entries {
        outcome.succeed(entry.id.as_deref().unwrap_or_default(), |_| {});
    }
    Ok((entries.len() as u64, outcome.finish()))
}

fn rendered(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
