//! Signatures of version 4 for the requests of one endpoint, the signing key of a day kept.
//!
//! Key and signature come from the crate aws-sigv4. What is signed is put together here (AWS IAM
//! User Guide, "Create a signed AWS API request"), since this client's requests all have one form:
//! a POST without a query. A test holds it against that crate's own way from request to signature.

use std::{
    fmt::Write,
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_credential_types::Credentials;
use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use http::{HeaderMap, HeaderName, HeaderValue, header};
use jiff::Timestamp;
use parking_lot::Mutex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{Address, QueueError};

pub(super) const TARGET: HeaderName = HeaderName::from_static("x-amz-target");
const DATE: HeaderName = HeaderName::from_static("x-amz-date");
const SECURITY_TOKEN: HeaderName = HeaderName::from_static("x-amz-security-token");

const ALGORITHM: &str = "AWS4-HMAC-SHA256";
const SERVICE: &str = "sqs";
/// The headers that are signed where a request has them, in the order that signing asks for.
const SIGNED: [HeaderName; 5] = [
    header::CONTENT_TYPE,
    header::HOST,
    DATE,
    SECURITY_TOKEN,
    TARGET,
];

/// All but the unreserved characters (RFC 3986, section 2.3) and the slash: escapes that a path has
/// already are escaped once more, as for every service but S3.
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'/');

/// Signs requests to one endpoint.
pub(super) struct Signer {
    path: String,
    region: String,
    /// As signed with last.
    scope: Mutex<Option<Arc<Scope>>>,
    /// The last time that was signed, in seconds since 1970-01-01 and as it is written.
    time: Mutex<Option<(u64, HeaderValue)>>,
}

/// Credentials on one day.
struct Scope {
    credentials: Arc<Credentials>,
    /// Since 1970-01-01.
    day: u64,
    /// Day, region, service.
    name: String,
    key: Zeroizing<Vec<u8>>,
}

impl Signer {
    pub(super) fn new(address: &Address) -> Self {
        Self {
            path: utf8_percent_encode(address.endpoint.path(), ESCAPED).to_string(),
            region: address.region.clone(),
            scope: Mutex::default(),
            time: Mutex::default(),
        }
    }

    /// Adds what proves who sends a POST with these headers and this body at that time.
    ///
    /// # Errors
    ///
    /// The credentials hold what a header cannot.
    pub(super) fn sign(
        &self,
        headers: &mut HeaderMap,
        body: &[u8],
        credentials: &Arc<Credentials>,
        time: SystemTime,
    ) -> Result<(), QueueError> {
        let scope = self.scope(credentials, time);
        let time = self.written(time);
        headers.insert(DATE, time.clone());
        if let Some(token) = credentials.session_token() {
            headers.insert(SECURITY_TOKEN, sensitive(token)?);
        }
        let (request, names) = self.canonical(headers, body);
        let mut to_sign = Vec::with_capacity(256);
        let scope_name = scope.name.as_bytes();
        for part in [ALGORITHM.as_bytes(), time.as_bytes(), scope_name] {
            to_sign.extend_from_slice(part);
            to_sign.push(b'\n');
        }
        to_sign.extend_from_slice(&sha256(&request));
        let signature = calculate_signature(&scope.key, &to_sign);
        let mut text = String::with_capacity(256);
        let (id, scope) = (credentials.access_key_id(), &scope.name);
        let _ = write!(
            text,
            "{ALGORITHM} Credential={id}/{scope}, SignedHeaders={names}, Signature={signature}"
        );
        headers.insert(header::AUTHORIZATION, sensitive(&text)?);
        Ok(())
    }

    /// The request in its canonical form, and the names of the headers in it.
    fn canonical(&self, headers: &HeaderMap, body: &[u8]) -> (Vec<u8>, String) {
        let mut request = Vec::with_capacity(1024);
        let mut names = String::with_capacity(80);
        for part in ["POST\n", &self.path, "\n\n"] {
            request.extend_from_slice(part.as_bytes());
        }
        for name in SIGNED {
            let Some(value) = headers.get(&name) else {
                continue;
            };
            for part in [name.as_str().as_bytes(), b":", value.as_bytes(), b"\n"] {
                request.extend_from_slice(part);
            }
            if !names.is_empty() {
                names.push(';');
            }
            names.push_str(name.as_str());
        }
        for part in ["\n".as_bytes(), names.as_bytes(), b"\n", &sha256(body)] {
            request.extend_from_slice(part);
        }
        (request, names)
    }

    /// The time as it is signed.
    fn written(&self, time: SystemTime) -> HeaderValue {
        let second = seconds(time);
        let mut kept = self.time.lock();
        match &*kept {
            Some((kept, written)) if *kept == second => written.clone(),
            _ => {
                let written = timestamp(time).strftime("%Y%m%dT%H%M%SZ").to_string();
                let written = HeaderValue::try_from(written).expect("letters and digits");
                kept.insert((second, written)).1.clone()
            }
        }
    }

