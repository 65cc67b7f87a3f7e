//! Every connection parameter that libpq knows, and what we make of it.

use std::collections::HashMap;

use super::{ConninfoError, syntax::Pairs};

/// What happens to a parameter.
enum Support {
    /// It does what libpq does with it.
    Full,
    /// Only these values, which ask for what is done anyway.
    Only(&'static [&'static str]),
    /// It is refused, with this advice.
    Refused(&'static str),
}

struct Parameter {
    name: &'static str,
    variable: Option<&'static str>,
    support: Support,
}

const fn full(name: &'static str, variable: Option<&'static str>) -> Parameter {
    Parameter {
        name,
        variable,
        support: Support::Full,
    }
}

const fn only(
    name: &'static str,
    variable: Option<&'static str>,
    values: &'static [&'static str],
) -> Parameter {
    Parameter {
        name,
        variable,
        support: Support::Only(values),
    }
}

const fn refused(
    name: &'static str,
    variable: Option<&'static str>,
    advice: &'static str,
) -> Parameter {
    Parameter {
        name,
        variable,
        support: Support::Refused(advice),
    }
}

const NO_CRL: &str = "revocation lists are not supported; remove it";
const NO_GSS: &str = "Kerberos (GSSAPI) is not supported; use a password or a client certificate";
const NO_OAUTH: &str = "OAuth is not supported; use a password or a client certificate";
const NO_SCRAM_KEYS: &str = "give the password instead";
const NO_SERVICE: &str = "service files are not supported; give the parameters themselves";

/// libpq's table (PostgreSQL 18, "Parameter Key Words" and "Environment Variables").
const PARAMETERS: &[Parameter] = &[
    full("application_name", Some("PGAPPNAME")),
    full("channel_binding", Some("PGCHANNELBINDING")),
    full("connect_timeout", Some("PGCONNECT_TIMEOUT")),
    full("dbname", Some("PGDATABASE")),
    full("fallback_application_name", None),
    full("host", Some("PGHOST")),
    full("hostaddr", Some("PGHOSTADDR")),
    full("keepalives", None),
    full("keepalives_count", None),
    full("keepalives_idle", None),
    full("keepalives_interval", None),
    full("load_balance_hosts", Some("PGLOADBALANCEHOSTS")),
    full("options", Some("PGOPTIONS")),
    full("passfile", Some("PGPASSFILE")),
    full("password", Some("PGPASSWORD")),
    full("port", Some("PGPORT")),
    full("ssl_max_protocol_version", Some("PGSSLMAXPROTOCOLVERSION")),
    full("ssl_min_protocol_version", Some("PGSSLMINPROTOCOLVERSION")),
    full("sslcert", Some("PGSSLCERT")),
    full("sslkey", Some("PGSSLKEY")),
    full("sslmode", Some("PGSSLMODE")),
    full("sslnegotiation", Some("PGSSLNEGOTIATION")),
    full("sslrootcert", Some("PGSSLROOTCERT")),
    full("sslsni", Some("PGSSLSNI")),
    full("target_session_attrs", Some("PGTARGETSESSIONATTRS")),
    full("tcp_user_timeout", None),
    full("user", Some("PGUSER")),
    only(
        "client_encoding",
        Some("PGCLIENTENCODING"),
        &["utf8", "utf-8", "unicode", "auto"],
    ),
    only("gssdelegation", Some("PGGSSDELEGATION"), &["0"]),
    only("gssencmode", Some("PGGSSENCMODE"), &["disable", "prefer"]),
    only(
        "max_protocol_version",
        Some("PGMAXPROTOCOLVERSION"),
        &["3.0", "3.2", "latest"],
    ),
    only(
        "min_protocol_version",
        Some("PGMINPROTOCOLVERSION"),
        &["3.0"],
    ),
    only("sslcertmode", Some("PGSSLCERTMODE"), &["allow"]),
    only("sslcompression", Some("PGSSLCOMPRESSION"), &["0", "1"]),
    refused("gsslib", Some("PGGSSLIB"), NO_GSS),
    refused("krbsrvname", Some("PGKRBSRVNAME"), NO_GSS),
    refused("oauth_client_id", None, NO_OAUTH),
    refused("oauth_client_secret", None, NO_OAUTH),
    refused("oauth_issuer", None, NO_OAUTH),
    refused("oauth_scope", None, NO_OAUTH),
    refused(
        "replication",
        None,
        "veilstream does not replicate; remove it",
    ),
    refused(
        "require_auth",
        Some("PGREQUIREAUTH"),
        "use channel_binding=require or verify-full",
    ),
    refused(
        "requirepeer",
        Some("PGREQUIREPEER"),
        "connect by TCP with sslmode=verify-full",
    ),
    refused("requiressl", Some("PGREQUIRESSL"), "use sslmode=require"),
    refused("scram_client_key", None, NO_SCRAM_KEYS),
    refused("scram_server_key", None, NO_SCRAM_KEYS),
    refused("service", Some("PGSERVICE"), NO_SERVICE),
    refused("servicefile", None, NO_SERVICE),
    refused("sslcrl", Some("PGSSLCRL"), NO_CRL),
    refused("sslcrldir", Some("PGSSLCRLDIR"), NO_CRL),
    refused(
        "sslkeylogfile",
        None,
        "session keys are never written down; remove it",
    ),
    refused(
        "sslpassword",
        None,
        "use a private key that is not encrypted",
    ),
];

