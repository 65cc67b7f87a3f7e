//! `SendMessage` and `SendMessageBatch`.

use serde::Deserialize;

use super::batch::{self, Outcome};
use super::{Context, required, within};
use crate::attributes::{MAXIMUM_DELAY, MAXIMUM_MESSAGE_SIZE};
use crate::error::{ErrorCode, QueueError};
use crate::message::{NewMessage, Sent, write_number};
use crate::message_attributes::{MessageAttributes, RawAttributes, Text};
use crate::message_text;

/// The longest message group id and deduplication id, in characters.
const MAXIMUM_ID: usize = 128;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Send<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
    message_body: Option<Text<'a>>,
    delay_seconds: Option<i64>,
    message_attributes: Option<RawAttributes<'a>>,
    message_system_attributes: Option<RawAttributes<'a>>,
    message_group_id: Option<Text<'a>>,
    message_deduplication_id: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SendBatch<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
    entries: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    message_body: Option<Text<'a>>,
    delay_seconds: Option<i64>,
    message_attributes: Option<RawAttributes<'a>>,
    message_system_attributes: Option<RawAttributes<'a>>,
    message_group_id: Option<Text<'a>>,
    message_deduplication_id: Option<Text<'a>>,
}

pub(super) fn send(context: Context<'_>, request: &Send<'_>) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let new = NewMessage {
        body: required(request.message_body.as_ref(), "MessageBody")?,
        attributes: MessageAttributes::new(request.message_attributes.as_ref())?,
        system_attributes: system_attributes(request.message_system_attributes.as_ref())?,
        delay_seconds: within(request.delay_seconds, "DelaySeconds", 0..=MAXIMUM_DELAY)?,
        group: identifier(request.message_group_id.as_ref(), "MessageGroupId")?,
        deduplication_id: identifier(
            request.message_deduplication_id.as_ref(),
            "MessageDeduplicationId",
        )?,
    };
    message_text::check(new.body)?;
    let now = context.broker.clock.now();
    let id = context.broker.identifiers.uuid();
    let sent = queue.with_store(now, |store| store.send(new, id, now))?;
    let mut out = b"{".to_vec();
    write_sent(&sent, &mut out);
    out.push(b'}');
    Ok(out)
}

pub(super) fn send_batch(
    context: Context<'_>,
    request: &SendBatch<'_>,
) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let entries = request.entries.as_deref().unwrap_or_default();
    batch::check(entries.iter().map(|entry| entry.id.as_deref()))?;
    let messages: Vec<NewMessage<'_>> = entries
        .iter()
        .map(Entry::to_message)
        .collect::<Result<_, _>>()?;
    let size: usize = messages.iter().map(NewMessage::size).sum();
    if size as u64 > MAXIMUM_MESSAGE_SIZE {
        let text = format!(
            "Batch requests cannot be longer than {MAXIMUM_MESSAGE_SIZE} bytes. You have sent {size} bytes."
        );
        return Err(QueueError::new(ErrorCode::BatchRequestTooLong, text));
    }
    let now = context.broker.clock.now();
    let mut outcome = Outcome::new();
    queue.with_store(now, |store| {
        messages
            .iter()
            .try_for_each(|new| store.attributes.check_kind(new))?;
        for (entry, new) in entries.iter().zip(messages) {
            let id = entry.id.as_deref().unwrap_or_default();
            let sent = message_text::check(new.body)
                .and_then(|()| store.send(new, context.broker.identifiers.uuid(), now));
            match sent {
                Ok(sent) => outcome.succeed(id, |out| {
                    out.push(b',');
                    write_sent(&sent, out);
                }),
                Err(error) => outcome.fail(id, &error),
            }
        }
        Ok(())
    })?;
    Ok(outcome.finish())
}

impl Entry<'_> {
    fn to_message(&self) -> Result<NewMessage<'_>, QueueError> {
        Ok(NewMessage {
            body: required(self.message_body.as_ref(), "MessageBody")?,
            attributes: MessageAttributes::new(self.message_attributes.as_ref())?,
            system_attributes: system_attributes(self.message_system_attributes.as_ref())?,
            delay_seconds: within(self.delay_seconds, "DelaySeconds", 0..=MAXIMUM_DELAY)?,
            group: identifier(self.message_group_id.as_ref(), "MessageGroupId")?,
            deduplication_id: identifier(
                self.message_deduplication_id.as_ref(),
                "MessageDeduplicationId",
            )?,
        })
    }
}

/// `AWSTraceHeader` is the only system attribute that a sender may set, and it must be text.
fn system_attributes(
    raw: Option<&RawAttributes<'_>>,
) -> Result<Option<MessageAttributes>, QueueError> {
    let trace_header = "AWSTraceHeader";
    if raw.is_some_and(|raw| raw.keys().any(|name| name != trace_header)) {
        return Err(QueueError::invalid(
            "MessageSystemAttributes",
            "Only AWSTraceHeader is supported.",
        ));
    }
    let attributes = MessageAttributes::new(raw)?;
    match &attributes {
        Some(attributes) if attributes.text(trace_header).is_none() => Err(QueueError::invalid(
            "MessageSystemAttributes",
            "AWSTraceHeader must be a String.",
        )),
        Some(_) | None => Ok(attributes),
    }
}

/// API Reference, `SendMessage`: up to 128 letters, digits and punctuation of ASCII.
fn identifier<'a>(value: Option<&'a Text<'_>>, name: &str) -> Result<Option<&'a str>, QueueError> {
    let Some(text) = value else { return Ok(None) };
    if (1..=MAXIMUM_ID).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_graphic()) {
        return Ok(Some(text));
    }
    Err(QueueError::invalid(
        name,
        "Can only include alphanumeric and punctuation characters. 1 to 128 in length.",
    ))
}

fn write_sent(sent: &Sent, out: &mut Vec<u8>) {
    let mut text = |name: &str, value: &str| {
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(value.as_bytes());
        out.push(b'"');
    };
    text("\"MessageId\":\"", sent.id.as_str());
    text(",\"MD5OfMessageBody\":\"", sent.body_md5.as_str());
    if let Some(md5) = &sent.attributes_md5 {
        text(",\"MD5OfMessageAttributes\":\"", md5.as_str());
    }
    if let Some(md5) = &sent.system_attributes_md5 {
        text(",\"MD5OfMessageSystemAttributes\":\"", md5.as_str());
    }
    if let Some(number) = sent.sequence_number {
        out.extend_from_slice(b",\"SequenceNumber\":\"");
        write_number(out, number);
        out.push(b'"');
    }
}