    /// As before, unless the day or the credentials are others.
    fn scope(&self, credentials: &Arc<Credentials>, time: SystemTime) -> Arc<Scope> {
        let day = day(time);
        let mut kept = self.scope.lock();
        if let Some(scope) = &*kept
            && scope.day == day
            && Arc::ptr_eq(&scope.credentials, credentials)
        {
            return Arc::clone(scope);
        }
        let secret = credentials.secret_access_key();
        let key = generate_signing_key(secret, time, &self.region, SERVICE);
        let date = timestamp(time).strftime("%Y%m%d").to_string();
        let scope = Arc::new(Scope {
            day,
            credentials: Arc::clone(credentials),
            name: format!("{date}/{}/{SERVICE}/aws4_request", self.region),
            key: Zeroizing::new(key.as_ref().to_vec()),
        });
        *kept = Some(Arc::clone(&scope));
        scope
    }
}

/// The digest in hexadecimal digits.
fn sha256(bytes: &[u8]) -> [u8; 64] {
    let mut digits = [0; 64];
    hex::encode_to_slice(Sha256::digest(bytes), &mut digits).expect("32 bytes are 64 digits");
    digits
}

/// Days since 1970-01-01.
fn day(time: SystemTime) -> u64 {
    seconds(time) / 86_400
}

/// Seconds since 1970-01-01.
fn seconds(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_secs()
}

fn timestamp(time: SystemTime) -> Timestamp {
    Timestamp::try_from(time).unwrap_or(Timestamp::UNIX_EPOCH)
}

fn sensitive(text: &str) -> Result<HeaderValue, QueueError> {
    let mut value = HeaderValue::from_str(text).map_err(|_| QueueError::Credentials {
        reason: "they hold characters that no HTTP header can".to_owned(),
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use aws_sigv4::{
        http_request::{SignableBody, SignableRequest, SigningSettings, sign},
        sign::v4::SigningParams,
    };
    use http::{Method, Request};
    use proptest::prelude::*;

    use super::*;

    /// As the crate goes all of the way by itself.
    fn expected(
        address: &Address,
        headers: &HeaderMap,
        body: &[u8],
        credentials: &Credentials,
        time: SystemTime,
    ) -> HeaderMap {
        let identity = credentials.clone().into();
        let params = SigningParams::builder()
            .identity(&identity)
            .region(&address.region)
            .name(SERVICE)
            .time(time)
            .settings(SigningSettings::default())
            .build()
            .unwrap()
            .into();
        let uri = address.endpoint.to_string();
        let named = headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.to_str().unwrap()));
        let request = SignableRequest::new("POST", &uri, named, SignableBody::Bytes(body)).unwrap();
        let (instructions, _) = sign(request, &params).unwrap().into_parts();
        let mut request = Request::builder()
            .method(Method::POST)
            .uri(&uri)
            .body(())
            .unwrap();
        request.headers_mut().extend(headers.clone());
        instructions.apply_to_request_http1x(&mut request);
        request.headers().clone()
    }

    fn credentials() -> impl Strategy<Value = Arc<Credentials>> {
        let token = proptest::option::of("[A-Za-z0-9/+=]{1,200}");
        ("[A-Z0-9]{1,20}", "[A-Za-z0-9/+]{1,40}", token).prop_map(|(id, secret, token)| {
            Credentials::new(id, secret, token, None, "test").into()
        })
    }

    proptest! {
        #[test]
        fn a_request_is_signed_as_the_sdk_signs_it(
            path in "/([a-z0-9._~-]{1,8}(%[2-7][0-9A-F])?/?){0,3}",
            host in "[a-z]{1,9}(:[1-9][0-9]{1,3})?",
            region in "[a-z]{2}-[a-z]{4}-[0-9]",
            target in proptest::option::of("AmazonSQS\\.[A-Za-z]{1,30}"),
            body in proptest::collection::vec(any::<u8>(), 0..200),
            first in credentials(),
            second in credentials(),
            seconds in 0_u64..4_000_000_000,
        ) {
            prop_assume!(!path.split('/').any(|part| part == "." || part == ".."));
            let endpoint = format!("http://{host}{path}").parse().unwrap();
            let address = Address { endpoint, region };
            let signer = Signer::new(&address);
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, host.parse().unwrap());
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-amz-json-1.0"));
            if let Some(target) = target {
                headers.insert(TARGET, target.parse().unwrap());
            }
            // The kept key serves again on the same day, and no other credentials or day.
            for (credentials, seconds) in
                [(&first, seconds), (&first, seconds), (&second, seconds), (&second, seconds + 86_400)]
            {
                let time = UNIX_EPOCH + std::time::Duration::from_secs(seconds);
                let mut signed = headers.clone();
                signer.sign(&mut signed, &body, credentials, time).unwrap();
                prop_assert_eq!(signed, expected(&address, &headers, &body, credentials, time));
            }
        }
    }

    #[test]
    fn credentials_that_no_header_can_hold_are_told_without_being_shown() {
        let endpoint = "http://localhost/".parse().unwrap();
        let signer = Signer::new(&Address {
            endpoint,
            region: "us-east-1".to_owned(),
        });
        let canary = Credentials::new("id", "secret", Some("CANARY\n".to_owned()), None, "test");
        let error = signer
            .sign(&mut HeaderMap::new(), b"", &Arc::new(canary), UNIX_EPOCH)
            .unwrap_err();
        let error = error.to_string();
        assert!(
            error.contains("no HTTP header can") && !error.contains("CANARY"),
            "{error}"
        );
    }
}
