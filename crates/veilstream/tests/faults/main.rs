//! What a user notices when something is wrong or goes wrong: the real binary on real servers, with
//! proxies between them that cut, hang, lie and lose.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests fail by panicking, as tests do"
)]

mod clock;
mod crash;
mod credentials;
mod deletes;
mod duplicates;
mod fifo;
mod fleets;
mod flood;
mod lease;
mod logins;
mod outage;
mod poison;
mod refused;
mod shutdown;
mod sql;
mod sqs_tls;
mod startup;
mod statements;
mod throttling;
mod two_workers;

use testkit::{postgres_proxy, sqs_proxy};

const BINARY: &str = env!("CARGO_BIN_EXE_veilstream");
