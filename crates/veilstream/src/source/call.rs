//! A call to SQS as it goes over the wire, in the one protocol or the other.

use bytes::Bytes;
use http::HeaderMap;
use serde::Serialize;

use super::{
    protocol::{ErrorResponse, printable},
    query::{self, Form},
};

/// The protocols of SQS (Amazon SQS Developer Guide, "Making Amazon SQS API requests"). AWS speaks
/// both; of other services some know only the older one, such as LocalStack before version 3.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// AWS JSON 1.0, which costs less on both sides.
    Json,
    /// AWS Query: form-encoded requests, answers in XML.
    Query,
}

/// What ten receipt handles of SQS take.
const USUAL_BYTES: usize = 5 << 10;

/// The action that brings messages.
pub(super) const RECEIVE: &str = "ReceiveMessage";

/// What a call asks for, in both protocols.
pub(super) trait Request: Serialize {
    /// The parameters as the Query protocol has them.
    fn fill(&self, form: &mut Form);
}

/// A call that is ready to be signed.
pub(super) struct Call {
    /// Such as `ReceiveMessage`.
    pub(super) action: &'static str,
    /// How it is written.
    pub(super) protocol: Protocol,
    /// What is sent.
    pub(super) body: Bytes,
}

impl Call {
    /// A call with these parameters.
    pub(super) fn new(protocol: Protocol, action: &'static str, request: &impl Request) -> Self {
        let body = match protocol {
            Protocol::Json => {
                let mut body = Vec::with_capacity(USUAL_BYTES);
                serde_json::to_writer(&mut body, request)
                    .expect("requests hold nothing that JSON cannot say");
                body.into()
            }
            Protocol::Query => {
                let mut form = Form::new(action);
                request.fill(&mut form);
                form.into_body()
            }
        };
        Self {
            action,
            protocol,
            body,
        }
    }
}

impl Protocol {
    /// The type of a request's content.
    pub(super) fn content_type(self) -> &'static str {
        match self {
            Self::Json => "application/x-amz-json-1.0",
            Self::Query => "application/x-www-form-urlencoded; charset=utf-8",
        }
    }

    /// The code in an answer other than success; `None` if it is no answer of this protocol.
    pub(super) fn error_code(self, headers: &HeaderMap, body: &[u8]) -> Option<String> {
        let code = match self {
            Self::Json => json_error_code(headers, body),
            Self::Query => query::answer::error_code(body)?,
        };
        let code = printable(&code);
        (!code.is_empty()).then_some(code)
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Json => "JSON",
            Self::Query => "Query",
        })
    }
}

/// The legacy name from the header if there is one, since those are what the documentation lists;
/// else what follows `#` in the body's `__type`.
fn json_error_code(headers: &HeaderMap, body: &[u8]) -> String {
    let legacy = headers.get("x-amzn-query-error");
    let legacy = legacy.and_then(|value| value.to_str().ok()?.split(';').next());
    let kind = || serde_json::from_slice::<ErrorResponse>(body).map(|error| error.kind);
    let code = legacy.map_or_else(|| kind().unwrap_or_default(), str::to_owned);
    code.rsplit('#').next().unwrap_or_default().to_owned()
}
