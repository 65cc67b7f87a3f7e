//! What SQS answers, from bytes: the messages of a receive, and what became of a batch's entries.

mod messages;

pub use messages::messages;

use super::protocol::{BatchResponse, Entry, EntryFailure, Object};
use crate::json::NotJson;

/// An answer that is not one of SQS's JSON protocol: the kind of mistake and its place only, since
/// the text of the parser's error can quote the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotSqs {
    /// It is no JSON, or has other fields.
    #[error("{kind:?} error at line {line} column {column}")]
    Fields {
        /// What `serde_json` finds.
        kind: serde_json::error::Category,
        /// From 1 on.
        line: usize,
        /// From 1 on.
        column: usize,
    },
    /// It is no JSON.
    #[error(transparent)]
    NotJson(#[from] NotJson),
    /// It is JSON without a list of messages.
    #[error("no list of messages")]
    NoList,
}

impl From<serde_json::Error> for NotSqs {
    fn from(error: serde_json::Error) -> Self {
        Self::Fields {
            kind: error.classify(),
            line: error.line(),
            column: error.column(),
        }
    }
}

/// Of so many entries those that failed, in their order, from the body of an answer to
/// `DeleteMessageBatch` or `ChangeMessageVisibilityBatch`.
///
/// An entry that is not said to have succeeded has not: partial answers exist.
///
/// # Errors
///
/// When it is not an answer of SQS.
pub fn failures(body: &[u8], entries: usize) -> Result<Vec<EntryFailure>, NotSqs> {
    // A success may be answered with no body at all.
    let body = if body.is_empty() { b"{}" } else { body };
    let Object(response): Object<BatchResponse> = serde_json::from_slice(body)?;
    let successful = response.successful.unwrap_or_default();
    let succeeded = |place| successful.iter().any(|one| one.0.id.0 == place);
    let failed = response.failed.unwrap_or_default().into_iter();
    let failed = failed.map(|Object(failure)| failure).collect();
    Ok(unsettled(entries, succeeded, failed))
}

/// Of so many entries those that are not said to have succeeded, in their order, with what is said
/// of them.
pub(super) fn unsettled(
    entries: usize,
    succeeded: impl Fn(usize) -> bool,
    mut failed: Vec<EntryFailure>,
) -> Vec<EntryFailure> {
    let unsettled = (0..entries).filter(|place| !succeeded(*place));
    let failures = unsettled.map(|place| {
        let told = failed.iter().position(|entry| entry.id.0 == place);
        told.map_or_else(
            || EntryFailure {
                id: Entry(place),
                sender_fault: false,
                code: "NotInResponse".to_owned(),
            },
            |told| failed.swap_remove(told),
        )
    });
    failures.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_entry_has_failed_unless_it_is_said_to_have_succeeded() {
        let answer = br#"{"Successful":[{"Id":"1"}],
            "Failed":[{"Id":"2","SenderFault":true,"Code":"Receipt\nHandle: x"},{"Id":"9","Code":"y"}]}"#;
        let failed = failures(answer, 3).unwrap();
        let told: Vec<_> = failed.iter().map(|one| (one.id.0, &*one.code)).collect();
        assert_eq!(told, [(0, "NotInResponse"), (2, "ReceiptHandlex")]);
        assert_eq!(failures(b"", 2).unwrap().len(), 2);
        for other in ["[", "[]", r#"[[["0"]],[]]"#, r#"{"Successful":[["0"]]}"#] {
            assert!(failures(other.as_bytes(), 1).is_err(), "{other}");
        }
    }
}
