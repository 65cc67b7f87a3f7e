//! AWS KMS: makes and unwraps the key that wraps a key set's root keys. Asked once at start, never on the
//! data path.

use std::{fmt, str::FromStr, time::Duration};

use aws_sdk_kms::{
    Client,
    config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig},
    error::{ProvideErrorMetadata, SdkError},
    primitives::Blob,
};
use http::Uri;
use masking::{Kek, KeysetId, KmsKey, Lock, Wrapping};
use zeroize::Zeroizing;

use crate::{
    config::address::check_endpoint_url,
    source::{credentials_provider, http_client, is_loopback, provider_config, with_causes},
    startup::environment,
};

/// AWS KMS binds what it encrypts to this name and the key set's id: the ciphertext of one set opens for
/// no other (Developer Guide of AWS KMS, "Encryption context").
const CONTEXT: &str = "veilstream:key_set";

/// Length of a key-encryption key in bytes.
const KEK_LEN: usize = 32;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
const TRY_TIMEOUT: Duration = Duration::from_secs(6);
/// A start waits no longer than this for AWS KMS, all tries and the pauses between them included.
const TIMEOUT: Duration = Duration::from_secs(20);
const TRIES: u32 = 3;

/// The ARN of a KMS key or alias, such as `arn:aws:kms:eu-central-1:123456789012:key/…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KmsArn {
    text: String,
    region: String,
}

/// What AWS KMS has against it. Never holds a key or a ciphertext.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// A text that names no KMS key.
    #[error(
        "this is no ARN of a KMS key; write it as in arn:aws:kms:eu-central-1:123456789012:key/\
         1234abcd-12ab-34cd-56ef-1234567890ab"
    )]
    NotAnArn,
    /// The environment names an endpoint that is none.
    #[error("AWS_ENDPOINT_URL_KMS or AWS_ENDPOINT_URL: {0}")]
    Endpoint(&'static str),
    /// AWS KMS said no.
    #[error("AWS KMS refuses {action} on {key} ({code}): {}", advice(code, action))]
    Refused {
        /// The action of the API.
        action: &'static str,
        /// The ARN of the key.
        key: String,
        /// The code of the error.
        code: String,
    },
    /// AWS KMS did not say anything.
    #[error(
        "AWS KMS is not reached for {action} on {key}: {reason}. Without it the key set does not open; \
         check the network, the credentials and AWS_ENDPOINT_URL_KMS"
    )]
    Unreachable {
        /// The action of the API.
        action: &'static str,
        /// The ARN of the key.
        key: String,
        /// What happened.
        reason: String,
    },
    /// The answer is not one to that request.
    #[error(
        "the answer of AWS KMS to {action} on {key} is not what its API promises: check \
         AWS_ENDPOINT_URL_KMS"
    )]
    Unexpected {
        /// The action of the API.
        action: &'static str,
        /// The ARN of the key.
        key: String,
    },
}

/// What an operator does about an error code (API reference of AWS KMS, "Common errors" and those of `Decrypt`).
fn advice(code: &str, action: &str) -> String {
    match code {
        "AccessDeniedException" => format!(
            "allow kms:{action} on this key to these credentials, in the key's policy or in theirs; it is \
             refused as well where the key set was wrapped with another key"
        ),
        "NotFoundException" => {
            "there is no such key in this account and region; correct the ARN".to_owned()
        }
        "DisabledException" => "the key is disabled; enable it".to_owned(),
        "KMSInvalidStateException" => {
            "the key is not usable now, perhaps because it is to be deleted; cancel its deletion".to_owned()
        }
        "InvalidCiphertextException" | "IncorrectKeyException" => {
            "what is wrapped in the file was not made for this key set with this key; restore the file from \
             a backup"
                .to_owned()
        }
        "InvalidKeyUsageException" => {
            "the key has to be a symmetric one for encryption and decryption".to_owned()
        }
        "UnrecognizedClientException" | "InvalidClientTokenId" | "ExpiredTokenException"
        | "InvalidSignatureException" => {
            "the AWS credentials are wrong or have ended; renew them".to_owned()
        }
        _ => "the API reference of AWS KMS says what the code means".to_owned(),
    }
}

