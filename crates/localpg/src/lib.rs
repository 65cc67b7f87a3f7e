//! A private PostgreSQL cluster, made from the server binaries that the machine has.
//!
//! For demonstrations, tests and benchmarks: [`Cluster::builder`] makes a data directory of its own,
//! starts a server on a free port of 127.0.0.1 and gives back a handle. Dropping the handle stops the
//! server and removes every file. The same happens when the owning process dies, however it dies: a
//! small shell process holds the other end of a pipe and cleans up once that closes.
//!
//! PostgreSQL refuses to run as root. When the owner is root, everything of the cluster runs as the
//! account `postgres`, or `nobody` where there is none.
//!
//! ```no_run
//! # fn main() -> Result<(), localpg::Error> {
//! let cluster = localpg::Cluster::builder().setting("work_mem", "8MB").start()?;
//! println!("listening on {}:{}", cluster.host(), cluster.port());
//! # Ok(())
//! # }
//! ```
//!
//! Unix only.

mod account;
mod binaries;
mod builder;
mod cluster;
mod error;
mod watchdog;

pub use binaries::Binaries;
pub use builder::{Builder, TlsFiles};
pub use cluster::Cluster;
pub use error::Error;
