//! Whatever comes as an answer of SQS, in JSON or in XML: it is refused, or what it becomes stands in
//! it.

#![no_main]

use std::collections::HashMap;

use libfuzzer_sys::fuzz_target;
use roxmltree::{Document, Node};
use serde_json::{Value, value::RawValue};
use veilstream::source::{EntryFailure, answer, query};

fuzz_target!(|bytes: &[u8]| {
    json(bytes);
    xml(bytes);
});

fn json(bytes: &[u8]) {
    if let Ok(messages) = answer::messages(bytes) {
        // Another parser looks only into what is text as a whole.
        let entries = str::from_utf8(bytes).ok().map(|text| list(text, "Messages"));
        if let Some(entries) = entries {
            assert_eq!(messages.len(), entries.len());
            for (message, entry) in messages.iter().zip(entries) {
                let Some(message) = message else { continue };
                let said = |name| text(entry, name);
                assert_eq!(said("MessageId").as_deref(), Some(&*message.message_id));
                assert_eq!(said("ReceiptHandle").as_deref(), Some(&*message.receipt_handle));
                assert_eq!(said("Body").as_deref(), Some(&*message.body));
                assert_eq!(said("MD5OfBody").as_deref(), message.md5_of_body.as_deref());
                let _ = message.sent_at_millis();
            }
        }
    }
    if let Ok(failures) = answer::failures(bytes, 10) {
        let places = places(&failures);
        if let Ok(answer) = serde_json::from_slice::<Value>(bytes) {
            for place in (0..10).filter(|place| !places.contains(place)) {
                let mut successful = answer["Successful"].as_array().into_iter().flatten();
                let is_this = |entry: &Value| entry["Id"].as_str().is_some_and(|id| id.parse() == Ok(place));
                assert!(successful.any(is_this), "{place}");
            }
        }
    }
}

fn xml(bytes: &[u8]) {
    let _ = query::answer::queue_url(bytes);
    let _ = query::answer::attributes(bytes);
    // Another parser looks only into what is text as a whole, and makes other ends of lines.
    let text = str::from_utf8(bytes).ok().filter(|text| !text.contains('\r'));
    let document = text.and_then(|text| Document::parse(text).ok());
    if let Ok(messages) = query::answer::messages(bytes)
        && let Some(document) = &document
    {
        let entries = of_result(document, "ReceiveMessageResult", "Message");
        assert_eq!(messages.len(), entries.len());
        for (message, entry) in messages.iter().zip(entries) {
            let Some(message) = message else { continue };
            let said = |name| child(entry, name).map(content);
            assert_eq!(said("MessageId").as_deref(), Some(&*message.message_id));
            assert_eq!(said("ReceiptHandle").as_deref(), Some(&*message.receipt_handle));
            assert_eq!(said("Body").as_deref(), Some(&*message.body));
            assert_eq!(said("MD5OfBody").as_deref(), message.md5_of_body.as_deref());
            let _ = message.sent_at_millis();
        }
    }
    if let Ok(failures) = query::answer::failures("DeleteMessageBatch", bytes, 10) {
        let places = places(&failures);
        if let Some(document) = &document {
            let names = ["DeleteMessageBatchResult", "DeleteMessageBatchResultEntry"];
            let successful = of_result(document, names[0], names[1]);
            for place in (0..10).filter(|place| !places.contains(place)) {
                let is_this = |entry: &Node<'_, '_>| {
                    let ids = entry.children().filter(|child| child.tag_name().name() == "Id");
                    ids.last().is_some_and(|id| content(id).parse() == Ok(place))
                };
                assert!(successful.iter().any(is_this), "{place}");
            }
        }
    }
}

/// The entries that failed, after what holds for them however they were told.
fn places(failures: &[EntryFailure]) -> Vec<usize> {
    let places: Vec<_> = failures.iter().map(|failure| failure.id.0).collect();
    assert!(places.is_sorted_by(|one, next| one < next));
    assert!(places.iter().all(|place| *place < 10));
    let printable = |code: &str| code.len() <= 80 && code.bytes().all(|byte| byte.is_ascii_graphic());
    assert!(failures.iter().all(|failure| printable(&failure.code)));
    places
}

/// The elements of a name in the answer's results.
fn of_result<'a>(document: &'a Document<'_>, result: &str, name: &str) -> Vec<Node<'a, 'a>> {
    let results = document.root_element().children().filter(|part| part.tag_name().name() == result);
    let children = results.flat_map(|result| result.children());
    children.filter(|child| child.is_element() && child.tag_name().name() == name).collect()
}

fn child<'a>(entry: Node<'a, 'a>, name: &str) -> Option<Node<'a, 'a>> {
    entry.children().find(|child| child.tag_name().name() == name)
}

/// The text of an element that holds nothing else.
fn content(element: Node<'_, '_>) -> String {
    element.children().filter_map(|piece| piece.is_text().then(|| piece.text())?).collect()
}

fn list<'t>(text: &'t str, name: &str) -> Vec<&'t RawValue> {
    let answer: HashMap<String, &RawValue> = serde_json::from_str(text).expect("an object");
    let list = answer.get(name).map(|list| serde_json::from_str(list.get()).expect("a list or null"));
    list.flatten().unwrap_or_default()
}

fn text(entry: &RawValue, name: &str) -> Option<String> {
    let entry: HashMap<String, &RawValue> = serde_json::from_str(entry.get()).expect("an object");
    serde_json::from_str(entry.get(name)?.get()).expect("a text or null")
}
