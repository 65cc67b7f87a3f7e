//! Verifying a server's certificate no further than the mode asks for.
//!
//! rustls verifies chain and name, or nothing. libpq also knows "chain only", takes the common name of
//! a certificate that has no alternative names, and trusts a self-signed server certificate that is
//! itself in the root file: the kind that PostgreSQL's own documentation shows how to make.

use std::net::IpAddr;

use rustls::{
    CertificateError, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
    client::{
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_cert_signed_by_trust_anchor, verify_server_name,
    },
    crypto::{
        WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature,
        verify_tls13_signature_with_raw_key,
    },
    pki_types::{CertificateDer, ServerName, SubjectPublicKeyInfoDer, UnixTime},
    server::ParsedCertificate,
};
use x509_cert::{
    Certificate,
    der::{Decode, Encode, oid::ObjectIdentifier},
    ext::pkix::{SubjectAltName, name::GeneralName},
};

const COMMON_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.4.3");

/// Root certificates, as rustls wants them and as they were read.
type Roots = (RootCertStore, Vec<CertificateDer<'static>>);

/// What is verified beside the handshake's signature, which always is.
#[derive(Debug)]
pub(super) enum Check {
    Nothing,
    Chain(Roots),
    ChainAndName(Roots),
}

#[derive(Debug)]
pub(super) struct Verifier {
    check: Check,
    algorithms: WebPkiSupportedAlgorithms,
}

impl Verifier {
    pub(super) fn new(check: Check, algorithms: WebPkiSupportedAlgorithms) -> Self {
        Self { check, algorithms }
    }

    fn verify_chain(
        &self,
        (store, roots): &Roots,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<(), Error> {
        if roots.iter().any(|root| root == end_entity) && is_self_issued(end_entity)? {
            return verify_period(end_entity, now);
        }
        verify_server_cert_signed_by_trust_anchor(
            &ParsedCertificate::try_from(end_entity)?,
            store,
            intermediates,
            now,
            self.algorithms.all,
        )
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.check {
            Check::Nothing => {}
            Check::Chain(roots) => self.verify_chain(roots, end_entity, intermediates, now)?,
            Check::ChainAndName(roots) => {
                self.verify_chain(roots, end_entity, intermediates, now)?;
                verify_name(end_entity, server_name)?;
            }
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signature, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        if ParsedCertificate::try_from(certificate).is_ok() {
            return verify_tls13_signature(message, certificate, signature, &self.algorithms);
        }
        // A certificate of X.509 version 1, as `openssl x509 -req` makes them by default, is refused
        // there. Its key is as good as any to verify a signature with.
        let key = decode(certificate)?
            .tbs_certificate
            .subject_public_key_info
            .to_der();
        let key = SubjectPublicKeyInfoDer::from(key.map_err(|_| bad_encoding())?);
        verify_tls13_signature_with_raw_key(message, &key, signature, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

fn decode(certificate: &CertificateDer<'_>) -> Result<Certificate, Error> {
    Certificate::from_der(certificate).map_err(|_| bad_encoding())
}

fn bad_encoding() -> Error {
    Error::InvalidCertificate(CertificateError::BadEncoding)
}

fn is_self_issued(certificate: &CertificateDer<'_>) -> Result<bool, Error> {
    let fields = decode(certificate)?.tbs_certificate;
    Ok(fields.subject == fields.issuer)
}

fn verify_period(certificate: &CertificateDer<'_>, now: UnixTime) -> Result<(), Error> {
    let period = decode(certificate)?.tbs_certificate.validity;
    let now = now.as_secs();
    if now < period.not_before.to_unix_duration().as_secs() {
        return Err(Error::InvalidCertificate(CertificateError::NotValidYet));
    }
    if now > period.not_after.to_unix_duration().as_secs() {
        return Err(Error::InvalidCertificate(CertificateError::Expired));
    }
    Ok(())
}

/// Compares the host with the alternative names; with the common name if there are none of the
/// host's kind (name or address).
fn verify_name(end_entity: &CertificateDer<'_>, host: &ServerName<'_>) -> Result<(), Error> {
    let outcome = verify_server_name(&ParsedCertificate::try_from(end_entity)?, host);
    if outcome.is_ok() {
        return outcome;
    }
    let fields = decode(end_entity)?.tbs_certificate;
    let names = fields.get::<SubjectAltName>().map_err(|_| bad_encoding())?;
    let is_address = matches!(host, ServerName::IpAddress(_));
    let of_its_kind = |name: &GeneralName| {
        let (dns, address) = (
            matches!(name, GeneralName::DnsName(_)),
            matches!(name, GeneralName::IpAddress(_)),
        );
        if is_address { address } else { dns }
    };
    if names.is_some_and(|(_, names)| names.0.iter().any(of_its_kind)) {
        return outcome;
    }
    let mut attributes = fields.subject.0.iter().flat_map(|set| set.0.iter());
    let common_name = attributes.find(|attribute| attribute.oid == COMMON_NAME);
    let matches = common_name
        .and_then(|attribute| std::str::from_utf8(attribute.value.value()).ok())
        .is_some_and(|pattern| name_matches(pattern, &host.to_str()));
    if matches { Ok(()) } else { outcome }
}

/// Whether a host is meant by a name such as `db.example` or `*.example`. The star is one label.
fn name_matches(pattern: &str, host: &str) -> bool {
    if pattern.eq_ignore_ascii_case(host) {
        return true;
    }
    if host.parse::<IpAddr>().is_ok() {
        return false;
    }
    match (pattern.strip_prefix("*."), host.split_once('.')) {
        (Some(rest), Some((label, domain))) => {
            !label.is_empty() && rest.eq_ignore_ascii_case(domain)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::name_matches;

    #[test]
    fn a_star_stands_for_one_label() {
        for (pattern, host, expected) in [
            ("db.example", "DB.Example", true),
            ("*.example", "db.example", true),
            ("*.example", "a.db.example", false),
            ("*.example", "example", false),
            ("*.example", ".example", false),
            ("*", "example", false),
            ("", "example", false),
            ("*.0.0.1", "127.0.0.1", false),
        ] {
            assert_eq!(name_matches(pattern, host), expected, "{pattern} {host}");
        }
    }
}
