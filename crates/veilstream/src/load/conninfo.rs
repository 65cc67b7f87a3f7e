//! Where the database is and how to reach it, out of a connection string, the `PG*` variables and
//! `.pgpass`, as libpq understands them.
//!
//! tokio-postgres has a parser of its own, but it refuses most of the TLS parameters and reads no
//! variables. So everything is parsed here, and nothing is silently ignored: a parameter that libpq
//! has and veilstream does not is refused by name.

mod error;
mod parameter;
mod passfile;
mod syntax;
mod target;
#[cfg(test)]
mod tests;

use std::{fmt, path::PathBuf, time::Duration};

use tokio_postgres::config::ChannelBinding;

pub use self::error::ConninfoError;
pub(super) use self::{
    parameter::Given,
    target::{Address, Target},
};
use super::tls::TlsSettings;

const DEFAULT_APPLICATION_NAME: &str = "veilstream";
const DEFAULT_CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// A connection whose other end has vanished is noticed after idle + count * interval at the latest,
/// or after this long with data that nobody acknowledges. libpq leaves that to the system: hours.
const DEFAULT_KEEPALIVE: Keepalive = Keepalive {
    idle: Some(Duration::from_secs(30)),
    interval: Some(Duration::from_secs(10)),
    count: Some(3),
};
const DEFAULT_TCP_USER_TIMEOUT: Duration = Duration::from_mins(1);

/// TCP keepalives; `None` leaves it to the system.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Keepalive {
    pub(super) idle: Option<Duration>,
    pub(super) interval: Option<Duration>,
    pub(super) count: Option<u32>,
}

/// Which kind of server will do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionAttributes {
    Any,
    ReadWrite,
    Primary,
}

/// Where and how to connect. `Debug` and `Display` never show the password.
#[derive(Clone)]
pub struct ConnectionSettings {
    pub(super) targets: Vec<Target>,
    pub(super) user: String,
    pub(super) database: String,
    pub(super) application_name: String,
    pub(super) options: Option<String>,
    /// For each server tried; `None` waits for ever.
    pub(super) connect_timeout: Option<Duration>,
    pub(super) keepalive: Option<Keepalive>,
    pub(super) tcp_user_timeout: Option<Duration>,
    pub(super) channel_binding: ChannelBinding,
    pub(super) session: SessionAttributes,
    pub(super) shuffle: bool,
    pub(super) tls: TlsSettings,
}

impl ConnectionSettings {
    /// What to connect to, given a connection string and the environment.
    ///
    /// `url` is a `postgresql://` URI or `key=value` pairs. What it leaves out comes from the `PG*`
    /// variables, the password then from `.pgpass`, and the rest from libpq's defaults.
    ///
    /// Other than in libpq, keepalives, `tcp_user_timeout` and `connect_timeout` are set unless the
    /// URL says otherwise, and a certificate file that is named but missing is always an error.
    ///
    /// # Errors
    ///
    /// If something is not understood, or is a part of libpq that veilstream does not have.
    pub fn resolve(
        url: Option<&str>,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConninfoError> {
        let given = Given::gather(syntax::parse(url.unwrap_or_default())?, env)?;
        let home = env("HOME")
            .filter(|home| !home.is_empty())
            .map(PathBuf::from);
        let user = given
            .get("user")
            .map(str::to_owned)
            .or_else(|| ["USER", "LOGNAME"].iter().find_map(|name| env(name)))
            .filter(|user| !user.is_empty())
            .ok_or(ConninfoError::NoUser)?;
        let database = given.get("dbname").unwrap_or(&user).to_owned();
        let tls = TlsSettings::resolve(&given, home.as_deref())?;
        let targets = target::targets(&given, &user, &database, home.as_deref())?;
        let application_name = given
            .get("application_name")
            .or_else(|| given.get("fallback_application_name"))
            .unwrap_or(DEFAULT_APPLICATION_NAME)
            .to_owned();
        Ok(Self {
            targets,
            user,
            database,
            application_name,
            options: given.get("options").map(str::to_owned),
            connect_timeout: connect_timeout(&given)?,
            keepalive: keepalive(&given)?,
            tcp_user_timeout: tcp_user_timeout(&given)?,
            channel_binding: channel_binding(&given)?,
            session: session(&given)?,
            shuffle: given
                .one_of(
                    "load_balance_hosts",
                    &[("disable", false), ("random", true)],
                    "disable or random",
                )?
                .unwrap_or(false),
            tls,
        })
    }

    /// The names that are looked up, each with its port; none for addresses and Unix sockets.
    pub fn looked_up(&self) -> Vec<(&str, u16)> {
        let names = self.targets.iter();
        names
            .filter_map(|target| Some((target.looked_up()?, target.port)))
            .collect()
    }

    /// Whether a server has to prove by its certificate that it is the right one.
    pub fn verifies_server(&self) -> bool {
        self.tls.verifies_server()
    }

    /// `user@host:port/database`, without the password.
    pub fn describe(&self) -> String {
        let targets: Vec<String> = self.targets.iter().map(Target::describe).collect();
        format!("{}@{}/{}", self.user, targets.join(","), self.database)
    }
}

impl fmt::Display for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.describe())
    }
}

