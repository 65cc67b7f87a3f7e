//! One queue, reached and known: what its attributes say is asked for once, at start.

use std::time::Duration;

use crate::delivery::{Durable, Left};

use super::{Address, Client, EntryFailure, QueueError, client::PendingReceive};

/// A queue that has been reached.
pub struct Queue {
    client: Client,
    url: String,
    settings: QueueSettings,
}

/// What the queue says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueueSettings {
    /// The Amazon resource name.
    pub arn: String,
    /// How long a delivery stays hidden from other consumers; sent with each receive, so that both
    /// sides mean the same.
    pub visibility_timeout: Duration,
    /// About how many messages were visible when it was asked.
    pub approximate_messages: u64,
}

impl Queue {
    /// Reaches the queue at `url`, or the one called `name` where no URL is set.
    ///
    /// # Errors
    ///
    /// When the queue is not there, not reached, or refuses.
    pub async fn connect(
        address: Address,
        url: Option<&str>,
        name: &str,
    ) -> Result<Self, QueueError> {
        let client = Client::new(address).await?;
        let url = match url {
            Some(url) => url.to_owned(),
            None => client.queue_url(name).await?,
        };
        let attributes = client.queue_attributes(&url).await?;
        let attribute = |name: &str| {
            attributes.get(name).ok_or_else(|| QueueError::Protocol {
                action: "GetQueueAttributes",
                endpoint: client.endpoint(),
                reason: format!("{name} is missing"),
            })
        };
        let visibility = attribute("VisibilityTimeout")?;
        let seconds = visibility.parse().map_err(|_| QueueError::Protocol {
            action: "GetQueueAttributes",
            endpoint: client.endpoint(),
            reason: "VisibilityTimeout is no number".to_owned(),
        })?;
        let settings = QueueSettings {
            arn: attribute("QueueArn")?.clone(),
            // A queue may hide nothing; then every message would be received over and over.
            visibility_timeout: Duration::from_secs(u64::max(seconds, 1)),
            approximate_messages: attribute("ApproximateNumberOfMessages")?
                .parse()
                .unwrap_or(0),
        };
        Ok(Self {
            client,
            url,
            settings,
        })
    }

    /// The queue's URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Whether the order of messages counts (Amazon SQS Developer Guide, "FIFO queues").
    pub fn is_fifo(&self) -> bool {
        self.settings.arn.ends_with(".fifo")
    }

    /// What the queue says of itself.
    pub fn settings(&self) -> &QueueSettings {
        &self.settings
    }

    /// The client, to parse what it received.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Receives up to ten messages, waiting up to `wait` for the first.
    ///
    /// # Errors
    ///
    /// As SQS answers.
    pub async fn receive(&self, wait: Duration) -> Result<PendingReceive<'_>, QueueError> {
        self.client
            .receive(&self.url, wait, self.settings.visibility_timeout)
            .await
    }

    /// Deletes up to ten durable deliveries: the entries that failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub async fn delete(&self, durable: &[Durable]) -> Result<Vec<EntryFailure>, QueueError> {
        let handles = durable.iter().map(|one| one.receipt().handle());
        self.client.delete_batch(&self.url, handles).await
    }

    /// Makes up to ten deliveries visible again at once: the entries that failed.
    ///
    /// # Errors
    ///
    /// When the call failed as a whole.
    pub async fn give_back(&self, left: &[Left]) -> Result<Vec<EntryFailure>, QueueError> {
        let handles = left.iter().map(|one| one.receipt().handle());
        self.client
            .change_visibility_batch(&self.url, handles, Duration::ZERO)
            .await
    }
}
