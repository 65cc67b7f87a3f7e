//! What veilstream is told: a TOML file, the environment and flags become one validated
//! [`Configuration`], or every mistake is reported at once.

pub mod address;
mod admin;
pub mod builtin;
mod column;
mod connection;
mod conversion;
mod create_table;
pub mod duration;
mod file;
mod identity;
mod key;
pub mod mask;
mod mistake;
pub mod pipeline;
mod pointer;
#[cfg(test)]
mod reference;
pub mod schema;
mod section;
mod spelling;
mod target;
mod type_name;

#[cfg(test)]
mod tests;

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use crate::source::Protocol;

pub use conversion::UnknownConversion;
pub use mask::{DomainMask, Mask, StatedMethod};
pub use mistake::{ConfigurationError, Mistake};
pub use pipeline::{
    Column, ColumnSource, ColumnType, Conversion, Identity, IdentityOf, OnReject, Pipeline,
    TableName, ValueIdentity,
};
pub use type_name::TypeNameError;

/// A validated configuration file, or the built-in one.
///
/// Flags and the environment are laid over it by the command line: a flag beats the
/// environment, the environment beats the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Configuration {
    /// Where messages come from.
    pub queue: Queue,
    /// Where rows go to.
    pub database: Database,
    /// The key set's file, relative paths taken from the configuration file's folder.
    pub keyset: Option<PathBuf>,
    /// The file of the passphrase that opens the key set; relative paths as before.
    pub passphrase_file: Option<PathBuf>,
    /// The admin server.
    pub admin: Admin,
    /// What becomes of a message.
    pub pipeline: Pipeline,
}

/// The `[queue]` section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Queue {
    /// The queue's URL.
    pub url: Option<String>,
    /// Another address of the SQS service, for LocalStack, moto or a VPC endpoint.
    pub endpoint_url: Option<String>,
    /// The region to sign for; an AWS queue URL gives it by itself.
    pub region: Option<String>,
    /// How long a message may be kept hidden from other consumers at the most, from its receive on;
    /// at most 12 hours.
    pub longest_lease: Option<Duration>,
    /// What the service speaks; without it that is found out at start.
    pub protocol: Option<Protocol>,
    /// How many calls may be under way at once.
    pub fleets: Fleets,
}

/// How large the fleets may become that size themselves: 1 to 1,000 each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fleets {
    /// Receives under way at once.
    pub receivers: u16,
    /// Deletes under way at once.
    pub deleters: u16,
}

impl Default for Fleets {
    /// Enough for 40,000 messages a second while each call takes 30 ms.
    fn default() -> Self {
        Self {
            receivers: 128,
            deleters: 128,
        }
    }
}

/// The `[admin]` section.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Admin {
    /// Where it listens; without this on [`DEFAULT_ADMIN_PORT`] of loopback, if that is free.
    pub listen: Option<Listen>,
    /// The file of the token; relative paths as before.
    pub token_file: Option<PathBuf>,
    /// The connection of who acts on the quarantine; it may hold a password, so `Debug` hides it.
    pub database_url: Option<String>,
}

impl Admin {
    /// The address at which other machines would reach it, and nobody is asked for a token.
    pub fn exposed_at(&self) -> Option<SocketAddr> {
        match self.listen {
            Some(Listen::At(address)) if self.token_file.is_none() => {
                (!address.ip().is_loopback()).then_some(address)
            }
            Some(Listen::At(_) | Listen::Off) | None => None,
        }
    }
}

/// The port of the admin server where none is set.
pub const DEFAULT_ADMIN_PORT: u16 = 8484;

/// Where the admin server listens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Listen {
    /// Nowhere.
    Off,
    /// There.
    At(SocketAddr),
}

impl std::fmt::Debug for Admin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Admin")
            .field("listen", &self.listen)
            .field("token_file", &self.token_file)
            .field("database_url", &self.database_url.as_ref().map(|_| "…"))
            .finish()
    }
}

/// The `[database]` section.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Database {
    /// A connection URI or a libpq conninfo string; it may hold a password, so `Debug` hides it.
    pub url: Option<String>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("url", &self.url.as_ref().map(|_| "…"))
            .finish()
    }
}
