//! HTTP to the SQS service: hyper, rustls, and signatures of version 4 by aws-sigv4.
//!
//! The SDK's client costs several times the CPU per message (ARCHITECTURE.md, "Why a client of our
//! own"); credentials and the region still come from the SDK's crates.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use aws_credential_types::Credentials;
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::{Full, LengthLimitError};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::connect::HttpConnector;

use super::{
    Address, QueueError,
    call::{Call, Protocol, RECEIVE},
    clock::{Clock, may_be_the_clock},
    connection::{Answer, Connections},
    credentials::{CredentialsCache, provider_config},
    error::{NO_ERROR_CODE, is_busy},
    signature::{Signer, TARGET},
};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A response's body must arrive within this time.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
const LONGEST_RETRY_AFTER: Duration = Duration::from_mins(1);
/// What an answer without messages may take; those of SQS have some kilobytes.
const MOST_ANSWER_BYTES: u32 = 1 << 20;

/// Signed requests to one SQS endpoint. Its connections are kept alive and reused.
pub(super) struct Transport {
    /// Receives have connections of their own: what happens on a connection is heard on the thread that opened it,
    /// and those who receive and those who delete run on two.
    receiving: Connections,
    others: Connections,
    address: Address,
    host: HeaderValue,
    path: Uri,
    signer: Signer,
    credentials: CredentialsCache,
    clock: Clock,
}

/// What may help against a refusal.
#[derive(PartialEq, Eq)]
enum Remedy {
    /// The credentials have expired.
    OtherCredentials,
    /// The clock was wrong, and has been set.
    OtherTime,
}

impl Transport {
    /// Requests to the service at `address`, with credentials from the chain of the AWS SDK.
    ///
    /// # Errors
    ///
    /// When the system's certificate store cannot be read for an https endpoint.
    pub(super) async fn new(address: Address) -> Result<Self, QueueError> {
        let config = provider_config(&address.region);
        let credentials = CredentialsCache::new(&address, &config).await;
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.enforce_http(false);
        connector.set_connect_timeout(Some(CONNECT_TIMEOUT));
        connector.set_keepalive(Some(Duration::from_secs(30)));
        let builder = HttpsConnectorBuilder::new();
        let https = if address.endpoint.scheme_str() == Some("https") {
            builder
                .with_native_roots()
                .map_err(|error| QueueError::Unreachable {
                    endpoint: address.endpoint.to_string(),
                    reason: format!("no trusted certificates: {error}; install ca-certificates"),
                })?
        } else {
            // Never used: the endpoint is plain HTTP.
            let roots = rustls::RootCertStore::empty();
            builder.with_tls_config(
                rustls::ClientConfig::builder()
                    .with_root_certificates(roots)
                    .with_no_client_auth(),
            )
        };
        let connector = https
            .https_or_http()
            .enable_http1()
            .wrap_connector(connector);
        let connections = || Connections::new(connector.clone(), address.endpoint.clone());
        let host = HeaderValue::try_from(address.host_header());
        let path = address.endpoint.path_and_query().cloned();
        Ok(Self {
            receiving: connections(),
            others: connections(),
            host: host.expect("a URL's host is letters, digits and marks"),
            path: path.map_or_else(Uri::default, Uri::from),
            signer: Signer::new(&address),
            address,
            credentials,
            clock: Clock::default(),
        })
    }

    /// The service's URL.
    pub(super) fn endpoint(&self) -> String {
        self.address.endpoint.to_string()
    }

    /// Sends a request and waits for the head of a successful answer. Expired credentials are
    /// renewed once, and a clock that is wrong is set once.
    pub(super) async fn send(&self, call: &Call, timeout: Duration) -> Result<Answer, QueueError> {
        let mut remedies = Vec::new();
        loop {
            let signed = self.clock.now();
            let credentials = self.credentials.get(signed).await?;
            let request = self.signed(call, &credentials, signed)?;
            let connections = match call.action {
                RECEIVE => &self.receiving,
                _ => &self.others,
            };
            // Of all, since receives go on where nothing else does.
            self.receiving.close_old();
            self.others.close_old();
            let answer = tokio::time::timeout(timeout, connections.send(request))
                .await
                .map_err(|_| self.unreachable(format!("no answer within {} s", timeout.as_secs())))?
                .map_err(|error| self.unreachable(with_causes(&*error)))?;
            if answer.head().status == StatusCode::OK {
                return Ok(answer);
            }
            let (error, remedy) = self.failure(call, answer, signed).await?;
            match remedy {
                Some(remedy) if !remedies.contains(&remedy) => {
                    if remedy == Remedy::OtherCredentials {
                        self.credentials.forget(&credentials);
                    }
                    remedies.push(remedy);
                }
                Some(_) | None => return Err(error),
            }
        }
    }

