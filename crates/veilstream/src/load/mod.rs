//! The database's side: connections, the catalogue, and the one transaction that claims, copies
//! and commits a batch.

pub mod catalogue;
pub(crate) mod commit_time;
pub mod connect;
pub mod conninfo;
mod durable;
mod error;
pub(crate) mod identity;
pub mod key_set;
pub mod ledger;
mod loader;
pub mod quarantine;
pub mod sampling;
pub mod schema;
pub(crate) mod sqlstate;
pub mod tls;
pub(crate) mod transaction;
pub(crate) mod upkeep;

pub use durable::Durable;
pub use error::{DatabaseError, Report, Step};
pub use loader::{Batch, Cause, Fate, Loaded, Loader, Original, Prepared, Target, Unloaded, ask};
pub use sqlstate::Class;
