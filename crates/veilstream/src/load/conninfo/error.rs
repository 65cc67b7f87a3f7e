//! What can be wrong with a connection string.

/// Why a connection string, variable or file is not understood. Shows no values.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ConninfoError {
    /// It is no connection string.
    #[error(
        "the database URL is not understood: {problem}; write \
         postgresql://user@host:5432/database or host=… dbname=… user=…, and percent-encode special \
         characters in a URI"
    )]
    Syntax {
        /// What is wrong with it.
        problem: &'static str,
    },
    /// PostgreSQL has no such parameter.
    #[error("the database URL has an unknown parameter {name}; correct or remove it")]
    Unknown {
        /// Its name in quotes.
        name: String,
    },
    /// libpq has this parameter, veilstream does not.
    #[error("the connection parameter {origin} is not supported: {advice}")]
    Unsupported {
        /// The parameter or the environment variable.
        origin: &'static str,
        /// What to do instead.
        advice: &'static str,
    },
    /// libpq has this parameter, veilstream has some of its values only.
    #[error("of the connection parameter {origin} only these values are supported: {supported}")]
    OnlyValues {
        /// The parameter or the environment variable.
        origin: &'static str,
        /// The values.
        supported: String,
    },
    /// A value makes no sense.
    #[error("the connection parameter {origin} is wrong: it has to be {expected}")]
    Value {
        /// The parameter or the environment variable.
        origin: &'static str,
        /// What it could be.
        expected: &'static str,
    },
    /// The lists of hosts, addresses and ports are not of the same length.
    #[error(
        "the database URL has {hosts} hosts, but {others} {what}; give one for each host{or_one}"
    )]
    Lengths {
        /// Number of hosts.
        hosts: usize,
        /// Number of the others.
        others: usize,
        /// What the others are.
        what: &'static str,
        /// Whether a single one would do as well.
        or_one: &'static str,
    },
    /// Two parameters do not go together.
    #[error("the connection parameters do not fit together: {problem}")]
    Conflict {
        /// Which, and what to do.
        problem: &'static str,
    },
    /// Nothing says which user to connect as.
    #[error(
        "no database user is given, and USER is not set: name the database with --database-url or DATABASE_URL, as in \
         postgresql://user@host/database, or the user in PGUSER"
    )]
    NoUser,
}
