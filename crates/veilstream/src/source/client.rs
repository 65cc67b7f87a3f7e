//! The few SQS calls that veilstream makes.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Incoming};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::value::RawValue;

use super::{
    Address, Entry, EntryFailure, Message, QueueError,
    protocol::{
        AttributesRequest, AttributesResponse, BatchRequest, BatchRequestEntry, BatchResponse,
        QueueUrlRequest, QueueUrlResponse, ReceiveRequest, ReceiveResponse, ReceivedEntries,
    },
    transport::Transport,
};

/// A receive asks for as many as SQS gives (Amazon SQS API reference, ReceiveMessage).
pub const MOST_MESSAGES: u32 = 10;
/// An answer must begin within this time, beyond what a long poll may wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// What a response without a Content-Length is taken for: ten messages of 1 MiB.
const UNKNOWN_RESPONSE_BYTES: u32 = 10 << 20;

/// A client of one SQS endpoint. Cheap to share; its connections are kept alive and reused.
pub struct Client {
    transport: Transport,
}

/// A receive whose answer has begun: its size is known, its body not yet read.
pub struct PendingReceive<'a> {
    client: &'a Client,
    response: Response<Incoming>,
}

impl Client {
    /// A client of the service at `address`.
    ///
    /// # Errors
    ///
    /// When the system's certificate store cannot be read for an https endpoint.
    pub async fn new(address: Address) -> Result<Self, QueueError> {
        let transport = Transport::new(address).await?;
        Ok(Self { transport })
    }

    /// The service's URL.
    pub fn endpoint(&self) -> String {
        self.transport.endpoint()
    }

    /// `GetQueueUrl`.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub async fn queue_url(&self, queue_name: &str) -> Result<String, QueueError> {
        let response: QueueUrlResponse = self
            .call("GetQueueUrl", &QueueUrlRequest { queue_name })
            .await?;
        Ok(response.queue_url)
    }

    /// `GetQueueAttributes`, all of them.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub async fn queue_attributes(
        &self,
        queue_url: &str,
    ) -> Result<HashMap<String, String>, QueueError> {
        let request = AttributesRequest {
            queue_url,
            attribute_names: &["All"],
        };
        let response: AttributesResponse = self.call("GetQueueAttributes", &request).await?;
        Ok(response.attributes)
    }

    /// `ReceiveMessage`, up to ten, waiting up to `wait` (20 s at most) for the first.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub async fn receive(
        &self,
        queue_url: &str,
        wait: Duration,
        visibility: Duration,
    ) -> Result<PendingReceive<'_>, QueueError> {
        let request = ReceiveRequest {
            queue_url,
            max_number_of_messages: MOST_MESSAGES,
            wait_time_seconds: wait.as_secs(),
            visibility_timeout: visibility.as_secs(),
            attribute_names: &["SentTimestamp"],
        };
        let response = self
            .transport
            .send("ReceiveMessage", &request, wait + ANSWER_TIMEOUT)
            .await?;
        Ok(PendingReceive {
            client: self,
            response,
        })
    }

    /// `DeleteMessageBatch`: the entries that failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub(super) async fn delete_batch(
        &self,
        queue_url: &str,
        handles: impl Iterator<Item = &str>,
    ) -> Result<Vec<EntryFailure>, QueueError> {
        let entries = handles.map(|handle| (handle, None));
        self.batch("DeleteMessageBatch", queue_url, entries).await
    }

    /// `ChangeMessageVisibilityBatch`, each handle with its seconds: the entries that failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub(super) async fn change_visibility_batch(
        &self,
        queue_url: &str,
        handles: impl Iterator<Item = (&str, u64)>,
    ) -> Result<Vec<EntryFailure>, QueueError> {
        let entries = handles.map(|(handle, seconds)| (handle, Some(seconds)));
        self.batch("ChangeMessageVisibilityBatch", queue_url, entries)
            .await
    }

    async fn batch(
        &self,
        action: &'static str,
        queue_url: &str,
        entries: impl Iterator<Item = (&str, Option<u64>)>,
    ) -> Result<Vec<EntryFailure>, QueueError> {
        let entries: Vec<_> = entries
            .enumerate()
            .map(
                |(place, (receipt_handle, visibility_timeout))| BatchRequestEntry {
                    id: Entry(place),
                    receipt_handle,
                    visibility_timeout,
                },
            )
            .collect();
        let asked = entries.len();
        let response: BatchResponse = self
            .call(action, &BatchRequest { queue_url, entries })
            .await?;
        let successful = response.successful.unwrap_or_default();
        let mut failed = response.failed.unwrap_or_default();
        // An entry that is not said to have succeeded has not: partial answers exist.
        let unsettled = (0..asked).filter(|place| successful.iter().all(|one| one.id.0 != *place));
        let failures = unsettled.map(|place| {
            let told = failed.iter().position(|entry| entry.id.0 == place);
            told.map_or_else(
                || EntryFailure {
                    id: Entry(place),
                    sender_fault: false,
                    code: "NotInResponse".to_owned(),
                },
                |told| failed.swap_remove(told),
            )
        });
        Ok(failures.collect())
    }

    async fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        request: &impl Serialize,
    ) -> Result<T, QueueError> {
        let response = self.transport.send(action, request, ANSWER_TIMEOUT).await?;
        let body = self.transport.read_body(action, response).await?;
        // DeleteMessageBatch and the like may answer a success with no body at all.
        let body = if body.is_empty() { &b"{}"[..] } else { &body };
        serde_json::from_slice(body).map_err(|error| self.not_sqs(action, &error))
    }

    fn not_sqs(&self, action: &'static str, error: &serde_json::Error) -> QueueError {
        // The category and place only: the text of the error can quote the content.
        let reason = format!(
            "{:?} error at line {} column {}",
            error.classify(),
            error.line(),
            error.column()
        );
        QueueError::Protocol {
            action,
            endpoint: self.endpoint(),
            reason,
        }
    }
}

impl PendingReceive<'_> {
    /// How many bytes its body takes.
    pub fn size(&self) -> u32 {
        let exact = self.response.body().size_hint().exact();
        exact.map_or(UNKNOWN_RESPONSE_BYTES, |bytes| {
            u32::try_from(bytes).unwrap_or(u32::MAX)
        })
    }

    /// Reads the body.
    ///
    /// # Errors
    ///
    /// When it breaks off or takes too long.
    pub async fn read(self) -> Result<Bytes, QueueError> {
        self.client
            .transport
            .read_body("ReceiveMessage", self.response)
            .await
    }
}

impl Client {
    /// The messages in the body of a receive; `None` for what stands among them but is no message,
    /// so that it does not hold up the others.
    ///
    /// # Errors
    ///
    /// When it is not an answer of SQS.
    pub fn messages<'b>(&self, body: &'b [u8]) -> Result<Vec<Option<Message<'b>>>, QueueError> {
        if let Ok(response) = serde_json::from_slice::<ReceiveResponse<'b>>(body) {
            return Ok(response.messages.into_iter().flatten().map(Some).collect());
        }
        let entries: ReceivedEntries<'b> =
            serde_json::from_slice(body).map_err(|error| self.not_sqs("ReceiveMessage", &error))?;
        let message = |entry: &&'b RawValue| serde_json::from_str(entry.get()).ok();
        Ok(entries.messages.iter().map(message).collect())
    }
}
