//! What SQS answers, from bytes: the messages of a receive, and what became of a batch's entries.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::protocol::{
    BatchResponse, Entry, EntryFailure, Message, Object, ReceiveResponse, ReceivedEntries,
};

/// An answer that is not one of SQS's JSON protocol: the kind of mistake and its place only, since
/// the text of the parser's error can quote the content.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{kind:?} error at line {line} column {column}")]
pub struct NotSqs {
    kind: serde_json::error::Category,
    line: usize,
    column: usize,
}

impl From<serde_json::Error> for NotSqs {
    fn from(error: serde_json::Error) -> Self {
        Self {
            kind: error.classify(),
            line: error.line(),
            column: error.column(),
        }
    }
}

/// The messages in the body of a receive; `None` for what stands among them but is no message,
/// so that it does not hold up the others.
///
/// # Errors
///
/// When it is not an answer of SQS.
pub fn messages<'b>(body: &'b [u8]) -> Result<Vec<Option<Message<'b>>>, NotSqs> {
    if let Ok(Object(response)) = serde_json::from_slice::<Object<ReceiveResponse<'b>>>(body) {
        let messages = response.messages.into_iter().flatten();
        return Ok(messages.map(|Object(message)| Some(message)).collect());
    }
    // What is no text anywhere must not pass for text that merely resembles it.
    let text = String::from_utf8_lossy(body);
    let altered = matches!(text, Cow::Owned(_));
    let Object(entries): Object<ReceivedEntries<'_>> = serde_json::from_str(&text)?;
    let message = |entry: &RawValue| {
        let whole = !altered || !entry.get().contains(char::REPLACEMENT_CHARACTER);
        let message = whole.then(|| serde_json::from_str::<Object<Message<'_>>>(entry.get()));
        Some(message?.ok()?.0.into_owned())
    };
    Ok(entries.messages.into_iter().map(message).collect())
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

    fn bodies(answer: &[u8]) -> Vec<Option<String>> {
        let messages = messages(answer).unwrap().into_iter();
        messages
            .map(|message| message.map(|message| message.body.into_owned()))
            .collect()
    }

    #[test]
    fn what_is_no_message_does_not_hold_up_the_others() {
        let message = |body: &[u8]| {
            let head = br#"{"MessageId":"m","ReceiptHandle":"r","Body":""#;
            [head, body, b"\"}"].concat()
        };
        for damaged in [
            message(b"\xff"),
            message(b"cut \xf0\x9f\x98"),
            message(br"\ud800"),
            b"{}".to_vec(),
            b"null".to_vec(),
            br#"["m","r",null,"a"]"#.to_vec(),
            b"7".to_vec(),
        ] {
            let entries = [message(b"a"), damaged, message("é".as_bytes())].join(&b',');
            let answer = [&b"{\"Messages\":["[..], &entries, b"]}"].concat();
            let expected = [Some("a".to_owned()), None, Some("é".to_owned())];
            let shown = String::from_utf8_lossy(&answer).into_owned();
            assert_eq!(bodies(&answer), expected, "{shown}");
        }
    }

    #[test]
    fn an_answer_without_messages_is_empty_and_another_is_none_of_sqs() {
        for empty in ["{}", r#"{"Messages":null}"#, r#"{"Messages":[]}"#] {
            assert_eq!(bodies(empty.as_bytes()), [], "{empty}");
        }
        for other in [
            "",
            "[",
            "<html>",
            "[]",
            "7",
            r#"{"Messages":7}"#,
            "\u{feff}{}",
        ] {
            let error = messages(other.as_bytes()).err();
            assert!(
                error.is_some_and(|error| !error.to_string().contains("html")),
                "{other}"
            );
        }
    }

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
