//! TLS to PostgreSQL as libpq means it: the six modes, root certificates, client certificates.
//!
//! PostgreSQL documentation, "SSL Support" of libpq. As there, a chain is verified whenever root
//! certificates are to be had, whatever the mode; the mode decides whether it is an error to have
//! none, and whether the host name is compared. Unlike there, a file that was named but is missing is
//! always an error: silently verifying nothing helps nobody.

mod verifier;

use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{
    ClientConfig, RootCertStore, SupportedProtocolVersion,
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    version::{TLS12, TLS13},
};
use tokio_postgres::config::SslNegotiation;
use tokio_postgres_rustls::MakeRustlsConnect;

use self::verifier::{Check, Verifier};
use super::conninfo::{ConninfoError, Given};

/// Whether TLS is used, and what of the server's certificate is verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    /// Never TLS.
    Disable,
    /// TLS if the server refuses to go without.
    Allow,
    /// TLS unless that fails.
    Prefer,
    /// TLS.
    Require,
    /// TLS, and the chain leads to a known root.
    VerifyCa,
    /// The same, and the certificate is for the host.
    VerifyFull,
}

const MODES: [(&str, Mode); 6] = [
    ("disable", Mode::Disable),
    ("allow", Mode::Allow),
    ("prefer", Mode::Prefer),
    ("require", Mode::Require),
    ("verify-ca", Mode::VerifyCa),
    ("verify-full", Mode::VerifyFull),
];

/// A file that was named, or that lies where libpq looks for it.
#[derive(Debug, Clone)]
struct File {
    path: PathBuf,
    named: bool,
}

#[derive(Debug, Clone)]
enum Roots {
    System,
    File(File),
    /// Neither a file nor a home directory was named.
    Nowhere,
}

/// How TLS is to be used. The files are read anew for each connection, so that they can be replaced.
#[derive(Debug, Clone)]
pub(super) struct TlsSettings {
    mode: Mode,
    roots: Roots,
    certificate: Option<File>,
    key: Option<File>,
    versions: &'static [&'static SupportedProtocolVersion],
    negotiation: SslNegotiation,
    server_name_indication: bool,
}

/// Why TLS cannot even be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The certificate is to be verified, and there is nothing to verify it with.
    #[error(
        "there is no root certificate to verify the server with ({wanted}); name one with \
         sslrootcert, or use sslrootcert=system"
    )]
    NoRoots {
        /// The file that is missing.
        wanted: String,
    },
    /// A file cannot be read.
    #[error("the file {} of {parameter} cannot be read; correct {parameter}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The parameter that names it.
        parameter: &'static str,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A file holds something else.
    #[error("the file {} of {parameter} holds no {expected} in PEM form", path.display())]
    Content {
        /// The file.
        path: PathBuf,
        /// The parameter that names it.
        parameter: &'static str,
        /// What it should hold.
        expected: &'static str,
    },
    /// Others can use the private key.
    #[error(
        "others can read the private key {}; chmod 0600 it (0640 if root owns it)", path.display()
    )]
    KeyNotPrivate {
        /// The file.
        path: PathBuf,
    },
    /// There is a client certificate, but no key.
    #[error("there is a client certificate, but no private key {}; name it with sslkey", path.display())]
    NoKey {
        /// The file that is missing.
        path: PathBuf,
    },
    /// Certificate and key do not make a pair, or are of a kind that is not supported.
    #[error(
        "the client certificate (sslcert) and its private key (sslkey) cannot be used together"
    )]
    Pair(#[source] rustls::Error),
    /// The system's root certificates cannot be read.
    #[error(
        "sslrootcert=system: this system has no root certificates that can be read; install them \
         (package ca-certificates) or name a file with sslrootcert"
    )]
    NoSystemRoots,
    /// rustls refuses the settings.
    #[error("TLS cannot be set up")]
    Setup(#[source] rustls::Error),
}

