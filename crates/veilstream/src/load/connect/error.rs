//! Why no connection came about, and whether trying again can help.
//!
//! Of what a server says, only the SQLSTATE is kept. Its words name users and databases, and the
//! detail of an error can quote data.

use std::{error::Error, fmt, io, time::Duration};

use rustls::CertificateError;
use tokio_postgres::error::SqlState;

use crate::load::tls::TlsError;

/// No connection to the database could be opened.
#[derive(Debug)]
pub struct ConnectError {
    /// `host:port/database`
    server: String,
    reason: Reason,
}

/// Why a connection could not be opened.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Reason {
    /// There is no way to the server, or nothing listens there.
    #[error(
        "the server cannot be reached ({0}); check host and port, and that the server is running \
         and listens there"
    )]
    Unreachable(io::Error),
    /// The host's name is not known.
    #[error("the host cannot be looked up ({0}); check its name and the name service")]
    Lookup(io::Error),
    /// The server took too long.
    #[error(
        "it took longer than {} s; check host, port and firewall, or raise connect_timeout",
        limit.as_secs()
    )]
    TimedOut {
        /// `connect_timeout`.
        limit: Duration,
    },
    /// The connection was cut while it was being opened.
    #[error("the connection was cut while it was being opened; is this port PostgreSQL's?")]
    Lost,
    /// The server speaks, and it says no.
    #[error("{} (SQLSTATE {})", advice(.0), .0.code())]
    Server(SqlState),
    /// The server has no TLS, or not for us.
    #[error(
        "the server does not offer TLS, which sslmode asks for; turn it on there (ssl = on), or use \
         sslmode=prefer or disable on a network that you trust"
    )]
    NoTls,
    /// TLS failed: most often a certificate that does not fit.
    #[error("TLS failed: {}", tls_advice(.0))]
    Tls(rustls::Error),
    /// TLS failed in another way, such as a host that cannot be a server's name.
    #[error("TLS failed ({0}); check that the host is a name or an address")]
    TlsOther(String),
    /// The certificate cannot be compared with a name, since none is given.
    #[error(
        "sslmode=verify-full needs a host to compare the certificate with; give host beside hostaddr"
    )]
    NoName,
    /// Certificate files are missing or unfit.
    #[error(transparent)]
    TlsSetup(#[from] TlsError),
    /// The server wants a password, and there is none.
    #[error("the server asks for a password; give one in PGPASSWORD, .pgpass or the URL")]
    NoPassword,
    /// Server and client have no way to authenticate in common, or the server did not prove itself.
    #[error(
        "authentication failed ({0}); veilstream knows SCRAM (with channel binding over TLS), MD5 and \
         plain passwords and client certificates"
    )]
    Authentication(String),
    /// `target_session_attrs` asks for a server that takes writes.
    #[error(
        "the server is a standby or read-only, and target_session_attrs asks for one to write to"
    )]
    NotWritable,
    /// It does not speak the protocol.
    #[error("the server's answer is not PostgreSQL's protocol; check host and port")]
    Protocol,
}

impl ConnectError {
    pub(super) fn new(server: String, reason: Reason) -> Self {
        Self { server, reason }
    }

    /// Why.
    pub fn reason(&self) -> &Reason {
        &self.reason
    }

    /// The SQLSTATE with which the server refused, if it did.
    pub fn sqlstate(&self) -> Option<&str> {
        if let Reason::Server(state) = &self.reason {
            Some(state.code())
        } else {
            None
        }
    }

    /// Whether the same attempt can succeed later. If not, somebody has to change the set-up.
    pub fn is_transient(&self) -> bool {
        match &self.reason {
            Reason::Unreachable(error) => error.kind() != io::ErrorKind::PermissionDenied,
            Reason::Lookup(_) | Reason::TimedOut { .. } | Reason::Lost | Reason::NotWritable => {
                true
            }
            Reason::Server(state) => is_transient(state),
            Reason::NoTls
            | Reason::Tls(_)
            | Reason::TlsOther(_)
            | Reason::NoName
            | Reason::TlsSetup(_)
            | Reason::NoPassword
            | Reason::Authentication(_)
            | Reason::Protocol => false,
        }
    }
}

impl fmt::Display for ConnectError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "cannot connect to PostgreSQL at {}: {}",
            self.server, self.reason
        )
    }
}

impl Error for ConnectError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.reason.source()
    }
}

impl Reason {
    /// Whether the server let us know that it does not want this user from here in this way.
    pub(super) fn is_refusal(&self) -> bool {
        matches!(self, Self::Server(state) if state.code().starts_with("28"))
    }

    /// Whether an attempt with TLS can succeed without.
    pub(super) fn may_differ_without_tls(&self) -> bool {
        matches!(
            self,
            Self::NoTls | Self::Tls(_) | Self::TlsOther(_) | Self::Lost
        ) || self.is_refusal()
    }

