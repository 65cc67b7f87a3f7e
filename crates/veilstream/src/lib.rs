//! veilstream moves JSON events from Amazon SQS into PostgreSQL, with the personal data masked on
//! the way, each exactly once.
//!
//! [`startup`] makes sure that everything is in place, [`pipeline`] is the data path.

pub mod acknowledge;
pub mod admin;
pub mod audit;
pub mod backoff;
pub mod config;
pub mod decode;
pub mod delivery;
pub mod doctor;
pub mod encode;
pub mod history;
pub mod inspect;
mod json;
pub mod keyset_file;
pub mod load;
pub mod mask;
pub mod metrics;
pub mod pipeline;
pub mod plan;
pub mod prepare;
pub mod propose;
pub mod reachability;
pub mod reject_limit;
pub mod sample;
pub mod source;
pub mod startup;
mod tally;
pub mod upkeep;