    /// What an answer other than success to a request that was signed at that time means, and
    /// whether to sign again.
    async fn failure(
        &self,
        call: &Call,
        answer: Answer,
        signed: SystemTime,
    ) -> Result<(QueueError, Option<Remedy>), QueueError> {
        let action = call.action;
        let status = answer.head().status.as_u16();
        let headers = answer.head().headers.clone();
        let body = self.read_body(action, answer).await?;
        let code = call.protocol.error_code(&headers, &body);
        let code = code.unwrap_or_else(|| NO_ERROR_CODE.to_owned());
        if is_busy(status, &code) {
            let retry_after = retry_after(headers.get(header::RETRY_AFTER));
            let error = QueueError::Busy {
                action,
                status,
                code,
                retry_after,
            };
            return Ok((error, None));
        }
        let remedy = if matches!(&*code, "ExpiredToken" | "ExpiredTokenException") {
            Some(Remedy::OtherCredentials)
        } else {
            let clock = || self.clock.set_by(headers.get(header::DATE), signed);
            (may_be_the_clock(&code) && clock()).then_some(Remedy::OtherTime)
        };
        let error = QueueError::Refused {
            action,
            status,
            code,
        };
        Ok((error, remedy))
    }

    fn signed(
        &self,
        call: &Call,
        credentials: &Arc<Credentials>,
        time: SystemTime,
    ) -> Result<Request<Full<Bytes>>, QueueError> {
        let mut headers = HeaderMap::with_capacity(8);
        headers.insert(header::HOST, self.host.clone());
        let content_type = HeaderValue::from_static(call.protocol.content_type());
        headers.insert(header::CONTENT_TYPE, content_type);
        if call.protocol == Protocol::Json {
            let target = HeaderValue::try_from(format!("AmazonSQS.{}", call.action));
            headers.insert(TARGET, target.expect("an action is letters"));
        }
        self.signer
            .sign(&mut headers, &call.body, credentials, time)?;
        let mut request = Request::new(Full::new(call.body.clone()));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.path.clone();
        *request.headers_mut() = headers;
        Ok(request)
    }

    /// Reads the body of an answer that holds no messages.
    pub(super) async fn read_body(
        &self,
        action: &'static str,
        answer: Answer,
    ) -> Result<Bytes, QueueError> {
        self.read_at_most(MOST_ANSWER_BYTES, action, answer).await
    }

    /// Reads a body of at most so many bytes: memory has room for no more.
    pub(super) async fn read_at_most(
        &self,
        most_bytes: u32,
        action: &'static str,
        answer: Answer,
    ) -> Result<Bytes, QueueError> {
        let body = answer.read_at_most(most_bytes as usize);
        match tokio::time::timeout(BODY_TIMEOUT, body).await {
            Ok(Ok(body)) => Ok(body),
            Ok(Err(error)) if error.is::<LengthLimitError>() => Err(QueueError::TooLarge {
                action,
                endpoint: self.endpoint(),
                most_bytes,
            }),
            Ok(Err(error)) => {
                Err(self.unreachable(format!("the answer to {action} broke off: {error}")))
            }
            Err(_) => Err(self.unreachable(format!("the answer to {action} did not end in time"))),
        }
    }

    fn unreachable(&self, reason: String) -> QueueError {
        QueueError::Unreachable {
            endpoint: self.endpoint(),
            reason,
        }
    }
}

/// How long to wait, as a number of seconds says (RFC 9110, section 10.2.3; a date, which it may be
/// as well, depends on the clock). Nobody is kept from trying for longer than a minute.
fn retry_after(header: Option<&header::HeaderValue>) -> Duration {
    let seconds = header.and_then(|value| value.to_str().ok()?.parse().ok());
    Duration::from_secs(seconds.unwrap_or(0)).min(LONGEST_RETRY_AFTER)
}

/// The error and what caused it: hyper's own text names only the outermost failure.
pub fn with_causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        text = format!("{text}: {inner}");
        cause = inner.source();
    }
    // As rustls puts it, whatever is wrong with the certificate.
    if text.contains("invalid peer certificate") {
        text += "; if its authority is one of your own, name that in SSL_CERT_FILE or add it to the \
                 system's trusted certificates";
    }
    text
}