    /// Of two failures, with TLS and without, the one that tells more: not that the server has no TLS,
    /// and not that `pg_hba.conf` refuses the other way.
    pub(super) fn or_clearer(self, second: Self) -> Self {
        let refused_by_rule = SqlState::INVALID_AUTHORIZATION_SPECIFICATION;
        let second_tells_little = matches!(&second, Self::NoTls)
            || matches!(&second, Self::Server(state) if *state == refused_by_rule);
        if second_tells_little && !matches!(self, Self::NoTls) {
            self
        } else {
            second
        }
    }
}

impl From<tokio_postgres::Error> for Reason {
    /// tokio-postgres does not let one see the kind of an error otherwise than by its text.
    fn from(error: tokio_postgres::Error) -> Self {
        if let Some(state) = error.code() {
            return Self::Server(state.clone());
        }
        let kind = error.to_string();
        let Some(cause) = error.into_source() else {
            return if kind == "connection closed" {
                Self::Lost
            } else {
                Self::Protocol
            };
        };
        let cause = match cause.downcast::<io::Error>() {
            Ok(cause) => return from_io(*cause, &kind),
            Err(cause) => cause.to_string(),
        };
        match (kind.as_str(), cause.as_str()) {
            ("error performing TLS handshake", "server does not support TLS") => Self::NoTls,
            ("error performing TLS handshake", _) => Self::TlsOther(cause),
            ("invalid configuration", "password missing") => Self::NoPassword,
            ("authentication error" | "invalid configuration", _) => Self::Authentication(cause),
            _ => Self::Protocol,
        }
    }
}

fn from_io(error: io::Error, kind: &str) -> Reason {
    if let Some(tls) = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>())
    {
        return Reason::Tls(tls.clone());
    }
    let of_the_system = error.raw_os_error().is_some();
    match (kind, error.kind()) {
        ("error connecting to server", io::ErrorKind::PermissionDenied) if !of_the_system => {
            Reason::NotWritable
        }
        ("error connecting to server", _) if is_lookup(&error) => Reason::Lookup(error),
        ("error connecting to server", _) => Reason::Unreachable(error),
        ("error performing TLS handshake", io::ErrorKind::InvalidInput) => {
            Reason::TlsOther(error.to_string())
        }
        ("authentication error", _) => Reason::Authentication(error.to_string()),
        ("error parsing response from server", _)
        | (_, io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput) => Reason::Protocol,
        _ => Reason::Lost,
    }
}

/// The resolver's errors come without a number of the system's, and without a kind of their own.
fn is_lookup(error: &io::Error) -> bool {
    error.raw_os_error().is_none()
        && error.get_ref().is_some()
        && error.kind() != io::ErrorKind::TimedOut
}

/// The classes of DESIGN: the server is busy, starting, stopping or failing, not refusing.
fn is_transient(state: &SqlState) -> bool {
    let code = state.code();
    ["08", "40", "53", "57", "58", "XX"]
        .iter()
        .any(|class| code.starts_with(class))
        || ["55P03", "25006"].contains(&code)
}

fn advice(state: &SqlState) -> &'static str {
    match state.code() {
        // PostgreSQL says the same of a client certificate that it wants beside the password.
        "28P01" => {
            "the server refused the password (or the client certificate beside it); correct it in \
             PGPASSWORD, .pgpass or the URL (or sslcert)"
        }
        "28000" => {
            "the server refused this user, database, address or way of connecting; check the user's \
             name, pg_hba.conf there, sslmode, and sslcert if it asks for a client certificate"
        }
        "3D000" => "the database does not exist; create it (CREATE DATABASE) or correct its name",
        "42501" => "the user may not connect to this database; GRANT CONNECT to it",
        "53300" => "the server has no connection left; raise max_connections there or use fewer",
        "57P03" => "the server is starting, stopping or recovering; it will be there in a while",
        code if code.starts_with("22") || code.starts_with("42") || code.starts_with("55") => {
            "the server refused a setting; check options (PGOPTIONS) and the user's defaults"
        }
        _ => "the server refused the connection; its log says why",
    }
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "rustls has many errors, and gains more"
)]
fn tls_advice(error: &rustls::Error) -> String {
    use rustls::Error::{AlertReceived, InvalidCertificate};
    let advice = match error {
        InvalidCertificate(CertificateError::UnknownIssuer) => {
            "the server's certificate does not lead to a root in sslrootcert; name the authority that \
             signed it"
        }
        InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => {
            "the server's certificate is for another host; connect by a name that it has, or use \
             sslmode=verify-ca"
        }
        InvalidCertificate(
            CertificateError::Expired
            | CertificateError::ExpiredContext { .. }
            | CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. },
        ) => "the server's certificate is not valid now; renew it there, or set the clock",
        InvalidCertificate(_) => "the server's certificate cannot be used",
        AlertReceived(_) => {
            "the server refused it; check that it accepts the client certificate (sslcert, sslkey)"
        }
        _ => "client and server do not agree",
    };
    format!("{advice} ({error})")
}