impl TlsSettings {
    pub(super) fn resolve(given: &Given, home: Option<&Path>) -> Result<Self, ConninfoError> {
        let expected = "disable, allow, prefer, require, verify-ca or verify-full";
        let mode = given.one_of("sslmode", &MODES, expected)?;
        let file = |parameter, default: &str| match given.get(parameter) {
            Some(path) => Some(File {
                path: path.into(),
                named: true,
            }),
            None => home.map(|home| File {
                path: home.join(".postgresql").join(default),
                named: false,
            }),
        };
        let roots = match given.get("sslrootcert") {
            Some("system") => Roots::System,
            _ => file("sslrootcert", "root.crt").map_or(Roots::Nowhere, Roots::File),
        };
        let default = if matches!(roots, Roots::System) {
            Mode::VerifyFull
        } else {
            Mode::Prefer
        };
        let mode = mode.unwrap_or(default);
        if matches!(roots, Roots::System) && mode != Mode::VerifyFull {
            return Err(ConninfoError::Conflict {
                problem: "sslrootcert=system needs sslmode=verify-full, since everybody can get a \
                          certificate of a public authority",
            });
        }
        let negotiations = [
            ("postgres", SslNegotiation::Postgres),
            ("direct", SslNegotiation::Direct),
        ];
        let negotiation = given
            .one_of("sslnegotiation", &negotiations, "postgres or direct")?
            .unwrap_or(SslNegotiation::Postgres);
        if negotiation == SslNegotiation::Direct
            && matches!(mode, Mode::Disable | Mode::Allow | Mode::Prefer)
        {
            return Err(ConninfoError::Conflict {
                problem: "sslnegotiation=direct needs sslmode require, verify-ca or verify-full",
            });
        }
        let server_name_indication = given
            .one_of("sslsni", &[("0", false), ("1", true)], "0 or 1")?
            .unwrap_or(true);
        Ok(Self {
            mode,
            roots,
            certificate: file("sslcert", "postgresql.crt"),
            key: file("sslkey", "postgresql.key"),
            versions: versions(given)?,
            negotiation,
            server_name_indication,
        })
    }

    pub(super) fn mode(&self) -> Mode {
        self.mode
    }

    pub(super) fn verifies_name(&self) -> bool {
        self.mode == Mode::VerifyFull
    }

    pub(super) fn verifies_server(&self) -> bool {
        match self.mode {
            Mode::VerifyCa | Mode::VerifyFull => true,
            Mode::Disable | Mode::Allow | Mode::Prefer | Mode::Require => false,
        }
    }

    pub(super) fn negotiation(&self) -> SslNegotiation {
        self.negotiation
    }

    /// Reads the files and makes what tokio-postgres starts TLS with.
    pub(super) fn connector(&self) -> Result<MakeRustlsConnect, TlsError> {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(self.versions)
            .map_err(TlsError::Setup)?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(self.verifier(&provider)?));
        let mut config = match self.client_certificate()? {
            Some((chain, key)) => builder
                .with_client_auth_cert(chain, key)
                .map_err(TlsError::Pair)?,
            None => builder.with_no_client_auth(),
        };
        config.enable_sni = self.server_name_indication;
        if self.negotiation == SslNegotiation::Direct {
            config.alpn_protocols = vec![b"postgresql".to_vec()];
        }
        Ok(MakeRustlsConnect::new(config))
    }

    fn verifier(&self, provider: &CryptoProvider) -> Result<Verifier, TlsError> {
        let roots = self.root_certificates()?;
        let check = match (roots, self.mode) {
            (Some(roots), Mode::VerifyFull) => Check::ChainAndName(root_store(roots)?),
            (Some(roots), _) => Check::Chain(root_store(roots)?),
            (None, Mode::VerifyFull | Mode::VerifyCa) => {
                let wanted = match &self.roots {
                    Roots::File(file) => file.path.display().to_string(),
                    Roots::System | Roots::Nowhere => "~/.postgresql/root.crt".to_owned(),
                };
                return Err(TlsError::NoRoots { wanted });
            }
            (None, Mode::Disable | Mode::Allow | Mode::Prefer | Mode::Require) => Check::Nothing,
        };
        Ok(Verifier::new(
            check,
            provider.signature_verification_algorithms,
        ))
    }

    fn root_certificates(&self) -> Result<Option<Vec<CertificateDer<'static>>>, TlsError> {
        match &self.roots {
            Roots::Nowhere => Ok(None),
            Roots::File(file) => {
                let text = file.read("sslrootcert")?;
                text.map(|text| certificates(&text, file, "sslrootcert"))
                    .transpose()
            }
            Roots::System => {
                let found = rustls_native_certs::load_native_certs().certs;
                if found.is_empty() {
                    Err(TlsError::NoSystemRoots)
                } else {
                    Ok(Some(found))
                }
            }
        }
    }

    fn client_certificate(
        &self,
    ) -> Result<Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>, TlsError> {
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return Ok(None);
        };
        let Some(text) = certificate.read("sslcert")? else {
            return Ok(None);
        };
        let chain = certificates(&text, certificate, "sslcert")?;
        let Ok(metadata) = fs::metadata(&key.path) else {
            return Err(TlsError::NoKey {
                path: key.path.clone(),
            });
        };
        let forbidden = if metadata.uid() == 0 { 0o037 } else { 0o077 };
        if metadata.mode() & forbidden != 0 {
            return Err(TlsError::KeyNotPrivate {
                path: key.path.clone(),
            });
        }
        let text = key.read("sslkey")?.unwrap_or_default();
        let content = || TlsError::Content {
            path: key.path.clone(),
            parameter: "sslkey",
            expected: "private key without a pass phrase",
        };
        let key = PrivateKeyDer::from_pem_slice(&text).map_err(|_| content())?;
        Ok(Some((chain, key)))
    }
}

