//! `ReceiveMessage`.

use serde::Deserialize;

use super::{Context, required, within};
use crate::attributes::{MAXIMUM_VISIBILITY, MAXIMUM_WAIT};
use crate::error::QueueError;
use crate::message::Message;
use crate::message_attributes::{NameFilter, Text};
use crate::store;
use crate::system_attributes::SystemAttributes;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Receive<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
    /// The older name of `MessageSystemAttributeNames`.
    attribute_names: Option<Vec<Text<'a>>>,
    message_system_attribute_names: Option<Vec<Text<'a>>>,
    message_attribute_names: Option<Vec<Text<'a>>>,
    max_number_of_messages: Option<i64>,
    visibility_timeout: Option<i64>,
    wait_time_seconds: Option<i64>,
}

pub(super) async fn receive(
    context: Context<'_>,
    request: &Receive<'_>,
) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let maximum = within(
        request.max_number_of_messages,
        "MaxNumberOfMessages",
        1..=10,
    )?
    .unwrap_or(1);
    let visibility = within(
        request.visibility_timeout,
        "VisibilityTimeout",
        0..=MAXIMUM_VISIBILITY,
    )?;
    let wait = within(
        request.wait_time_seconds,
        "WaitTimeSeconds",
        0..=MAXIMUM_WAIT,
    )?;
    let mut system = SystemAttributes::default();
    for name in [
        &request.attribute_names,
        &request.message_system_attribute_names,
    ]
    .into_iter()
    .flatten()
    .flatten()
    {
        system.insert(name)?;
    }
    let filter = NameFilter::new(
        request
            .message_attribute_names
            .as_deref()
            .unwrap_or_default(),
    );
    let receive = store::Receive {
        maximum: usize::try_from(maximum).unwrap_or(1),
        visibility,
        redrive_after: None,
    };

    let mut out = b"{\"Messages\":[".to_vec();
    let count = queue
        .receive(context.broker, receive, wait, |message, handle| {
            write_message(message, handle, system, &filter, &mut out);
        })
        .await?;
    if count == 0 {
        return Ok(b"{}".to_vec());
    }
    out.extend_from_slice(b"]}");
    Ok(out)
}

/// Adds one message to the array in `out`.
fn write_message(
    message: &Message,
    handle: &[u8],
    system: SystemAttributes,
    filter: &NameFilter,
    out: &mut Vec<u8>,
) {
    let separator: &[u8] = if out.last() == Some(&b'}') {
        b",{"
    } else {
        b"{"
    };
    out.reserve(message.rendered().len() + 320);
    out.extend_from_slice(separator);
    out.extend_from_slice(message.rendered());
    out.extend_from_slice(b",\"ReceiptHandle\":\"");
    out.extend_from_slice(handle);
    out.push(b'"');
    message.write_system_attributes(system, out);
    if let Some(attributes) = message.attributes() {
        attributes.write_selected(filter, out);
    }
    out.push(b'}');
}
