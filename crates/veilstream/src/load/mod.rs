//! PostgreSQL: connecting to it.

pub mod connect;
pub mod conninfo;
pub mod tls;
