//! An embedded SQS-compatible server, in memory, **for demos, tests and benchmarks only**.
//!
//! It speaks AWS JSON 1.0 over HTTP, so the AWS CLI, boto3 and the AWS SDKs work against it
//! unchanged. Everything is lost when it stops, there is no access control (signatures are not
//! checked), and a queue lives in one process. Never put it in front of messages that matter.
//!
//! What it does follows the Amazon SQS Developer Guide and API Reference; each rule names its page
//! where it is implemented. Known liberties, all in favour of short tests:
//!
//! * a queue can be created again at once after `DeleteQueue` (AWS: after 60 seconds) and purged as
//!   often as one likes (AWS: once in 60 seconds), and both take effect at once;
//! * counts are exact and immediate, where AWS calls them approximate;
//! * standard queues deliver in order as long as nothing is redelivered;
//! * the attributes `Policy`, `RedriveAllowPolicy`, `Kms*`, `SqsManagedSseEnabled` and
//!   `FifoThroughputLimit` are stored and reported, and have no effect; tags are accepted and dropped;
//! * `ReceiveRequestAttemptId` is accepted and has no effect.
//!
//! [`Canned`] is the other server: one queue that answers from memory and keeps no messages, for
//! measuring clients.
//!
//! ```no_run
//! # async fn example() -> Result<(), Box<dyn std::error::Error>> {
//! let server = devqueue::DevQueue::start(devqueue::Settings::default()).await?;
//! server.create_queue("login-queue", &[("VisibilityTimeout", "30")])?;
//! server.send("login-queue", "{}")?;
//! println!("{}", server.queue_url("login-queue"));
//! server.shutdown().await;
//! # Ok(())
//! # }
//! ```

mod action;
mod attributes;
mod broker;
mod calls;
mod canned;
mod clock;
mod connections;
mod counts;
mod deduplication;
mod digest;
mod error;
mod fifo;
mod identifier;
mod message;
mod message_attributes;
mod message_text;
mod protocol;
mod queue;
mod ready;
mod receipt;
mod redrive;
mod server;
mod store;
mod system_attributes;

pub use canned::Canned;
pub use counts::Counts;
pub use error::{ErrorCode, QueueError};
pub use server::{DevQueue, Settings};
