//! AWS credentials: found by the whole chain of the AWS SDK, kept until shortly before they end.

use std::{
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use aws_config::{
    default_provider::credentials::DefaultCredentialsChain,
    environment::EnvironmentVariableCredentialsProvider,
    meta::credentials::CredentialsProviderChain, profile::ProfileFileCredentialsProvider,
    provider_config::ProviderConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};
use aws_sdk_kms::config::{Region, SharedHttpClient};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use parking_lot::Mutex;

use super::{Address, QueueError};
use crate::startup::environment;

/// Credentials are renewed this long before they end.
const RENEW_BEFORE: Duration = Duration::from_mins(5);
/// After a renewal that failed, the next one is tried this much later.
const RETRY_AFTER: Duration = Duration::from_secs(10);
/// A provider that takes longer is not waited for.
const RENEWAL_TIMEOUT: Duration = Duration::from_secs(30);

/// The current credentials.
pub(super) struct CredentialsCache {
    provider: SharedCredentialsProvider,
    current: Mutex<Option<Arc<Credentials>>>,
    /// Held by who renews; when and why that failed last.
    renewing: tokio::sync::Mutex<Option<Failed>>,
}

/// A renewal that failed.
struct Failed {
    at: Instant,
    reason: String,
}

/// The HTTP client of everything that goes through the AWS SDK: rustls on ring.
pub(crate) fn http_client() -> SharedHttpClient {
    aws_smithy_http_client::Builder::new()
        .tls_provider(Provider::Rustls(CryptoMode::Ring))
        .build_https()
}

/// The provider settings that all parts of the AWS chain share.
///
/// With a region the instance metadata service is not asked for one.
pub(crate) fn provider_config(region: &str) -> ProviderConfig {
    ProviderConfig::default()
        .with_http_client(http_client())
        .with_region(Some(Region::new(region.to_owned())))
}

/// The chain of the AWS SDK. On a loopback endpoint the instance metadata service is not asked,
/// and where the environment and the profile have no credentials, placeholders serve: such a
/// server does not check them.
pub(crate) async fn credentials_provider(
    is_loopback: bool,
    config: &ProviderConfig,
) -> SharedCredentialsProvider {
    if is_loopback && !has_role() {
        let placeholder = Credentials::new("placeholder", "placeholder", None, None, "placeholder");
        SharedCredentialsProvider::new(
            CredentialsProviderChain::first_try(
                "Environment",
                EnvironmentVariableCredentialsProvider::new(),
            )
            .or_else(
                "Profile",
                ProfileFileCredentialsProvider::builder()
                    .configure(config)
                    .build(),
            )
            .or_else("Placeholder", placeholder),
        )
    } else {
        let chain = DefaultCredentialsChain::builder()
            .configure(config.clone())
            .build()
            .await;
        SharedCredentialsProvider::new(chain)
    }
}

impl CredentialsCache {
    /// Credentials for a service at this address; see [`credentials_provider`].
    pub(super) async fn new(address: &Address, config: &ProviderConfig) -> Self {
        let provider = credentials_provider(address.is_loopback(), config).await;
        Self {
            provider,
            current: Mutex::new(None),
            renewing: tokio::sync::Mutex::new(None),
        }
    }

    /// Credentials that still last, renewed if need be. While one call renews them, the others go on with those that
    /// they have, as long as these last; so does the one that renews, when that fails.
    pub(super) async fn get(&self, now: SystemTime) -> Result<Arc<Credentials>, QueueError> {
        if let Some(credentials) = self.lasting(now + RENEW_BEFORE) {
            return Ok(credentials);
        }
        let mut last_failure = match (self.renewing.try_lock(), self.lasting(now)) {
            (Ok(renewing), _) => renewing,
            (Err(_), Some(credentials)) => return Ok(credentials),
            (Err(_), None) => self.renewing.lock().await,
        };
        if let Some(credentials) = self.lasting(now + RENEW_BEFORE) {
            return Ok(credentials);
        }
        if let Some(failed) = &*last_failure
            && failed.at.elapsed() < RETRY_AFTER
        {
            return self.despite(&failed.reason, now);
        }
        let providing = self.provider.provide_credentials();
        let provided = match tokio::time::timeout(RENEWAL_TIMEOUT, providing).await {
            Ok(provided) => provided.map_err(|error| error.to_string()),
            Err(_) => Err("the provider does not answer".to_owned()),
        };
        match provided {
            Ok(fresh) => {
                *last_failure = None;
                let fresh = Arc::new(fresh);
                *self.current.lock() = Some(Arc::clone(&fresh));
                Ok(fresh)
            }
            Err(reason) => {
                let at = Instant::now();
                let failed = last_failure.insert(Failed { at, reason });
                self.despite(&failed.reason, now)
            }
        }
    }

    /// The credentials that still last although they could not be renewed.
    fn despite(&self, reason: &str, now: SystemTime) -> Result<Arc<Credentials>, QueueError> {
        self.lasting(now).ok_or_else(|| QueueError::Credentials {
            reason: reason.to_owned(),
        })
    }

    /// Forgets credentials of which SQS says that they have ended, unless they have been renewed
    /// meanwhile.
    pub(super) fn forget(&self, ended: &Arc<Credentials>) {
        let mut current = self.current.lock();
        if current
            .as_ref()
            .is_some_and(|kept| Arc::ptr_eq(kept, ended))
        {
            *current = None;
        }
    }

    /// The current credentials, if they last beyond that time.
    fn lasting(&self, beyond: SystemTime) -> Option<Arc<Credentials>> {
        let current = self.current.lock().clone();
        current.filter(|credentials| credentials.expiry().is_none_or(|end| beyond < end))
    }
}

/// Whether the environment names a role to take: a web identity's or an ECS task's.
fn has_role() -> bool {
    [
        "AWS_WEB_IDENTITY_TOKEN_FILE",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    ]
    .into_iter()
    .any(|name| environment(name).is_some())
}

/// The region of the environment or the profile, if one is set. The instance metadata service is
/// not asked: a queue's URL says where it is.
pub async fn default_region() -> Option<String> {
    use aws_config::{
        environment::EnvironmentVariableRegionProvider, meta::region::RegionProviderChain,
        profile::ProfileFileRegionProvider,
    };
    RegionProviderChain::first_try(EnvironmentVariableRegionProvider::new())
        .or_else(ProfileFileRegionProvider::new())
        .region()
        .await
        .map(|region| region.to_string())
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use aws_credential_types::provider::future::ProvideCredentials as Provided;
    use tokio::sync::Notify;

    use super::*;

    /// Gives credentials that soon end, once; then it never answers, but says that it was asked.
    #[derive(Debug, Default)]
    struct Hanging {
        asked: AtomicUsize,
        again: Arc<Notify>,
    }

    impl ProvideCredentials for Hanging {
        fn provide_credentials<'a>(&'a self) -> Provided<'a>
        where
            Self: 'a,
        {
            if self.asked.fetch_add(1, Ordering::SeqCst) == 0 {
                let end = SystemTime::now() + RENEW_BEFORE / 2;
                let soon = Credentials::new("id", "secret", None, Some(end), "test");
                return Provided::ready(Ok(soon));
            }
            self.again.notify_one();
            Provided::new(std::future::pending())
        }
    }

    #[tokio::test]
    async fn while_a_renewal_hangs_the_credentials_that_last_serve_on() {
        let provider = Hanging::default();
        let again = Arc::clone(&provider.again);
        let cache = Arc::new(CredentialsCache {
            provider: SharedCredentialsProvider::new(provider),
            current: Mutex::new(None),
            renewing: tokio::sync::Mutex::new(None),
        });
        let first = cache.get(SystemTime::now()).await.unwrap();
        let renewing = tokio::spawn({
            let cache = Arc::clone(&cache);
            async move { cache.get(SystemTime::now()).await }
        });
        again.notified().await;
        // Without them this would wait for the renewal.
        for _ in 0..3 {
            let kept =
                tokio::time::timeout(RENEWAL_TIMEOUT / 3, cache.get(SystemTime::now())).await;
            assert_eq!(kept.expect("nobody waits").unwrap(), first);
        }
        renewing.abort();
    }
}
