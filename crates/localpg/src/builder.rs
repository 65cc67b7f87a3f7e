//! How a cluster is made: settings, access rules, certificates, port.

use std::{
    fmt::Write as _,
    fs,
    io::Write as _,
    net::{Ipv4Addr, TcpListener},
};

use crate::{
    Binaries, Cluster, Error,
    account::Account,
    watchdog::{READY_WITHIN, Started, Watchdog},
};

/// Name of the superuser that owns every cluster.
pub(crate) const SUPERUSER: &str = "veilstream";

/// Free ports tried: between choosing one and the server's taking it, another process can.
const PORTS_TRIED: u32 = 10;

const DEFAULT_HBA: &str = "host all all 127.0.0.1/32 scram-sha-256\nlocal all all scram-sha-256\n";

/// The server's certificate and key as PEM text.
#[derive(Clone)]
pub struct TlsFiles {
    /// The server's certificate, followed by its intermediates.
    pub certificate: String,
    /// Its private key.
    pub key: String,
    /// The authority that client certificates must come from, where `pg_hba.conf` asks for some.
    pub client_ca: Option<String>,
}

impl std::fmt::Debug for TlsFiles {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TlsFiles").finish_non_exhaustive()
    }
}

/// What the cluster is to be like. See [`Cluster::builder`].
#[derive(Debug, Clone)]
#[must_use = "a builder does nothing until `start` is called"]
pub struct Builder {
    settings: Vec<(String, String)>,
    tls: Option<TlsFiles>,
    hba: String,
    port: Option<u16>,
    durable: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            settings: Vec::new(),
            tls: None,
            hba: DEFAULT_HBA.to_owned(),
            port: None,
            durable: true,
        }
    }

    /// Sets a parameter of `postgresql.conf`. The value is quoted here. The last one wins, also over
    /// what this crate sets by itself.
    pub fn setting(mut self, name: &str, value: &str) -> Self {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Turns TLS on with these files.
    pub fn tls(mut self, files: TlsFiles) -> Self {
        self.tls = Some(files);
        self
    }

    /// Replaces `pg_hba.conf`. By default every user reaches every database with their password.
    pub fn hba(mut self, lines: &str) -> Self {
        lines.clone_into(&mut self.hba);
        self
    }

    /// Listens on this port instead of a free one.
    pub fn port(mut self, port: u16) -> Self {
        self.port = Some(port);
        self
    }

    /// Whether commits are to survive a crash of the machine. On by default; off (no fsync) is
    /// faster and right for tests, whose data nobody wants back. Either way commits survive
    /// [`Cluster::stop_immediate`].
    pub fn durable(mut self, durable: bool) -> Self {
        self.durable = durable;
        self
    }

    /// Makes the cluster and starts it; returns when it accepts connections.
    ///
    /// # Errors
    ///
    /// If there are no server binaries, `initdb` fails, or the server does not start within 30 s.
    /// Nothing is left behind then.
    pub fn start(self) -> Result<Cluster, Error> {
        let configuration = self.configuration()?;
        let binaries = Binaries::find()?;
        let account = Account::choose()?;
        let mut watchdog = Watchdog::start(&account, &binaries, SUPERUSER)?;

        let password = random_hex(16)?;
        let password_file = watchdog.write_private("password", &password)?;
        let initialised = watchdog.initdb();
        fs::remove_file(&password_file).map_err(Error::io("remove the password file"))?;
        initialised?;

        self.write_configuration(&watchdog, &configuration)?;
        let port = self.start_on_a_port(&mut watchdog)?;
        Ok(Cluster::new(
            watchdog,
            port,
            password,
            binaries.version().to_owned(),
        ))
    }

    /// The lines that go to the end of `postgresql.conf`.
    fn configuration(&self) -> Result<String, Error> {
        let mut settings = vec![
            ("listen_addresses", "127.0.0.1"),
            ("unix_socket_directories", ""),
            ("shared_buffers", "128MB"),
            ("max_connections", "200"),
            ("password_encryption", "scram-sha-256"),
            ("timezone", "UTC"),
            ("log_timezone", "UTC"),
        ];
        if !self.durable {
            settings.extend([("fsync", "off"), ("full_page_writes", "off")]);
        }
        settings.extend(
            self.settings
                .iter()
                .map(|(name, value)| (&**name, &**value)),
        );
        let mut lines = String::from("\n");
        for (name, value) in settings {
            let legal = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '.';
            if name.is_empty() || !name.chars().all(legal) {
                return Err(Error::SettingName {
                    name: name.to_owned(),
                });
            }
            let _ = writeln!(lines, "{name} = {}", quote(value));
        }
        Ok(lines)
    }

    fn write_configuration(&self, watchdog: &Watchdog, lines: &str) -> Result<(), Error> {
        let mut lines = lines.to_owned();
        if let Some(tls) = &self.tls {
            let mut files = vec![
                ("ssl_cert_file", "server.crt", &tls.certificate),
                ("ssl_key_file", "server.key", &tls.key),
            ];
            files.extend(
                tls.client_ca
                    .as_ref()
                    .map(|ca| ("ssl_ca_file", "client-ca.crt", ca)),
            );
            lines.push_str("ssl = 'on'\n");
            for (setting, name, content) in files {
                let path = watchdog.write_private(name, content)?;
                let _ = writeln!(lines, "{setting} = {}", quote(&path.to_string_lossy()));
            }
        }
        let data = watchdog.data_directory();
        fs::OpenOptions::new()
            .append(true)
            .open(data.join("postgresql.conf"))
            .and_then(|mut file| file.write_all(lines.as_bytes()))
            .map_err(Error::io("write postgresql.conf"))?;
        fs::write(data.join("pg_hba.conf"), &self.hba).map_err(Error::io("write pg_hba.conf"))
    }

    /// Starts the server on the port that was asked for, or on one that nobody else took.
    fn start_on_a_port(&self, watchdog: &mut Watchdog) -> Result<u16, Error> {
        let mut tried = 1;
        loop {
            let port = self.port.map_or_else(free_port, Ok)?;
            match start_server(watchdog, port) {
                Err(Error::Exited { log, .. })
                    if self.port.is_none()
                        && tried < PORTS_TRIED
                        && log.contains("Address already in use") =>
                {
                    tried += 1;
                }
                outcome => return outcome.map(|()| port),
            }
        }
    }
}

