//! What comes in: bodies that are broken or nasty, answers of a queue that is no SQS, and more than
//! memory has room for.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is not there fails it"
)]

mod answers;
mod cases;
mod corpus;
mod forger;
mod memory;

const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");
