//! The least that moves login events from SQS into PostgreSQL with the usual libraries: receive with
//! aws-sdk-sqs, COPY, and delete after the commit.
//!
//! A floor to compare with, not an offer: nothing is masked, nothing recognises a redelivery, the first
//! error ends it, and what is no login event is deleted.
//!
//! Environment: `QUEUE_URL`, `DATABASE_URL`, `AWS_*`

use std::{borrow::Cow, collections::VecDeque, env, sync::Arc};

use anyhow::{Context, Result};
use aws_sdk_sqs::{
    Client,
    config::BehaviorVersion,
    types::{DeleteMessageBatchRequestEntry, Message, MessageSystemAttributeName},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use bytes::Bytes;
use futures_util::{SinkExt, pin_mut};
use jiff::{Timestamp, tz::TimeZone};
use serde::Deserialize;
use tokio::{
    sync::{Mutex, Semaphore, mpsc},
    task::JoinSet,
};
use tokio_postgres::NoTls;

/// Tasks that receive, and deletions at a time.
const RECEIVERS: usize = 32;
/// Connections to PostgreSQL: one commits while the other fills.
const LOADERS: usize = 2;
/// Receives that a COPY takes at the most.
const MOST_RECEIVES: usize = 200;

const COPY: &str = "COPY user_logins (user_id, device_type, masked_ip, masked_device_id, locale, \
                    app_version, create_date) FROM STDIN";

/// What one receive brought.
struct Received {
    /// Rows in COPY's text format.
    rows: String,
    /// The receipt handles of all its messages.
    handles: Vec<String>,
}

#[derive(Deserialize)]
struct Event<'a> {
    #[serde(borrow)]
    user_id: Cow<'a, str>,
    #[serde(borrow)]
    device_type: Option<Cow<'a, str>>,
    #[serde(borrow)]
    ip: Cow<'a, str>,
    #[serde(borrow)]
    device_id: Cow<'a, str>,
    #[serde(borrow)]
    locale: Option<Cow<'a, str>>,
    #[serde(borrow)]
    app_version: Option<Cow<'a, str>>,
}

#[tokio::main]
async fn main() -> Result<()> {
    let queue_url: Arc<str> = env::var("QUEUE_URL").context("QUEUE_URL")?.into();
    let database_url = env::var("DATABASE_URL").context("DATABASE_URL")?;
    let http = aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https();
    let config = aws_config::defaults(BehaviorVersion::latest()).http_client(http);
    let sqs = Client::new(&config.load().await);

    let (sender, receiver) = mpsc::channel(2 * MOST_RECEIVES);
    let receiver = Arc::new(Mutex::new(receiver));
    let deletions = Arc::new(Semaphore::new(RECEIVERS));
    let mut tasks = JoinSet::new();
    for _ in 0..LOADERS {
        let (client, connection) = tokio_postgres::connect(&database_url, NoTls).await?;
        tokio::spawn(connection);
        let (sqs, queue_url) = (sqs.clone(), Arc::clone(&queue_url));
        let (receiver, deletions) = (Arc::clone(&receiver), Arc::clone(&deletions));
        tasks.spawn(async move { load(&client, &receiver, &sqs, &queue_url, &deletions).await });
    }
    for _ in 0..RECEIVERS {
        let (sqs, queue_url, sender) = (sqs.clone(), Arc::clone(&queue_url), sender.clone());
        tasks.spawn(async move { receive(&sqs, &queue_url, &sender).await });
    }
    // None of them ends but by an error.
    while let Some(ended) = tasks.join_next().await {
        ended??;
    }
    Ok(())
}