/// Starts the server; anything but "ready" is an error with the end of the log.
pub(crate) fn start_server(watchdog: &mut Watchdog, port: u16) -> Result<(), Error> {
    match watchdog.start_server(port)? {
        Started::Ready => Ok(()),
        Started::Exited => Err(Error::Exited {
            port,
            log: watchdog.log_tail(),
        }),
        Started::Late => Err(Error::NotReady {
            port,
            seconds: READY_WITHIN,
            log: watchdog.log_tail(),
        }),
    }
}

fn free_port() -> Result<u16, Error> {
    TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map(|address| address.port())
        .map_err(Error::io("find a free port on 127.0.0.1"))
}

/// A value as `postgresql.conf` reads it.
fn quote(value: &str) -> String {
    let mut quoted = String::from("'");
    for c in value.chars() {
        match c {
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

/// Random bytes from the system, as lower-case hexadecimal digits.
pub(crate) fn random_hex(bytes: usize) -> Result<String, Error> {
    let mut random = vec![0; bytes];
    getrandom::fill(&mut random).map_err(|error| {
        Error::io("get random bytes from the system")(std::io::Error::other(error))
    })?;
    Ok(random.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_as_postgresql_reads_them() {
        assert_eq!(quote("128MB"), "'128MB'");
        assert_eq!(quote(r"it's C:\x"), r"'it''s C:\\x'");
        assert_eq!(quote("a\nb"), r"'a\nb'");
    }

    #[test]
    fn a_name_that_would_break_out_of_its_line_is_refused() {
        let error = Builder::new()
            .setting("a = 1\nb", "2")
            .configuration()
            .unwrap_err();
        assert!(matches!(error, Error::SettingName { .. }));
    }

    #[test]
    fn what_the_caller_sets_comes_last() {
        let lines = Builder::new()
            .setting("fsync", "on")
            .durable(false)
            .configuration()
            .unwrap();
        assert!(lines.rfind("fsync = 'on'") > lines.rfind("fsync = 'off'"));
    }
}
