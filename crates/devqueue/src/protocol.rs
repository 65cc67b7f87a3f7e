//! AWS JSON 1.0 over HTTP: a request becomes an action, its result a response.

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HOST, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper::body::{Body, Incoming};

use crate::action::{self, Context};
use crate::broker::Broker;
use crate::error::{ErrorCode, QueueError};
use crate::identifier::Identifiers;

/// Longer bodies are refused: 1 MiB of text of which every byte is escaped as `\u00xx`, with room
/// for everything around it.
const MAXIMUM_BODY: usize = 7 * 1024 * 1024;
/// So much of a body that is too long is read before the refusal is sent, since clients want to
/// send all of theirs before they read.
const MAXIMUM_DISCARDED: usize = 64 * 1024 * 1024;
/// What stands before the action in `X-Amz-Target`.
const TARGET_PREFIX: &str = "AmazonSQS.";
const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/x-amz-json-1.0");

/// Answers one request. `fallback_host` stands in for an absent `Host`.
pub(crate) async fn answer(
    broker: &Broker,
    fallback_host: &str,
    request: Request<Incoming>,
) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let result = async {
        let action = action_name(&head.method, &head.headers)?;
        broker.calls.count(action);
        let body = read(body).await?;
        let host = head
            .headers
            .get(HOST)
            .and_then(|host| host.to_str().ok())
            .unwrap_or(fallback_host);
        action::run(Context { broker, host }, action, &body).await
    }
    .await;
    response(result, &broker.identifiers)
}

/// What is sent for a result: a JSON object, or an error as AWS sends it.
pub(crate) fn response(
    result: Result<Vec<u8>, QueueError>,
    identifiers: &Identifiers,
) -> Response<Full<Bytes>> {
    let mut response = match result {
        Ok(json) => Response::new(Full::from(json)),
        Err(error) => refusal(&error),
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, MEDIA_TYPE);
    if let Ok(id) = HeaderValue::from_str(identifiers.uuid().as_str()) {
        headers.insert("x-amzn-requestid", id);
    }
    response
}

/// The action that a request names.
pub(crate) fn action_name<'a>(
    method: &Method,
    headers: &'a HeaderMap,
) -> Result<&'a str, QueueError> {
    let target = headers
        .get("x-amz-target")
        .and_then(|target| target.to_str().ok());
    match target.and_then(|target| target.strip_prefix(TARGET_PREFIX)) {
        Some(action) if method == Method::POST => Ok(action),
        Some(_) | None => Err(QueueError::new(
            ErrorCode::UnsupportedProtocol,
            "This is an SQS-compatible development queue. It takes AWS JSON 1.0 only: POST with \
             the header X-Amz-Target: AmazonSQS.<Action>. The older query protocol (XML) is not \
             supported; SDKs released since November 2023 use JSON.",
        )),
    }
}

/// Reads a body, whole and bounded.
pub(crate) async fn read(mut body: Incoming) -> Result<Bytes, QueueError> {
    if body
        .size_hint()
        .upper()
        .is_some_and(|length| length <= MAXIMUM_BODY as u64)
    {
        return Ok(body.collect().await.map_err(interrupted)?.to_bytes());
    }
    let mut content = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(interrupted)?;
        let Some(data) = frame.data_ref() else {
            continue;
        };
        length += data.len();
        if length > MAXIMUM_DISCARDED {
            break;
        }
        if length > MAXIMUM_BODY {
            content = Vec::new();
        } else {
            content.extend_from_slice(data);
        }
    }
    if length > MAXIMUM_BODY {
        let text = format!("The request's body is longer than {MAXIMUM_BODY} bytes.");
        return Err(QueueError::new(ErrorCode::RequestEntityTooLarge, text));
    }
    Ok(content.into())
}

#[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
fn interrupted(error: hyper::Error) -> QueueError {
    let text = format!("The request's body could not be read: {error}");
    QueueError::new(ErrorCode::SerializationException, text)
}

fn refusal(error: &QueueError) -> Response<Full<Bytes>> {
    let json = serde_json::json!({
        "__type": format!("com.amazonaws.sqs#{}", error.code().as_str()),
        "message": error.message(),
    });
    let mut response = Response::new(Full::from(json.to_string()));
    *response.status_mut() = error.code().status();
    let query_error = format!("{};Sender", error.code().query_code());
    if let Ok(value) = HeaderValue::from_str(&query_error) {
        response.headers_mut().insert("x-amzn-query-error", value);
    }
    debug_assert!(
        response.status() != StatusCode::OK,
        "an error is no success"
    );
    response
}
