//! The servers to try, each with its port and password.

use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::{
    ConninfoError,
    parameter::Given,
    passfile::{Login, PasswordFile},
};

const DEFAULT_PORT: u16 = 5432;

/// Where servers put their Unix socket: Debian and Red Hat, then PostgreSQL's own default.
const SOCKET_DIRECTORIES: [&str; 2] = ["/var/run/postgresql", "/tmp"];

/// One server to try.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::load) struct Target {
    pub(in crate::load) address: Address,
    pub(in crate::load) port: u16,
    pub(in crate::load) password: Option<Zeroizing<String>>,
}

/// Where a server listens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::load) enum Address {
    /// The directory of its Unix socket.
    Unix(PathBuf),
    /// A name that is looked up, and verified by TLS.
    Host(String),
    /// An address, with the name to verify if there is one.
    Ip {
        address: IpAddr,
        name: Option<String>,
    },
}

impl Target {
    /// Whether there is nothing but an address, so that no certificate can be compared with it.
    pub(in crate::load) fn has_no_name(&self) -> bool {
        matches!(self.address, Address::Ip { name: None, .. })
    }

    /// The name that is looked up, if there is one.
    pub(in crate::load) fn looked_up(&self) -> Option<&str> {
        match &self.address {
            Address::Host(name) => Some(name),
            Address::Unix(_) | Address::Ip { .. } => None,
        }
    }

    /// Whether it is on this very machine.
    pub(in crate::load) fn is_local(&self) -> bool {
        match &self.address {
            Address::Unix(_) => true,
            Address::Host(name) => crate::source::is_loopback_host(name),
            Address::Ip { address, .. } => address.is_loopback(),
        }
    }

    /// `host:port`.
    pub(in crate::load) fn describe(&self) -> String {
        match &self.address {
            Address::Unix(directory) => format!("{}:{}", directory.display(), self.port),
            Address::Host(name)
            | Address::Ip {
                name: Some(name), ..
            } if !name.contains(':') => {
                format!("{name}:{}", self.port)
            }
            Address::Host(name)
            | Address::Ip {
                name: Some(name), ..
            } => {
                format!("[{name}]:{}", self.port)
            }
            Address::Ip {
                address,
                name: None,
            } => std::net::SocketAddr::new(*address, self.port).to_string(),
        }
    }
}

/// The servers to try: as many as there are hosts or addresses, each with its port and password.
pub(super) fn targets(
    given: &Given,
    user: &str,
    database: &str,
    home: Option<&Path>,
) -> Result<Vec<Target>, ConninfoError> {
    let list = |name| -> Vec<&str> {
        given
            .get(name)
            .map_or(Vec::new(), |text| text.split(',').map(str::trim).collect())
    };
    let (hosts, addresses, ports) = (list("host"), list("hostaddr"), list("port"));
    let count = if addresses.is_empty() {
        hosts.len().max(1)
    } else {
        addresses.len()
    };
    if !addresses.is_empty() && !hosts.is_empty() && hosts.len() != count {
        let (hosts, others) = (hosts.len(), count);
        return Err(ConninfoError::Lengths {
            hosts,
            others,
            what: "addresses",
            or_one: "",
        });
    }
    if ports.len() > 1 && ports.len() != count {
        let others = ports.len();
        let or_one = ", or a single one for all";
        return Err(ConninfoError::Lengths {
            hosts: count,
            others,
            what: "ports",
            or_one,
        });
    }
    let passfile = given
        .get("passfile")
        .map(PathBuf::from)
        .or_else(|| home.map(|home| home.join(".pgpass")));
    let mut file = None;

    (0..count)
        .map(|at| {
            let host = hosts.get(at).copied().filter(|host| !host.is_empty());
            let numeric = addresses
                .get(at)
                .copied()
                .filter(|address| !address.is_empty());
            let port = ports
                .get(at)
                .or(ports.first().filter(|_| ports.len() == 1))
                .copied();
            let port = port_number(given, port.unwrap_or_default())?;
            let address = address(given, host, numeric, port)?;
            let password = given
                .get("password")
                .map(|text| Zeroizing::new(text.to_owned()));
            let password = password.or_else(|| {
                let file = file.get_or_insert_with(|| PasswordFile::read(passfile.clone()));
                let host = login_host(host.or(numeric), &address);
                file.password(&Login {
                    host: &host,
                    port,
                    database,
                    user,
                })
            });
            Ok(Target {
                address,
                port,
                password,
            })
        })
        .collect()
}

fn address(
    given: &Given,
    host: Option<&str>,
    numeric: Option<&str>,
    port: u16,
) -> Result<Address, ConninfoError> {
    if let Some(numeric) = numeric {
        let expected = "an IP address, or several with commas between them";
        let address = numeric
            .parse()
            .map_err(|_| given.wrong("hostaddr", expected))?;
        return Ok(Address::Ip {
            address,
            name: host.map(str::to_owned),
        });
    }
    Ok(match host {
        Some(path) if path.starts_with('/') => Address::Unix(PathBuf::from(path)),
        Some(path) if path.starts_with('@') => {
            return Err(given.wrong("host", "a name, an address or a path (no abstract socket)"));
        }
        Some(name) => Address::Host(name.to_owned()),
        // libpq has one directory built in; a program that runs everywhere has to look.
        None => SOCKET_DIRECTORIES
            .iter()
            .map(Path::new)
            .find(|directory| directory.join(format!(".s.PGSQL.{port}")).exists())
            .map_or_else(
                || Address::Host("localhost".to_owned()),
                |path| Address::Unix(path.into()),
            ),
    })
}

/// The host by which `.pgpass` is searched: a server behind a default socket is called localhost.
fn login_host(given: Option<&str>, address: &Address) -> String {
    match (given, address) {
        (Some(host), _) if !SOCKET_DIRECTORIES.contains(&host) => host.to_owned(),
        _ => "localhost".to_owned(),
    }
}

fn port_number(given: &Given, text: &str) -> Result<u16, ConninfoError> {
    if text.is_empty() {
        return Ok(DEFAULT_PORT);
    }
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(given.wrong("port", "a number from 1 to 65535, or several with commas")),
    }
}
