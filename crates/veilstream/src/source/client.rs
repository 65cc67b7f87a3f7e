//! The few SQS calls that veilstream makes.

use std::{collections::HashMap, time::Duration};

use bytes::Bytes;
use http::header;

use super::{
    Address, Entry, EntryFailure, Message, Protocol, QueueError, answer,
    call::{Call, RECEIVE, Request},
    clock,
    connection::Answer,
    protocol::{
        AttributesRequest, AttributesResponse, BatchRequest, BatchRequestEntry, QueueUrlRequest,
        QueueUrlResponse, ReceiveRequest,
    },
    query,
    transport::Transport,
};

/// A receive asks for as many as SQS gives (Amazon SQS API reference, ReceiveMessage).
pub const MOST_MESSAGES: u32 = 10;
/// An answer must begin within this time, beyond what a long poll may wait.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// What a receive may take whose answer has no Content-Length. In JSON, ten messages of 1 MiB with what
/// has to be escaped in most of them; in XML, where a quote takes six bytes, as much as may be in
/// flight at all. A larger one is not read.
const UNKNOWN_JSON_BYTES: u32 = 16 << 20;
const UNKNOWN_XML_BYTES: u32 = 32 << 20;
/// Ten messages of 1 MiB, every character escaped as six bytes, and what goes with them.
const MOST_RESPONSE_BYTES: u32 = 64 << 20;

/// A client of one SQS endpoint. Cheap to share; its connections are kept alive and reused.
pub struct Client {
    transport: Transport,
    protocol: Protocol,
}

/// A receive whose answer has begun: its size is known, its body not yet read.
pub struct PendingReceive<'a> {
    client: &'a Client,
    answer: Answer,
}

impl Client {
    /// A client of the service at `address`, which speaks this protocol.
    ///
    /// # Errors
    ///
    /// When the system's certificate store cannot be read for an https endpoint.
    pub async fn new(address: Address, protocol: Protocol) -> Result<Self, QueueError> {
        let transport = Transport::new(address).await?;
        Ok(Self {
            transport,
            protocol,
        })
    }

    /// The same, in another protocol.
    pub(super) fn speaking(self, protocol: Protocol) -> Self {
        Self { protocol, ..self }
    }

    /// What it speaks.
    pub fn protocol(&self) -> Protocol {
        self.protocol
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
        let action = "GetQueueUrl";
        let body = self.call(action, &QueueUrlRequest { queue_name }).await?;
        match self.protocol {
            Protocol::Json => serde_json::from_slice(&body)
                .map(|response: QueueUrlResponse| response.queue_url)
                .map_err(|error| self.not_sqs(action, &answer::NotSqs::from(error))),
            Protocol::Query => {
                query::answer::queue_url(&body).map_err(|error| self.not_sqs(action, &error))
            }
        }
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
        let action = "GetQueueAttributes";
        let body = self.call(action, &request).await?;
        match self.protocol {
            Protocol::Json => serde_json::from_slice(&body)
                .map(|response: AttributesResponse| response.attributes)
                .map_err(|error| self.not_sqs(action, &answer::NotSqs::from(error))),
            Protocol::Query => {
                query::answer::attributes(&body).map_err(|error| self.not_sqs(action, &error))
            }
        }
    }

    /// How many seconds the service's clock is ahead of this machine's; `None` where its answers do not
    /// say the time.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub async fn seconds_ahead(&self, queue_url: &str) -> Result<Option<i64>, QueueError> {
        let request = AttributesRequest {
            queue_url,
            attribute_names: &["QueueArn"],
        };
        let call = Call::new(self.protocol, "GetQueueAttributes", &request);
        let answer = self.transport.send(&call, ANSWER_TIMEOUT).await?;
        let date = answer.head().headers.get(header::DATE);
        Ok(clock::seconds_ahead(date))
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
        let call = Call::new(self.protocol, RECEIVE, &request);
        let answer = self.transport.send(&call, wait + ANSWER_TIMEOUT).await?;
        Ok(PendingReceive {
            client: self,
            answer,
        })
    }

    /// Asks for more messages than SQS gives at once, which it refuses: nobody gets any. From a service that
    /// answers all the same they are visible at once.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub(super) async fn receive_too_many(&self, queue_url: &str) -> Result<(), QueueError> {
        let request = ReceiveRequest {
            queue_url,
            max_number_of_messages: MOST_MESSAGES + 1,
            wait_time_seconds: 0,
            visibility_timeout: 0,
            attribute_names: &[],
        };
        self.call(RECEIVE, &request).await.map(drop)
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
        let body = self
            .call(action, &BatchRequest { queue_url, entries })
            .await?;
        match self.protocol {
            Protocol::Json => {
                answer::failures(&body, asked).map_err(|error| self.not_sqs(action, &error))
            }
            Protocol::Query => query::answer::failures(action, &body, asked)
                .map_err(|error| self.not_sqs(action, &error)),
        }
    }

    /// Makes a call: the body of its answer.
    async fn call(
        &self,
        action: &'static str,
        request: &impl Request,
    ) -> Result<Bytes, QueueError> {
        let call = Call::new(self.protocol, action, request);
        let answer = self.transport.send(&call, ANSWER_TIMEOUT).await?;
        self.transport.read_body(action, answer).await
    }

    /// That an answer is not as it should be, and why, without its content.
    pub(super) fn not_sqs(&self, action: &'static str, reason: &impl ToString) -> QueueError {
        QueueError::Protocol {
            action,
            endpoint: self.endpoint(),
            protocol: self.protocol,
            reason: reason.to_string(),
        }
    }
}

impl PendingReceive<'_> {
    /// How many bytes its body takes at the most.
    pub fn size(&self) -> u32 {
        let exact = self.answer.content_length();
        let unknown = match self.client.protocol {
            Protocol::Json => UNKNOWN_JSON_BYTES,
            Protocol::Query => UNKNOWN_XML_BYTES,
        };
        exact.map_or(unknown, |bytes| {
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
            .read_at_most(most, RECEIVE, self.answer)
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
        let action = RECEIVE;
        match self.protocol {
            Protocol::Json => answer::messages(body).map_err(|error| self.not_sqs(action, &error)),
            Protocol::Query => {
                query::answer::messages(body).map_err(|error| self.not_sqs(action, &error))
            }
        }
    }
}