impl File {
    /// `None` if nobody named the file and it is not there.
    fn read(&self, parameter: &'static str) -> Result<Option<Vec<u8>>, TlsError> {
        let absent = [io::ErrorKind::NotFound, io::ErrorKind::NotADirectory];
        match fs::read(&self.path) {
            Ok(text) => Ok(Some(text)),
            Err(error) if !self.named && absent.contains(&error.kind()) => Ok(None),
            Err(source) => Err(TlsError::Unreadable {
                path: self.path.clone(),
                parameter,
                source,
            }),
        }
    }
}

fn certificates(
    text: &[u8],
    file: &File,
    parameter: &'static str,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let found: Vec<_> = CertificateDer::pem_slice_iter(text).flatten().collect();
    if found.is_empty() {
        let path = file.path.clone();
        return Err(TlsError::Content {
            path,
            parameter,
            expected: "certificate",
        });
    }
    Ok(found)
}

/// The roots as rustls wants them, beside the certificates themselves.
fn root_store(
    certificates: Vec<CertificateDer<'static>>,
) -> Result<(RootCertStore, Vec<CertificateDer<'static>>), TlsError> {
    let mut store = RootCertStore::empty();
    let (added, _) = store.add_parsable_certificates(certificates.iter().cloned());
    if added == 0 {
        return Err(TlsError::Setup(rustls::Error::InvalidCertificate(
            rustls::CertificateError::BadEncoding,
        )));
    }
    Ok((store, certificates))
}

/// The versions between the least and the greatest that were asked for. TLS 1.0 and 1.1 are never
/// spoken, so asking for at least those changes nothing, and for at most those cannot be met.
fn versions(given: &Given) -> Result<&'static [&'static SupportedProtocolVersion], ConninfoError> {
    const BOTH: &[&SupportedProtocolVersion] = &[&TLS13, &TLS12];
    const ONLY_12: &[&SupportedProtocolVersion] = &[&TLS12];
    const ONLY_13: &[&SupportedProtocolVersion] = &[&TLS13];
    let values = [
        ("TLSv1", 10),
        ("TLSv1.1", 11),
        ("TLSv1.2", 12),
        ("TLSv1.3", 13),
    ];
    let expected = "TLSv1, TLSv1.1, TLSv1.2 or TLSv1.3";
    let least = given
        .one_of("ssl_min_protocol_version", &values, expected)?
        .unwrap_or(12);
    let greatest = given
        .one_of("ssl_max_protocol_version", &values, expected)?
        .unwrap_or(13);
    match (least <= 12, greatest) {
        (true, 13) => Ok(BOTH),
        (true, 12) => Ok(ONLY_12),
        (false, 13) => Ok(ONLY_13),
        _ => Err(ConninfoError::Conflict {
            problem: "ssl_min_protocol_version and ssl_max_protocol_version leave neither TLS 1.2 \
                      nor 1.3, and nothing older is spoken",
        }),
    }
}
