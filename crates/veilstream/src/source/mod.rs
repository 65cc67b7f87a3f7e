//! The queue's side: a small SQS client, and the memory budget that every receive draws on.

mod address;
pub mod answer;
pub(crate) mod budget;
mod client;
mod credentials;
mod error;
mod protocol;
mod queue;
mod sampling;
mod transport;

pub(crate) use address::is_loopback;
pub use address::{Address, AddressError};
pub use budget::{Budget, Permit};
pub use client::{Client, MOST_MESSAGES, PendingReceive};
pub use credentials::default_region;
pub(crate) use credentials::{credentials_provider, http_client, provider_config};
pub use error::QueueError;
pub use protocol::{Entry, EntryFailure, Message};
pub use queue::{Queue, QueueSettings};
pub use sampling::{Refusal, Sampled, Sampling, SamplingError};
pub(crate) use transport::with_causes;
