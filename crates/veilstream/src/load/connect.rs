//! Opening a connection: which servers, with TLS or without, for how long.

mod error;

use std::future::poll_fn;

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_postgres::{
    Client, Config, Connection, NoTls, SimpleQueryMessage, Socket,
    config::{LoadBalanceHosts, SslMode, TargetSessionAttrs},
    tls::MakeTlsConnect,
};

pub use self::error::{ConnectError, Reason};
use super::{
    conninfo::{Address, ConnectionSettings, SessionAttributes, Target},
    tls::Mode,
};

/// An open connection, and how it came about.
pub struct Connected {
    /// To talk to the server with.
    pub client: Client,
    /// `host:port`.
    pub server: String,
    /// Whether the server is on this very machine.
    pub is_local: bool,
    /// Whether TLS protects it on its way.
    pub is_encrypted: bool,
}

impl ConnectionSettings {
    /// Opens a connection and drives it in a task of its own, which ends when the client is dropped or
    /// the connection is lost.
    ///
    /// The hosts are tried in their order (in random order with `load_balance_hosts=random`) until
    /// one accepts. As in libpq, a server that answers but refuses ends the search. Each host has
    /// `connect_timeout` for everything: looking it up, TCP, TLS and authentication.
    ///
    /// # Errors
    ///
    /// If none accepts. [`ConnectError::is_transient`] says whether it is worth trying again.
    pub async fn connect(&self) -> Result<Client, ConnectError> {
        Ok(self.connect_and_tell().await?.client)
    }

    /// The same, and says how the connection came about.
    ///
    /// # Errors
    ///
    /// As [`connect`](Self::connect).
    #[expect(clippy::missing_panics_doc, reason = "there is always a server to try")]
    pub async fn connect_and_tell(&self) -> Result<Connected, ConnectError> {
        let mut worth_retrying = None;
        for target in self.in_order() {
            match self.connect_within_time(target).await {
                Ok((client, is_encrypted)) => {
                    return Ok(Connected {
                        client,
                        server: target.describe(),
                        is_local: target.is_local(),
                        is_encrypted,
                    });
                }
                Err(reason) => {
                    let server = format!("{}/{}", target.describe(), self.database);
                    let error = ConnectError::new(server, reason);
                    if !error.is_transient() {
                        return Err(error);
                    }
                    worth_retrying = Some(error);
                }
            }
        }
        Err(worth_retrying.expect("without a host, the default one is tried"))
    }

    fn in_order(&self) -> Vec<&Target> {
        let mut targets: Vec<&Target> = self.targets.iter().collect();
        if self.shuffle {
            // Fisher-Yates. The bias of the remainder is of no account with a handful of hosts.
            for last in (1..targets.len()).rev() {
                let random = usize::try_from(getrandom::u32().unwrap_or(0)).unwrap_or(0);
                targets.swap(last, random % (last + 1));
            }
        }
        targets
    }

    /// A connection, and whether it is encrypted.
    async fn connect_within_time(&self, target: &Target) -> Result<(Client, bool), Reason> {
        match self.connect_timeout {
            None => self.connect_to(target).await,
            Some(limit) => tokio::time::timeout(limit, self.connect_to(target))
                .await
                .unwrap_or(Err(Reason::TimedOut { limit })),
        }
    }

    /// One server, by the rules of the mode. On a Unix socket there is no TLS.
    async fn connect_to(&self, target: &Target) -> Result<(Client, bool), Reason> {
        if matches!(target.address, Address::Unix(_)) {
            return self.without_tls(target).await;
        }
        match self.tls.mode() {
            Mode::Disable => self.without_tls(target).await,
            Mode::Allow => match self.without_tls(target).await {
                Err(first) if first.is_refusal() => {
                    let second = self.with_tls(target).await;
                    second.map_err(|second| first.or_clearer(second))
                }
                outcome => outcome,
            },
            Mode::Prefer => match self.with_tls(target).await {
                Err(first) if first.may_differ_without_tls() => {
                    let second = self.without_tls(target).await;
                    second.map_err(|second| first.or_clearer(second))
                }
                outcome => outcome,
            },
            Mode::Require | Mode::VerifyCa | Mode::VerifyFull => self.with_tls(target).await,
        }
    }