/// The parameters that were given, and where: in the connection string or a variable.
pub(in crate::load) struct Given(HashMap<&'static str, (String, &'static str)>);

impl Given {
    /// What the connection string says, and the variables where it says nothing.
    pub(super) fn gather(
        pairs: Pairs,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Self, ConninfoError> {
        let mut given = HashMap::new();
        for (name, value) in pairs {
            let parameter = PARAMETERS
                .iter()
                .find(|parameter| parameter.name == name)
                .ok_or_else(|| ConninfoError::Unknown {
                    name: presentable(&name),
                })?;
            parameter.accept(parameter.name, &value)?;
            given.insert(parameter.name, (value, parameter.name));
        }
        for parameter in PARAMETERS {
            let Some(variable) = parameter.variable else {
                continue;
            };
            if given.contains_key(parameter.name) {
                continue;
            }
            if let Some(value) = env(variable).filter(|value| !value.is_empty()) {
                parameter.accept(variable, &value)?;
                given.insert(parameter.name, (value, variable));
            }
        }
        Ok(Self(given))
    }

    /// A value; `None` if it was left out or is empty.
    pub(in crate::load) fn get(&self, name: &'static str) -> Option<&str> {
        self.0
            .get(name)
            .map(|(value, _)| value.as_str())
            .filter(|value| !value.is_empty())
    }

    /// The error for a value that makes no sense. It names the place, not the value.
    pub(in crate::load) fn wrong(
        &self,
        name: &'static str,
        expected: &'static str,
    ) -> ConninfoError {
        let origin = self.0.get(name).map_or(name, |(_, origin)| origin);
        ConninfoError::Value { origin, expected }
    }

    /// A value out of a few.
    pub(in crate::load) fn one_of<T: Copy>(
        &self,
        name: &'static str,
        values: &[(&str, T)],
        expected: &'static str,
    ) -> Result<Option<T>, ConninfoError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        let found = values
            .iter()
            .find(|(word, _)| *word == text)
            .map(|(_, value)| *value);
        found.map(Some).ok_or_else(|| self.wrong(name, expected))
    }

    /// A whole number.
    pub(in crate::load) fn integer(
        &self,
        name: &'static str,
    ) -> Result<Option<i32>, ConninfoError> {
        let Some(text) = self.get(name) else {
            return Ok(None);
        };
        text.trim()
            .parse()
            .map(Some)
            .map_err(|_| self.wrong(name, "a whole number"))
    }
}

impl Parameter {
    fn accept(&self, origin: &'static str, value: &str) -> Result<(), ConninfoError> {
        match self.support {
            Support::Full => Ok(()),
            _ if value.is_empty() => Ok(()),
            Support::Only(values) if values.contains(&&*value.to_ascii_lowercase()) => Ok(()),
            Support::Only(values) => Err(ConninfoError::OnlyValues {
                origin,
                supported: values.join(", "),
            }),
            Support::Refused(advice) => Err(ConninfoError::Unsupported { origin, advice }),
        }
    }
}

/// A misread connection string can make a piece of the password look like a name.
fn presentable(name: &str) -> String {
    let plain = |c: char| c.is_ascii_lowercase() || c == '_';
    if !name.is_empty() && name.len() <= 40 && name.chars().all(plain) {
        format!("`{name}`")
    } else {
        "(not shown: it has characters that no name has)".to_owned()
    }
}