impl fmt::Debug for ConnectionSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConnectionSettings")
            .field("to", &self.describe())
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

/// Seconds; zero or less waits for ever, as in libpq.
fn connect_timeout(given: &Given) -> Result<Option<Duration>, ConninfoError> {
    Ok(match given.integer("connect_timeout")? {
        None => Some(DEFAULT_CONNECT_TIMEOUT),
        Some(seconds) => seconds_above_zero(seconds),
    })
}

fn keepalive(given: &Given) -> Result<Option<Keepalive>, ConninfoError> {
    let idle = given.integer("keepalives_idle")?;
    let interval = given.integer("keepalives_interval")?;
    let count = given.integer("keepalives_count")?;
    if given.integer("keepalives")? == Some(0) {
        return Ok(None);
    }
    Ok(Some(Keepalive {
        idle: idle.map_or(DEFAULT_KEEPALIVE.idle, seconds_above_zero),
        interval: interval.map_or(DEFAULT_KEEPALIVE.interval, seconds_above_zero),
        count: count.map_or(DEFAULT_KEEPALIVE.count, |count| {
            u32::try_from(count).ok().filter(|count| *count > 0)
        }),
    }))
}

fn seconds_above_zero(seconds: i32) -> Option<Duration> {
    u64::try_from(seconds)
        .ok()
        .filter(|seconds| *seconds > 0)
        .map(Duration::from_secs)
}

/// Milliseconds; zero is the system's default, as in libpq.
fn tcp_user_timeout(given: &Given) -> Result<Option<Duration>, ConninfoError> {
    Ok(match given.integer("tcp_user_timeout")? {
        None => Some(DEFAULT_TCP_USER_TIMEOUT),
        Some(milliseconds) => u64::try_from(milliseconds)
            .ok()
            .filter(|milliseconds| *milliseconds > 0)
            .map(Duration::from_millis),
    })
}

fn channel_binding(given: &Given) -> Result<ChannelBinding, ConninfoError> {
    let values = [
        ("disable", ChannelBinding::Disable),
        ("prefer", ChannelBinding::Prefer),
        ("require", ChannelBinding::Require),
    ];
    let found = given.one_of("channel_binding", &values, "disable, prefer or require")?;
    Ok(found.unwrap_or(ChannelBinding::Prefer))
}

/// veilstream writes, so a server that must be read-only is of no use to it.
fn session(given: &Given) -> Result<SessionAttributes, ConninfoError> {
    let values = [
        ("any", SessionAttributes::Any),
        ("read-write", SessionAttributes::ReadWrite),
        ("primary", SessionAttributes::Primary),
    ];
    let expected =
        "any, read-write or primary (veilstream writes, so a standby is of no use to it)";
    let found = given.one_of("target_session_attrs", &values, expected)?;
    Ok(found.unwrap_or(SessionAttributes::Any))
}
