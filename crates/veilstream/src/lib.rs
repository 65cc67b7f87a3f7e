//! veilstream moves JSON events from Amazon SQS into PostgreSQL, with the personal data masked on
//! the way, each exactly once.

pub mod config;
pub mod decode;
pub mod encode;
pub mod mask;
