//! What can go wrong with the queue, and whether trying again can help.

use std::time::Duration;

use super::Protocol;

/// Stands for the code of an answer that has none, or is not of the protocol that was spoken.
pub(super) const NO_ERROR_CODE: &str = "no error code";

/// A failed call to SQS. Never holds a message, a receipt handle or a credential.
#[derive(Debug, thiserror::Error)]
pub enum QueueError {
    /// No answer: the network, a time-out, or an answer cut short.
    #[error("SQS at {endpoint} cannot be reached: {reason}; check the URL, and that it runs")]
    Unreachable {
        /// The endpoint's URL.
        endpoint: String,
        /// What the network said.
        reason: String,
    },
    /// SQS is busy or broken: throttling, or a status of 500 and above.
    #[error("SQS cannot serve {action} now ({status} {code})")]
    Busy {
        /// The SQS action.
        action: &'static str,
        /// The HTTP status.
        status: u16,
        /// The error code.
        code: String,
        /// How long to wait at least, as its header `Retry-After` says; nothing without one.
        retry_after: Duration,
    },
    /// SQS understood and said no.
    #[error("SQS refused {action} ({status} {code}): {}", advice(code))]
    Refused {
        /// The SQS action.
        action: &'static str,
        /// The HTTP status.
        status: u16,
        /// The error code.
        code: String,
    },
    /// An answer that is not SQS's.
    #[error(
        "the answer to {action} from {endpoint} is not one of SQS's {protocol} protocol ({reason}); \
         is the endpoint right, and `protocol` under [queue] if it is set?"
    )]
    Protocol {
        /// The SQS action.
        action: &'static str,
        /// The endpoint's URL.
        endpoint: String,
        /// What was spoken.
        protocol: Protocol,
        /// What is wrong with it, without its content.
        reason: String,
    },
    /// An answer that is larger than the memory that was set aside for it.
    #[error(
        "the answer to {action} from {endpoint} has more than {most_bytes} bytes; if it comes \
         through a proxy, let that pass the Content-Length of the answer on"
    )]
    TooLarge {
        /// The SQS action.
        action: &'static str,
        /// The endpoint's URL.
        endpoint: String,
        /// What there was room for.
        most_bytes: u32,
    },
    /// No credentials to sign with.
    #[error(
        "no AWS credentials: {reason}. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, name a \
         profile with AWS_PROFILE, or run where a role gives them"
    )]
    Credentials {
        /// Why none were found.
        reason: String,
    },
}

impl QueueError {
    /// Whether the credentials lack the permission.
    pub fn is_denied(&self) -> bool {
        matches!(self, Self::Refused { code, .. } if code.starts_with("AccessDenied"))
    }

    /// Whether what answered may not know the protocol that it was asked in: the answer is not of
    /// it, or says so.
    pub(super) fn may_be_the_protocol(&self) -> bool {
        match self {
            Self::Protocol { .. } | Self::TooLarge { .. } => true,
            Self::Busy { code, .. } | Self::Refused { code, .. } => is_unknown_protocol(code),
            Self::Unreachable { .. } | Self::Credentials { .. } => false,
        }
    }

    /// Whether SQS has refused, or cannot serve now, in the protocol that it was asked in.
    pub(super) fn is_of_sqs(&self) -> bool {
        match self {
            Self::Busy { code, .. } | Self::Refused { code, .. } => !is_unknown_protocol(code),
            Self::Protocol { .. }
            | Self::TooLarge { .. }
            | Self::Unreachable { .. }
            | Self::Credentials { .. } => false,
        }
    }

    /// Tells one way of failing from another, for logging a change once.
    pub fn kind(&self) -> &str {
        match self {
            Self::Unreachable { .. } => "unreachable",
            Self::Protocol { .. } => "protocol",
            Self::TooLarge { .. } => "too large",
            Self::Credentials { .. } => "credentials",
            Self::Busy { code, .. } | Self::Refused { code, .. } => code,
        }
    }

    /// How long to wait at least before the next try, as far as SQS says so.
    pub fn retry_after(&self) -> Duration {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            Self::Unreachable { .. }
            | Self::Refused { .. }
            | Self::Protocol { .. }
            | Self::TooLarge { .. }
            | Self::Credentials { .. } => Duration::ZERO,
        }
    }
}

/// Whether an answer means "later".
pub(super) fn is_busy(status: u16, code: &str) -> bool {
    status >= 500 || status == 429 || is_throttling(code)
}

/// Codes that mean "later" though their status is below 500 (the AWS SDKs' common list of
/// throttling and transient codes, and SQS's own).
pub(super) fn is_throttling(code: &str) -> bool {
    matches!(
        code,
        "Throttling"
            | "ThrottlingException"
            | "ThrottledException"
            | "RequestThrottled"
            | "RequestThrottledException"
            | "RequestLimitExceeded"
            | "BandwidthLimitExceeded"
            | "LimitExceededException"
            | "TooManyRequestsException"
            | "PriorRequestNotComplete"
            | "SlowDown"
            | "OverLimit"
            | "KmsThrottled"
            | "KMS.ThrottlingException"
            | "RequestTimeout"
            | "RequestTimeoutException"
            | "InternalError"
            | "InternalFailure"
            | "ServiceUnavailable"
    )
}

/// Codes of a server that does not know what it was asked in one of the protocols (Amazon SQS API
/// reference, "Common Error Types", and Smithy's AWS JSON 1.0 protocol).
fn is_unknown_protocol(code: &str) -> bool {
    matches!(
        code,
        NO_ERROR_CODE
            | "InvalidAction"
            | "MissingAction"
            | "UnknownOperation"
            | "UnknownOperationException"
            | "UnsupportedProtocol"
    )
}

fn advice(code: &str) -> &'static str {
    match code {
        "QueueDoesNotExist" | "AWS.SimpleQueueService.NonExistentQueue" => {
            "there is no such queue; check its URL and region, or create it"
        }
        "AccessDenied" | "AccessDeniedException" => {
            "the credentials lack a permission; allow sqs:ReceiveMessage, sqs:DeleteMessage, \
             sqs:ChangeMessageVisibility, sqs:GetQueueAttributes and sqs:GetQueueUrl on the queue"
        }
        "InvalidClientTokenId" | "UnrecognizedClientException" | "InvalidSecurity" => {
            "the access key is not known; check AWS_ACCESS_KEY_ID or the profile"
        }
        "SignatureDoesNotMatch" | "InvalidSignatureException" => {
            "the signature is wrong; check the secret access key and this machine's clock"
        }
        "ExpiredToken" | "ExpiredTokenException" => "the credentials have expired; renew them",
        _ if is_unknown_protocol(code) => {
            "what answers may be no SQS service; check the URL, and `protocol` under [queue] if it \
             is set"
        }
        _ => "see this code in the Amazon SQS API reference",
    }
}