/// One KMS key, asked for one key set.
pub(super) struct Kms {
    client: Client,
    arn: KmsArn,
    set: String,
}

impl Kms {
    /// A client for the region of the key, with credentials from the chain of the AWS SDK.
    pub(super) async fn connect(arn: KmsArn, set: KeysetId) -> Result<Self, KmsError> {
        let endpoint = endpoint()?;
        let on_this_machine = endpoint.as_ref().is_some_and(is_loopback);
        let credentials =
            credentials_provider(on_this_machine, &provider_config(&arn.region)).await;
        let mut config = aws_sdk_kms::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new(arn.region.clone()))
            .http_client(http_client())
            .credentials_provider(credentials)
            .retry_config(RetryConfig::standard().with_max_attempts(TRIES))
            .timeout_config(
                TimeoutConfig::builder()
                    .connect_timeout(CONNECT_TIMEOUT)
                    .operation_attempt_timeout(TRY_TIMEOUT)
                    .operation_timeout(TIMEOUT)
                    .build(),
            );
        config.set_endpoint_url(endpoint.map(|endpoint| endpoint.to_string()));
        Ok(Self {
            client: Client::from_conf(config.build()),
            arn,
            set: set.to_string(),
        })
    }

    /// Has a new key-encryption key made, and unwraps it.
    pub(super) async fn lock(self) -> Result<Lock, KmsError> {
        let action = "GenerateDataKeyWithoutPlaintext";
        let made = self
            .client
            .generate_data_key_without_plaintext()
            .key_id(&self.arn.text)
            .number_of_bytes(32)
            .encryption_context(CONTEXT, &self.set)
            .send()
            .await
            .map_err(|error| self.error(action, &error))?;
        let unexpected = || self.unexpected(action);
        let ciphertext = made.ciphertext_blob.ok_or_else(unexpected)?.into_inner();
        // Of an alias this is the key that it stands for: what it stands for may change later.
        let arn: KmsArn = made
            .key_id
            .and_then(|key| key.parse().ok())
            .ok_or_else(unexpected)?;
        let wrapped = KmsKey::new(arn.text.clone(), ciphertext).map_err(|_| unexpected())?;
        let opening = Self { arn, ..self };
        Ok(Lock {
            kek: opening.decrypt(wrapped.ciphertext()).await?,
            wrapping: Wrapping::Kms(wrapped),
        })
    }

    /// Unwraps a key-encryption key.
    pub(super) async fn decrypt(&self, ciphertext: &[u8]) -> Result<Kek, KmsError> {
        let action = "Decrypt";
        let decrypted = self
            .client
            .decrypt()
            // Named, so that a ciphertext of another key is refused.
            .key_id(&self.arn.text)
            .ciphertext_blob(Blob::new(ciphertext))
            .encryption_context(CONTEXT, &self.set)
            .send()
            .await
            .map_err(|error| self.error(action, &error))?;
        let plaintext = decrypted.plaintext.map(Blob::into_inner);
        let plaintext = Zeroizing::new(plaintext.unwrap_or_default());
        let mut kek = Zeroizing::new([0; KEK_LEN]);
        let same_key = decrypted.key_id.as_deref() == Some(&self.arn.text);
        if !same_key || plaintext.len() != kek.len() {
            return Err(self.unexpected(action));
        }
        kek.copy_from_slice(&plaintext);
        Ok(Kek::new(kek))
    }

    fn error<E>(&self, action: &'static str, error: &SdkError<E>) -> KmsError
    where
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let key = self.arn.text.clone();
        match error.as_service_error() {
            Some(refused) => KmsError::Refused {
                action,
                key,
                code: code(refused.code()),
            },
            None => KmsError::Unreachable {
                action,
                key,
                reason: with_causes(error),
            },
        }
    }

    fn unexpected(&self, action: &'static str) -> KmsError {
        KmsError::Unexpected {
            action,
            key: self.arn.text.clone(),
        }
    }
}