async fn receive(sqs: &Client, queue_url: &str, sender: &mpsc::Sender<Received>) -> Result<()> {
    loop {
        let answer = sqs
            .receive_message()
            .queue_url(queue_url)
            .max_number_of_messages(10)
            .wait_time_seconds(20)
            .message_system_attribute_names(MessageSystemAttributeName::SentTimestamp)
            .send()
            .await?;
        let mut received = Received {
            rows: String::new(),
            handles: Vec::new(),
        };
        for mut message in answer.messages.unwrap_or_default() {
            received.handles.extend(message.receipt_handle.take());
            // What is no login event has no row.
            let _ = append_row(&message, &mut received.rows);
        }
        if !received.handles.is_empty() {
            sender.send(received).await?;
        }
    }
}

/// COPYs all that waits, then has it deleted.
async fn load(
    client: &tokio_postgres::Client,
    receiver: &Mutex<mpsc::Receiver<Received>>,
    sqs: &Client,
    queue_url: &Arc<str>,
    deletions: &Arc<Semaphore>,
) -> Result<()> {
    loop {
        let mut waiting = Vec::new();
        receiver
            .lock()
            .await
            .recv_many(&mut waiting, MOST_RECEIVES)
            .await;
        let mut rows = VecDeque::with_capacity(waiting.len());
        let mut handles = Vec::with_capacity(waiting.len());
        for received in waiting {
            rows.push_back(Ok(Bytes::from(received.rows)));
            handles.push(received.handles);
        }
        // Outside a transaction a COPY is one of its own.
        let copy = client.copy_in::<_, Bytes>(COPY).await?;
        pin_mut!(copy);
        copy.send_all(&mut futures_util::stream::iter(rows)).await?;
        copy.finish().await?;
        for handles in handles {
            let permit = Arc::clone(deletions).acquire_owned().await?;
            let (sqs, queue_url) = (sqs.clone(), Arc::clone(queue_url));
            tokio::spawn(async move {
                // What is not deleted comes again.
                let _ = delete(&sqs, &queue_url, handles).await;
                drop(permit);
            });
        }
    }
}

async fn delete(sqs: &Client, queue_url: &str, handles: Vec<String>) -> Result<()> {
    let entry = |(place, handle): (usize, String)| {
        DeleteMessageBatchRequestEntry::builder()
            .id(place.to_string())
            .receipt_handle(handle)
            .build()
    };
    let entries: Result<Vec<_>, _> = handles.into_iter().enumerate().map(entry).collect();
    sqs.delete_message_batch()
        .queue_url(queue_url)
        .set_entries(Some(entries?))
        .send()
        .await?;
    Ok(())
}

/// A line of COPY's text format; nothing is appended of what is no login event.
fn append_row(message: &Message, rows: &mut String) -> Result<()> {
    let event: Event<'_> = serde_json::from_str(message.body().context("no body")?)?;
    let sent = message
        .attributes()
        .and_then(|attributes| attributes.get(&MessageSystemAttributeName::SentTimestamp))
        .context("no SentTimestamp")?;
    let sent = Timestamp::from_millisecond(sent.parse()?)?.to_zoned(TimeZone::UTC);
    let version: Option<i32> = event
        .app_version
        .map(|version| version.replace('.', "").parse())
        .transpose()?;
    for text in [
        Some(&event.user_id),
        event.device_type.as_ref(),
        Some(&event.ip),
        Some(&event.device_id),
        event.locale.as_ref(),
    ] {
        append_text(text.map(AsRef::as_ref), rows);
        rows.push('\t');
    }
    match version {
        Some(version) => rows.push_str(&version.to_string()),
        None => rows.push_str("\\N"),
    }
    rows.push('\t');
    rows.push_str(&sent.date().to_string());
    rows.push('\n');
    Ok(())
}

fn append_text(text: Option<&str>, rows: &mut String) {
    let Some(text) = text else {
        return rows.push_str("\\N");
    };
    for character in text.chars() {
        match character {
            '\\' => rows.push_str("\\\\"),
            '\t' => rows.push_str("\\t"),
            '\n' => rows.push_str("\\n"),
            '\r' => rows.push_str("\\r"),
            other => rows.push(other),
        }
    }
}
