//! The few SQS calls that veilstream makes.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::Response;
use hyper::body::{Body, Incoming};
use serde::{Serialize, de::DeserializeOwned};

use super::{
    Address, Entry, EntryFailure, Message, QueueError,
    answer::{self, NotSqs},
    protocol::{
        AttributesRequest, AttributesResponse, BatchRequest, BatchRequestEntry, QueueUrlRequest,
        QueueUrlResponse, ReceiveRequest,
    },
    transport::Transport,
};

/// A receive asks for as many as SQS gives (Amazon SQS API reference, ReceiveMessage).
pub const MOST_MESSAGES: u32 = 10;
/// An answer must begin within this time, beyond what a long poll may wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// What a receive may take whose answer has no Content-Length: ten messages of 1 MiB, their quotes
/// escaped, and what goes with them. A larger one is not read; SQS itself always states the length.
const UNKNOWN_RESPONSE_BYTES: u32 = 16 << 20;
/// Ten messages of 1 MiB, every character escaped as six bytes, and what goes with them.
const MOST_RESPONSE_BYTES: u32 = 64 << 20;

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
        self.batch("DeleteMessageBatch", queue_url, handles, None)
            .await
    }

    /// `ChangeMessageVisibilityBatch`: the entries that failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub(super) async fn change_visibility_batch(
        &self,
        queue_url: &str,
        handles: impl Iterator<Item = &str>,
        visibility: Duration,
    ) -> Result<Vec<EntryFailure>, QueueError> {
        let visibility = Some(visibility.as_secs());
        self.batch(
            "ChangeMessageVisibilityBatch",
            queue_url,
            handles,
            visibility,
        )
        .await
    }

    async fn batch(
        &self,
        action: &'static str,
        queue_url: &str,
        handles: impl Iterator<Item = &str>,
        visibility_timeout: Option<u64>,
    ) -> Result<Vec<EntryFailure>, QueueError> {
        let entries: Vec<_> = handles
            .enumerate()
            .map(|(place, receipt_handle)| BatchRequestEntry {
                id: Entry(place),
                receipt_handle,
                visibility_timeout,
            })
            .collect();
        let asked = entries.len();
        let request = BatchRequest { queue_url, entries };
        let response = self
            .transport
            .send(action, &request, ANSWER_TIMEOUT)
            .await?;
        let body = self.transport.read_body(action, response).await?;
        answer::failures(&body, asked).map_err(|error| self.not_sqs(action, error))
    }

    async fn call<T: DeserializeOwned>(
        &self,
        action: &'static str,
        request: &impl Serialize,
    ) -> Result<T, QueueError> {
        let response = self.transport.send(action, request, ANSWER_TIMEOUT).await?;
        let body = self.transport.read_body(action, response).await?;
        serde_json::from_slice(&body).map_err(|error| self.not_sqs(action, error.into()))
    }

    fn not_sqs(&self, action: &'static str, error: NotSqs) -> QueueError {
        QueueError::Protocol {
            action,
            endpoint: self.endpoint(),
            reason: error.to_string(),
        }
    }
}

impl PendingReceive<'_> {
    /// How many bytes its body takes at the most.
    pub fn size(&self) -> u32 {
        let exact = self.response.body().size_hint().exact();
        exact.map_or(UNKNOWN_RESPONSE_BYTES, |bytes| {
            u32::try_from(bytes).map_or(MOST_RESPONSE_BYTES, |bytes| bytes.min(MOST_RESPONSE_BYTES))
        })
    }

    /// Reads the body, which takes no more than [`size`](Self::size) says.
    ///
    /// # Errors
    ///
    /// When it is larger, breaks off or takes too long.
    pub async fn read(self) -> Result<Bytes, QueueError> {
        let most = self.size();
        self.client
            .transport
            .read_at_most(most, "ReceiveMessage", self.response)
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
        answer::messages(body).map_err(|error| self.not_sqs("ReceiveMessage", error))
    }
}
