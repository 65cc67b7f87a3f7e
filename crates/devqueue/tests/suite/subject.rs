//! A server under test with an SDK client for it, and what the cases share.

use std::time::{Duration, Instant};

use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_sqs::types::{Message, MessageSystemAttributeName, QueueAttributeName};
use devqueue::{DevQueue, Settings};

use crate::moto::Moto;

/// What keeps the server running.
enum Server {
    DevQueue(DevQueue),
    Moto(&'static Moto),
}

/// One server and a client for it.
pub(crate) struct Subject {
    server: Server,
    pub(crate) client: Client,
}

/// Where devqueue and moto do not do the same.
pub(crate) struct Difference<T> {
    pub(crate) devqueue: T,
    pub(crate) moto: T,
    /// What AWS documents, and hence who is right.
    pub(crate) documented: &'static str,
}

impl Subject {
    pub(crate) async fn devqueue() -> Subject {
        let server = DevQueue::start(Settings::default()).await.unwrap();
        let client = client(&server.endpoint_url());
        Subject {
            server: Server::DevQueue(server),
            client,
        }
    }

    pub(crate) fn moto() -> Subject {
        let moto = Moto::shared();
        let client = client(&moto.endpoint_url());
        Subject {
            server: Server::Moto(moto),
            client,
        }
    }

    pub(crate) fn endpoint_url(&self) -> String {
        match &self.server {
            Server::DevQueue(server) => server.endpoint_url(),
            Server::Moto(moto) => moto.endpoint_url(),
        }
    }

    /// What this server is expected to do where the two differ.
    pub(crate) fn expected<T>(&self, difference: Difference<T>) -> T {
        assert!(
            difference.documented.len() > 20,
            "a difference needs AWS's word on it"
        );
        match &self.server {
            Server::DevQueue(_) => difference.devqueue,
            Server::Moto(_) => difference.moto,
        }
    }

    pub(crate) async fn create(&self, name: &str, attributes: &[(&str, &str)]) -> String {
        let mut request = self.client.create_queue().queue_name(name);
        for (name, value) in attributes {
            request = request.attributes(QueueAttributeName::from(*name), *value);
        }
        request.send().await.unwrap().queue_url.unwrap()
    }

    pub(crate) async fn send(&self, url: &str, body: &str) -> String {
        let sent = self
            .client
            .send_message()
            .queue_url(url)
            .message_body(body)
            .send()
            .await;
        sent.unwrap().message_id.unwrap()
    }

    /// Up to ten messages with all system attributes, without waiting.
    pub(crate) async fn receive(&self, url: &str) -> Vec<Message> {
        self.receive_within(url, 0).await
    }

    /// The same, waiting up to `seconds`.
    pub(crate) async fn receive_within(&self, url: &str, seconds: i32) -> Vec<Message> {
        let request = self
            .client
            .receive_message()
            .queue_url(url)
            .max_number_of_messages(10);
        let request = request.wait_time_seconds(seconds);
        let request = request.message_system_attribute_names(MessageSystemAttributeName::All);
        request.send().await.unwrap().messages.unwrap_or_default()
    }

    pub(crate) async fn delete(&self, url: &str, message: &Message) {
        let handle = message.receipt_handle().unwrap();
        self.client
            .delete_message()
            .queue_url(url)
            .receipt_handle(handle)
            .send()
            .await
            .unwrap();
    }

    pub(crate) async fn hide_for(&self, url: &str, message: &Message, seconds: i32) -> String {
        let handle = message.receipt_handle().unwrap();
        let request = self.client.change_message_visibility().queue_url(url);
        code(
            request
                .receipt_handle(handle)
                .visibility_timeout(seconds)
                .send()
                .await,
        )
    }

    pub(crate) async fn arn(&self, url: &str) -> String {
        let request = self.client.get_queue_attributes().queue_url(url);
        let request = request
            .attribute_names(QueueAttributeName::QueueArn)
            .send()
            .await
            .unwrap();
        request
            .attributes
            .unwrap()
            .remove(&QueueAttributeName::QueueArn)
            .unwrap()
    }

    /// Visible, in flight, delayed.
    pub(crate) async fn counts(&self, url: &str) -> (usize, usize, usize) {
        let all = self.client.get_queue_attributes().queue_url(url);
        let all = all
            .attribute_names(QueueAttributeName::All)
            .send()
            .await
            .unwrap();
        let all = all.attributes.unwrap();
        let count = |name| all[&name].parse().unwrap();
        (
            count(QueueAttributeName::ApproximateNumberOfMessages),
            count(QueueAttributeName::ApproximateNumberOfMessagesNotVisible),
            count(QueueAttributeName::ApproximateNumberOfMessagesDelayed),
        )
    }
}

pub(crate) fn client(endpoint_url: &str) -> Client {
    let config = aws_sdk_sqs::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("test", "test", None, None, "test"))
        .endpoint_url(endpoint_url)
        .retry_config(RetryConfig::disabled())
        .http_client(aws_smithy_http_client::Builder::new().build_http())
        .build();
    Client::from_conf(config)
}

/// `ok`, or the code of the error in its short form.
pub(crate) fn code<T, E>(result: Result<T, SdkError<E>>) -> String
where
    E: ProvideErrorMetadata + std::fmt::Debug,
{
    match result {
        Ok(_) => "ok".to_owned(),
        Err(error) => {
            let status = error
                .raw_response()
                .map(|response| response.status().as_u16());
            let Some(code) = error.code() else {
                return format!("no code, status {status:?}");
            };
            code.trim_start_matches("AWS.SimpleQueueService.")
                .to_owned()
        }
    }
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    messages
        .iter()
        .map(|message| message.body().unwrap())
        .collect()
}

pub(crate) fn system<'a>(message: &'a Message, name: &str) -> &'a str {
    let attributes = message.attributes().unwrap();
    attributes
        .get(&MessageSystemAttributeName::from(name))
        .map_or("absent", String::as_str)
}

/// The result of a future and how long it took.
pub(crate) async fn timed<T>(future: impl Future<Output = T>) -> (T, Duration) {
    let started = Instant::now();
    let result = future.await;
    (result, started.elapsed())
}

/// Runs each case against both servers.
macro_rules! on_both_servers {
    ($($case:ident),+ $(,)?) => {
        mod on_devqueue {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&$crate::subject::Subject::devqueue().await).await;
                }
            )+
        }

        mod on_moto {
            $(
                #[tokio::test]
                async fn $case() {
                    super::$case(&$crate::subject::Subject::moto()).await;
                }
            )+
        }
    };
}
pub(crate) use on_both_servers;
