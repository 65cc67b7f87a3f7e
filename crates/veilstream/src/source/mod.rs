//! The queue's side: a small SQS client, the memory budget that every receive draws on, and the
//! leases of what is in flight.

mod address;
pub mod answer;
pub(crate) mod budget;
mod call;
mod client;
mod clock;
mod connection;
mod credentials;
mod error;
mod extender;
mod lease;
mod protocol;
pub mod query;
mod queue;
mod sampling;
mod signature;
mod transport;

pub use address::{Address, AddressError};
pub(crate) use address::{is_loopback, is_loopback_host};
pub use budget::{Budget, Permit};
pub use call::Protocol;
pub use client::{Client, MOST_MESSAGES, PendingReceive};
pub use credentials::default_region;
pub(crate) use credentials::{credentials_provider, http_client, provider_config};
pub use error::QueueError;
pub use extender::Extender;
pub use lease::{LONGEST_POSSIBLE_LEASE, Lease, Leases, Receipt, Terms};
pub use protocol::{Entry, EntryFailure, Message};
pub use queue::{Permission, Presence, Queue, QueueSettings};
pub use sampling::{Refusal, Sampled, Sampling, SamplingError, TOO_FEW_RECEIVES};
pub use transport::with_causes;
