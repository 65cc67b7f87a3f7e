//! What a request can be refused with.

use http::StatusCode;

/// The error codes of the Amazon SQS API Reference that this server gives, and four of the
/// protocol itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ErrorCode {
    /// Two entries of a batch have the same id.
    BatchEntryIdsNotDistinct,
    /// The messages of a batch are larger together than one message may be.
    BatchRequestTooLong,
    /// A batch without entries.
    EmptyBatchRequest,
    /// No such attribute of a queue.
    InvalidAttributeName,
    /// The attribute exists, the value does not fit it.
    InvalidAttributeValue,
    /// The id of a batch entry is longer than 80 characters or has others than `A-Za-z0-9_-`.
    InvalidBatchEntryId,
    /// The message holds characters outside the set that SQS takes.
    InvalidMessageContents,
    /// A parameter is out of its bounds.
    InvalidParameterValue,
    /// The message of a receipt handle is not in flight (any more).
    MessageNotInflight,
    /// A required parameter is absent.
    MissingParameter,
    /// Too many messages in flight.
    OverLimit,
    /// No such queue.
    QueueDoesNotExist,
    /// The queue exists with other attributes.
    QueueNameExists,
    /// The receipt handle was not given out by this queue.
    ReceiptHandleIsInvalid,
    /// More than ten entries in a batch.
    TooManyEntriesInBatchRequest,
    /// The request is understood and not supported.
    UnsupportedOperation,
    /// The request's body is larger than any valid request.
    RequestEntityTooLarge,
    /// The body is no JSON of the shape that the action takes.
    SerializationException,
    /// No such action.
    UnknownOperationException,
    /// The request is not AWS JSON 1.0 over HTTP POST.
    UnsupportedProtocol,
}

impl ErrorCode {
    /// The name in the JSON protocol.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorCode::BatchEntryIdsNotDistinct => "BatchEntryIdsNotDistinct",
            ErrorCode::BatchRequestTooLong => "BatchRequestTooLong",
            ErrorCode::EmptyBatchRequest => "EmptyBatchRequest",
            ErrorCode::InvalidAttributeName => "InvalidAttributeName",
            ErrorCode::InvalidAttributeValue => "InvalidAttributeValue",
            ErrorCode::InvalidBatchEntryId => "InvalidBatchEntryId",
            ErrorCode::InvalidMessageContents => "InvalidMessageContents",
            ErrorCode::InvalidParameterValue => "InvalidParameterValue",
            ErrorCode::MessageNotInflight => "MessageNotInflight",
            ErrorCode::MissingParameter => "MissingParameter",
            ErrorCode::OverLimit => "OverLimit",
            ErrorCode::QueueDoesNotExist => "QueueDoesNotExist",
            ErrorCode::QueueNameExists => "QueueNameExists",
            ErrorCode::ReceiptHandleIsInvalid => "ReceiptHandleIsInvalid",
            ErrorCode::TooManyEntriesInBatchRequest => "TooManyEntriesInBatchRequest",
            ErrorCode::UnsupportedOperation => "UnsupportedOperation",
            ErrorCode::RequestEntityTooLarge => "RequestEntityTooLarge",
            ErrorCode::SerializationException => "SerializationException",
            ErrorCode::UnknownOperationException => "UnknownOperationException",
            ErrorCode::UnsupportedProtocol => "UnsupportedProtocol",
        }
    }

    /// The name in the older query protocol, which SDKs show their users and which AWS sends along
    /// in the header `x-amzn-query-error` (the `awsQueryError` traits of the service's model).
    pub fn query_code(self) -> &'static str {
        match self {
            ErrorCode::BatchEntryIdsNotDistinct => {
                "AWS.SimpleQueueService.BatchEntryIdsNotDistinct"
            }
            ErrorCode::BatchRequestTooLong => "AWS.SimpleQueueService.BatchRequestTooLong",
            ErrorCode::EmptyBatchRequest => "AWS.SimpleQueueService.EmptyBatchRequest",
            ErrorCode::InvalidBatchEntryId => "AWS.SimpleQueueService.InvalidBatchEntryId",
            ErrorCode::MessageNotInflight => "AWS.SimpleQueueService.MessageNotInflight",
            ErrorCode::QueueDoesNotExist => "AWS.SimpleQueueService.NonExistentQueue",
            ErrorCode::QueueNameExists => "QueueAlreadyExists",
            ErrorCode::TooManyEntriesInBatchRequest => {
                "AWS.SimpleQueueService.TooManyEntriesInBatchRequest"
            }
            ErrorCode::UnsupportedOperation => "AWS.SimpleQueueService.UnsupportedOperation",
            ErrorCode::InvalidAttributeName
            | ErrorCode::InvalidAttributeValue
            | ErrorCode::InvalidMessageContents
            | ErrorCode::InvalidParameterValue
            | ErrorCode::MissingParameter
            | ErrorCode::OverLimit
            | ErrorCode::ReceiptHandleIsInvalid
            | ErrorCode::RequestEntityTooLarge
            | ErrorCode::SerializationException
            | ErrorCode::UnknownOperationException
            | ErrorCode::UnsupportedProtocol => self.as_str(),
        }
    }

    pub(crate) fn status(self) -> StatusCode {
        match self {
            ErrorCode::RequestEntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            ErrorCode::BatchEntryIdsNotDistinct
            | ErrorCode::BatchRequestTooLong
            | ErrorCode::EmptyBatchRequest
            | ErrorCode::InvalidAttributeName
            | ErrorCode::InvalidAttributeValue
            | ErrorCode::InvalidBatchEntryId
            | ErrorCode::InvalidMessageContents
            | ErrorCode::InvalidParameterValue
            | ErrorCode::MessageNotInflight
            | ErrorCode::MissingParameter
            | ErrorCode::OverLimit
            | ErrorCode::QueueDoesNotExist
            | ErrorCode::QueueNameExists
            | ErrorCode::ReceiptHandleIsInvalid
            | ErrorCode::TooManyEntriesInBatchRequest
            | ErrorCode::UnsupportedOperation
            | ErrorCode::SerializationException
            | ErrorCode::UnknownOperationException
            | ErrorCode::UnsupportedProtocol => StatusCode::BAD_REQUEST,
        }
    }
}

/// A refused request: the code that SQS gives and a text for people. Never holds a message's body.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct QueueError {
    code: ErrorCode,
    message: String,
}

impl QueueError {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        QueueError {
            code,
            message: message.into(),
        }
    }

    pub(crate) fn missing(parameter: &str) -> Self {
        let message = format!("The request must contain the parameter {parameter}.");
        QueueError::new(ErrorCode::MissingParameter, message)
    }

    pub(crate) fn invalid(parameter: &str, reason: &str) -> Self {
        let message = format!("Value for parameter {parameter} is invalid. Reason: {reason}");
        QueueError::new(ErrorCode::InvalidParameterValue, message)
    }

    pub(crate) fn no_such_queue() -> Self {
        QueueError::new(
            ErrorCode::QueueDoesNotExist,
            "The specified queue does not exist.",
        )
    }

    /// What went wrong.
    pub fn code(&self) -> ErrorCode {
        self.code
    }

    /// What went wrong, in words.
    pub fn message(&self) -> &str {
        &self.message
    }
}
