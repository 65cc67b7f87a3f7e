//! The server against real clients, and beside moto's SQS server.

#![expect(
    clippy::unwrap_used,
    reason = "this is a test: what is not there fails it"
)]

mod batches;
mod canned;
mod delivery;
mod fifo;
mod messages;
mod moto;
mod python;
mod queues;
mod redelivery;
mod robustness;
mod standard_clients;
mod subject;