    async fn without_tls(&self, target: &Target) -> Result<(Client, bool), Reason> {
        let client = self.open(target, SslMode::Disable, NoTls).await?;
        Ok((client, false))
    }

    async fn with_tls(&self, target: &Target) -> Result<(Client, bool), Reason> {
        if self.tls.verifies_name() && target.has_no_name() {
            return Err(Reason::NoName);
        }
        let connector = self.tls.connector()?;
        let client = self.open(target, SslMode::Require, connector).await?;
        Ok((client, true))
    }

    async fn open<T>(&self, target: &Target, mode: SslMode, tls: T) -> Result<Client, Reason>
    where
        T: MakeTlsConnect<Socket>,
        T::Stream: Send + 'static,
    {
        let (client, connection) = self.config(target, mode).connect(tls).await?;
        tokio::spawn(drive(connection));
        if self.session == SessionAttributes::Primary && is_standby(&client).await? {
            return Err(Reason::NotWritable);
        }
        Ok(client)
    }

    /// What tokio-postgres is told of one server.
    fn config(&self, target: &Target, mode: SslMode) -> Config {
        let mut config = Config::new();
        match &target.address {
            Address::Unix(directory) => config.host_path(directory),
            Address::Host(name) => config.host(name),
            Address::Ip { address, name } => {
                let name = name.clone().unwrap_or_else(|| address.to_string());
                config.host(name).hostaddr(*address)
            }
        };
        config
            .port(target.port)
            .user(&self.user)
            .dbname(&self.database)
            .application_name(&self.application_name)
            .ssl_mode(mode)
            .channel_binding(self.channel_binding);
        if mode == SslMode::Require {
            config.ssl_negotiation(self.tls.negotiation());
        }
        if let Some(password) = &target.password {
            config.password(password.as_bytes());
        }
        if let Some(options) = &self.options {
            config.options(options);
        }
        if self.session == SessionAttributes::ReadWrite {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        if self.shuffle {
            config.load_balance_hosts(LoadBalanceHosts::Random);
        }
        self.watch_the_line(&mut config);
        config
    }

    /// What makes a connection whose other end has vanished fail within a minute.
    fn watch_the_line(&self, config: &mut Config) {
        if let Some(limit) = self.tcp_user_timeout {
            config.tcp_user_timeout(limit);
        }
        config.keepalives(self.keepalive.is_some());
        let Some(keepalive) = self.keepalive else {
            return;
        };
        if let Some(idle) = keepalive.idle {
            config.keepalives_idle(idle);
        }
        if let Some(interval) = keepalive.interval {
            config.keepalives_interval(interval);
        }
        if let Some(count) = keepalive.count {
            config.keepalives_retries(count);
        }
    }
}

/// Moves the bytes of a connection until it ends. Notices go nowhere: a trigger can put a row in one.
async fn drive<S, T>(mut connection: Connection<S, T>)
where
    S: AsyncRead + AsyncWrite + Unpin,
    T: AsyncRead + AsyncWrite + Unpin,
{
    while let Some(message) = poll_fn(|context| connection.poll_message(context)).await {
        if let Err(error) = message {
            let sqlstate = error.code().map(tokio_postgres::error::SqlState::code);
            tracing::debug!(sqlstate, "a connection to PostgreSQL was lost");
            return;
        }
    }
}

async fn is_standby(client: &Client) -> Result<bool, Reason> {
    let answer = client
        .simple_query("SELECT pg_catalog.pg_is_in_recovery()")
        .await?;
    Ok(answer
        .iter()
        .any(|message| matches!(message, SimpleQueryMessage::Row(row) if row.get(0) == Some("t"))))
}
