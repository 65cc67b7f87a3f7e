//! `DeleteMessage` and `DeleteMessageBatch`.

use serde::Deserialize;

use super::batch::{self, Outcome};
use super::{Context, required};
use crate::error::QueueError;
use crate::message_attributes::Text;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Delete<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
    receipt_handle: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct DeleteBatch<'a> {
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
}

pub(super) fn delete(context: Context<'_>, request: &Delete<'_>) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let handle = required(request.receipt_handle.as_ref(), "ReceiptHandle")?;
    queue.with_store(context.broker.clock.now(), |store| store.delete(handle))?;
    Ok(Vec::new())
}

pub(super) fn delete_batch(
    context: Context<'_>,
    request: &DeleteBatch<'_>,
) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let entries = request.entries.as_deref().unwrap_or_default();
    batch::check(entries.iter().map(|entry| entry.id.as_deref()))?;
    for entry in entries {
        required(entry.receipt_handle.as_ref(), "ReceiptHandle")?;
    }
    let mut outcome = Outcome::new();
    queue.with_store(context.broker.clock.now(), |store| {
        for entry in entries {
            let id = entry.id.as_deref().unwrap_or_default();
            match store.delete(entry.receipt_handle.as_deref().unwrap_or_default()) {
                Ok(()) => outcome.succeed(id, |_| {}),
                Err(error) => outcome.fail(id, &error),
            }
        }
    });
    Ok(outcome.finish())
}
