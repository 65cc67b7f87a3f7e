//! `ChangeMessageVisibility` and `ChangeMessageVisibilityBatch`.

use serde::Deserialize;

use super::batch::{self, Outcome};
use super::{Context, required, within};
use crate::attributes::MAXIMUM_VISIBILITY;
use crate::error::QueueError;
use crate::message_attributes::Text;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Change<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
    receipt_handle: Option<Text<'a>>,
    visibility_timeout: Option<i64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ChangeBatch<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
    entries: Option<Vec<Entry<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Entry<'a> {
    #[serde(borrow)]
    id: Option<Text<'a>>,
    receipt_handle: Option<Text<'a>>,
    visibility_timeout: Option<i64>,
}

pub(super) fn change(context: Context<'_>, request: &Change<'_>) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let handle = required(request.receipt_handle.as_ref(), "ReceiptHandle")?;
    let seconds = required_seconds(request.visibility_timeout)?;
    let now = context.broker.clock.now();
    queue.with_store(now, |store| store.change_visibility(handle, seconds, now))?;
    Ok(Vec::new())
}

pub(super) fn change_batch(
    context: Context<'_>,
    request: &ChangeBatch<'_>,
) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let entries = request.entries.as_deref().unwrap_or_default();
    batch::check(entries.iter().map(|entry| entry.id.as_deref()))?;
    for entry in entries {
        required(entry.receipt_handle.as_ref(), "ReceiptHandle")?;
    }
    let now = context.broker.clock.now();
    let mut outcome = Outcome::new();
    queue.with_store(now, |store| {
        for entry in entries {
            let id = entry.id.as_deref().unwrap_or_default();
            let handle = entry.receipt_handle.as_deref().unwrap_or_default();
            let result = required_seconds(entry.visibility_timeout)
                .and_then(|seconds| store.change_visibility(handle, seconds, now));
            match result {
                Ok(()) => outcome.succeed(id, |_| {}),
                Err(error) => outcome.fail(id, &error),
            }
        }
    });
    Ok(outcome.finish())
}

fn required_seconds(value: Option<i64>) -> Result<u64, QueueError> {
    within(value, "VisibilityTimeout", 0..=MAXIMUM_VISIBILITY)?
        .ok_or_else(|| QueueError::missing("VisibilityTimeout"))
}