/// The endpoint that the environment names, if it names one.
fn endpoint() -> Result<Option<Uri>, KmsError> {
    let Some(url) = environment("AWS_ENDPOINT_URL_KMS").or_else(|| environment("AWS_ENDPOINT_URL"))
    else {
        return Ok(None);
    };
    check_endpoint_url(&url).map_err(KmsError::Endpoint)?;
    let endpoint: Uri = url
        .parse()
        .map_err(|_| KmsError::Endpoint("it is no URL"))?;
    if endpoint.scheme_str() != Some("https") && !is_loopback(&endpoint) {
        return Err(KmsError::Endpoint(
            "the answer of AWS KMS is a key, which must not cross a network in clear; write https://",
        ));
    }
    Ok(Some(endpoint))
}

/// The code as far as it is one: whatever answers may not write on the screen as it likes.
fn code(code: Option<&str>) -> String {
    let printable = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    let code: String = code
        .unwrap_or_default()
        .chars()
        .filter(printable)
        .take(80)
        .collect();
    if code.is_empty() {
        "no error code".to_owned()
    } else {
        code
    }
}

impl FromStr for KmsArn {
    type Err = KmsError;

    fn from_str(text: &str) -> Result<Self, KmsError> {
        let consists_of = |part: &str, others: &[u8]| {
            let fits = |byte: u8| byte.is_ascii_alphanumeric() || others.contains(&byte);
            !part.is_empty() && part.bytes().all(fits)
        };
        let parts: Vec<_> = text.splitn(6, ':').collect();
        let &["arn", partition, "kms", region, account, key] = parts.as_slice() else {
            return Err(KmsError::NotAnArn);
        };
        let is_key = key.starts_with("key/") || key.starts_with("alias/");
        // The region becomes a part of the host that is asked.
        let plain = [partition, region, account];
        if is_key
            && plain.into_iter().all(|part| consists_of(part, b"-"))
            && consists_of(key, b"-_/")
        {
            Ok(Self {
                text: text.to_owned(),
                region: region.to_owned(),
            })
        } else {
            Err(KmsError::NotAnArn)
        }
    }
}

impl fmt::Display for KmsArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_region_is_that_of_the_arn() {
        for (arn, region) in [
            (
                "arn:aws:kms:eu-central-1:123456789012:key/1234abcd-12ab",
                "eu-central-1",
            ),
            (
                "arn:aws-cn:kms:cn-north-1:123456789012:key/mrk-1234abcd",
                "cn-north-1",
            ),
            (
                "arn:aws:kms:us-east-1:123456789012:alias/veilstream",
                "us-east-1",
            ),
        ] {
            let parsed: KmsArn = arn.parse().unwrap();
            assert_eq!(
                (parsed.region.as_str(), parsed.to_string()),
                (region, arn.to_owned())
            );
        }
    }

    #[test]
    fn what_is_no_arn_of_a_kms_key_is_refused() {
        for text in [
            "",
            "1234abcd-12ab-34cd-56ef-1234567890ab",
            "alias/veilstream",
            "arn:aws:sqs:eu-central-1:123456789012:login-queue",
            "arn:aws:kms:eu-central-1:123456789012:1234abcd",
            "arn:aws:kms::123456789012:key/1234abcd",
            "arn:aws:kms:example.org/:123456789012:key/1234abcd",
            "arn:aws:kms:eu central:123456789012:key/1234abcd",
            "arn:aws:kms:eu-central-1:123456789012:key/\u{1b}[2J",
        ] {
            assert!(
                matches!(text.parse::<KmsArn>(), Err(KmsError::NotAnArn)),
                "{text}"
            );
        }
    }
}
