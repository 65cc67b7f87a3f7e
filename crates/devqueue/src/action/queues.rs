//! The actions on queues themselves.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{Context, required, within};
use crate::attributes;
use crate::error::QueueError;
use crate::message_attributes::Text;
use crate::queue::Queue;
use crate::store::Store;

/// The most queues of one `ListQueues`.
const MAXIMUM_LISTED: u64 = 1000;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Create<'a> {
    #[serde(borrow)]
    queue_name: Option<Text<'a>>,
    attributes: Option<BTreeMap<String, String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByName<'a> {
    #[serde(borrow)]
    queue_name: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct ByUrl<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct List<'a> {
    #[serde(borrow)]
    queue_name_prefix: Option<Text<'a>>,
    max_results: Option<i64>,
    next_token: Option<Text<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct GetAttributes<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
    attribute_names: Option<Vec<Text<'a>>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct SetAttributes<'a> {
    #[serde(borrow)]
    queue_url: Option<Text<'a>>,
    attributes: Option<BTreeMap<String, String>>,
}

pub(super) fn create(context: Context<'_>, request: &Create<'_>) -> Result<Vec<u8>, QueueError> {
    let name = required(request.queue_name.as_ref(), "QueueName")?;
    let attributes: Vec<(&str, &str)> = request
        .attributes
        .iter()
        .flatten()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    context.broker.create(name, &attributes)?;
    Ok(rendered(&json!({ "QueueUrl": context.queue_url(name) })))
}

pub(super) fn delete(context: Context<'_>, request: &ByUrl<'_>) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    context.broker.delete(&queue.name)?;
    Ok(Vec::new())
}

pub(super) fn get_url(context: Context<'_>, request: &ByName<'_>) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue(required(request.queue_name.as_ref(), "QueueName")?)?;
    Ok(rendered(
        &json!({ "QueueUrl": context.queue_url(&queue.name) }),
    ))
}

/// The token of a page is the last name on it. API Reference, `ListQueues`: without `MaxResults`
/// there is no token.
pub(super) fn list(context: Context<'_>, request: &List<'_>) -> Result<Vec<u8>, QueueError> {
    let limit = within(request.max_results, "MaxResults", 1..=MAXIMUM_LISTED)?;
    let prefix = request.queue_name_prefix.as_deref().unwrap_or_default();
    let after = request.next_token.as_deref().unwrap_or_default();
    let count = usize::try_from(limit.unwrap_or(MAXIMUM_LISTED)).unwrap_or(usize::MAX);
    let (names, has_more) = context.broker.names(prefix, after, count);
    let mut response = Map::new();
    if let Some(last) = names.last() {
        if has_more && limit.is_some() {
            response.insert("NextToken".to_owned(), json!(last));
        }
        let urls: Vec<String> = names.iter().map(|name| context.queue_url(name)).collect();
        response.insert("QueueUrls".to_owned(), json!(urls));
    }
    Ok(rendered(&Value::Object(response)))
}

pub(super) fn get_attributes(
    context: Context<'_>,
    request: &GetAttributes<'_>,
) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let mut values = Map::new();
    queue.with_store(context.broker.clock.now(), |store| {
        for name in request.attribute_names.iter().flatten() {
            attributes::check_name(name)?;
            if &**name == "All" {
                for name in attributes::all_names() {
                    put(&mut values, &queue, store, name);
                }
            } else {
                put(&mut values, &queue, store, name);
            }
        }
        Ok(())
    })?;
    if values.is_empty() {
        return Ok(b"{}".to_vec());
    }
    Ok(rendered(&json!({ "Attributes": values })))
}

fn put(values: &mut Map<String, Value>, queue: &Queue, store: &Store, name: &str) {
    let counts = store.counts();
    let value = match name {
        "QueueArn" => Some(queue.arn.to_string()),
        "CreatedTimestamp" => Some((queue.created_at / 1000).to_string()),
        "LastModifiedTimestamp" => {
            Some((queue.modified_at.load(Ordering::Relaxed) / 1000).to_string())
        }
        "ApproximateNumberOfMessages" => Some(counts.visible.to_string()),
        "ApproximateNumberOfMessagesNotVisible" => Some(counts.in_flight.to_string()),
        "ApproximateNumberOfMessagesDelayed" => Some(counts.delayed.to_string()),
        other => store.attributes.get(other),
    };
    if let Some(value) = value {
        values.insert(name.to_owned(), Value::String(value));
    }
}

pub(super) fn set_attributes(
    context: Context<'_>,
    request: &SetAttributes<'_>,
) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    let changes = request
        .attributes
        .as_ref()
        .ok_or_else(|| QueueError::missing("Attributes"))?;
    context.broker.set_attributes(
        &queue,
        changes
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_str())),
    )?;
    Ok(Vec::new())
}

pub(super) fn purge(context: Context<'_>, request: &ByUrl<'_>) -> Result<Vec<u8>, QueueError> {
    let queue = context
        .broker
        .queue_by_url(required(request.queue_url.as_ref(), "QueueUrl")?)?;
    queue.with_store(context.broker.clock.now(), Store::purge);
    Ok(Vec::new())
}

fn rendered(value: &Value) -> Vec<u8> {
    value.to_string().into_bytes()
}
