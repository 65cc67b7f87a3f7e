//! The actions of the API and what they share.

pub(crate) mod batch;
mod deletion;
mod queues;
mod receiving;
mod sending;
mod visibility;

use serde::Deserialize;

use crate::broker::Broker;
use crate::error::{ErrorCode, QueueError};
use crate::message_attributes::Text;

/// What an action needs beside its parameters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a> {
    pub(crate) broker: &'a Broker,
    /// The request's `Host`, which queue URLs follow.
    pub(crate) host: &'a str,
}

impl Context<'_> {
    fn queue_url(&self, name: &str) -> String {
        format!("http://{}/{}/{name}", self.host, self.broker.account)
    }
}

/// Runs the action of that name on a JSON object; the result is a JSON object, or nothing for the
/// actions without a response.
pub(crate) async fn run(
    context: Context<'_>,
    name: &str,
    body: &[u8],
) -> Result<Vec<u8>, QueueError> {
    match name {
        "ReceiveMessage" => receiving::receive(context, &parse(body)?).await,
        "DeleteMessageBatch" => deletion::delete_batch(context, &parse(body)?),
        "DeleteMessage" => deletion::delete(context, &parse(body)?),
        "SendMessage" => sending::send(context, &parse(body)?),
        "SendMessageBatch" => sending::send_batch(context, &parse(body)?),
        "ChangeMessageVisibility" => visibility::change(context, &parse(body)?),
        "ChangeMessageVisibilityBatch" => visibility::change_batch(context, &parse(body)?),
        "CreateQueue" => queues::create(context, &parse(body)?),
        "DeleteQueue" => queues::delete(context, &parse(body)?),
        "GetQueueUrl" => queues::get_url(context, &parse(body)?),
        "ListQueues" => queues::list(context, &parse(body)?),
        "GetQueueAttributes" => queues::get_attributes(context, &parse(body)?),
        "SetQueueAttributes" => queues::set_attributes(context, &parse(body)?),
        "PurgeQueue" => queues::purge(context, &parse(body)?),
        "AddPermission"
        | "RemovePermission"
        | "TagQueue"
        | "UntagQueue"
        | "ListQueueTags"
        | "ListDeadLetterSourceQueues"
        | "StartMessageMoveTask"
        | "CancelMessageMoveTask"
        | "ListMessageMoveTasks" => Err(QueueError::new(
            ErrorCode::UnsupportedOperation,
            format!("The development queue does not support {name}."),
        )),
        _ => Err(QueueError::new(
            ErrorCode::UnknownOperationException,
            "X-Amz-Target names no action of Amazon SQS.",
        )),
    }
}

/// Reads the parameters. The error tells the place and never the text: it may be a message's body.
pub(crate) fn parse<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, QueueError> {
    serde_json::from_slice(if body.is_empty() { b"{}" } else { body }).map_err(|error| {
        let what = match error.classify() {
            serde_json::error::Category::Data => "has a parameter of the wrong type",
            serde_json::error::Category::Syntax
            | serde_json::error::Category::Eof
            | serde_json::error::Category::Io => "is not valid JSON",
        };
        let (line, column) = (error.line(), error.column());
        QueueError::new(
            ErrorCode::SerializationException,
            format!("The request's body {what} (line {line}, column {column})."),
        )
    })
}

/// A required parameter.
fn required<'a>(value: Option<&'a Text<'_>>, name: &str) -> Result<&'a str, QueueError> {
    match value {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) | None => Err(QueueError::missing(name)),
    }
}

/// An optional number within its bounds.
pub(crate) fn within(
    value: Option<i64>,
    name: &str,
    bounds: std::ops::RangeInclusive<u64>,
) -> Result<Option<u64>, QueueError> {
    let Some(value) = value else { return Ok(None) };
    match u64::try_from(value) {
        Ok(number) if bounds.contains(&number) => Ok(Some(number)),
        Ok(_) | Err(_) => {
            let reason = format!(
                "Must be between {} and {}, if provided.",
                bounds.start(),
                bounds.end()
            );
            Err(QueueError::invalid(name, &reason))
        }
    }
}
