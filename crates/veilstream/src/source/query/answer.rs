//! What SQS answers in XML: the messages of a receive, what became of a batch's entries, and the
//! little that is asked for at start.

use std::{borrow::Cow, collections::HashMap};

use super::{
    super::{
        answer::unsettled,
        protocol::{Entry, EntryFailure, Message, printable},
    },
    elements::Elements,
};

pub use super::elements::NotSqs;

/// The messages in the body of a receive; `None` for what stands among them but is no message,
/// so that it does not hold up the others.
///
/// # Errors
///
/// When it is not an answer of SQS.
pub fn messages(body: &[u8]) -> Result<Vec<Option<Message<'_>>>, NotSqs> {
    match String::from_utf8_lossy(body) {
        Cow::Borrowed(text) => messages_of(Elements::of(text, false)),
        // What is no text anywhere must not pass for text that merely resembles it.
        Cow::Owned(text) => {
            let messages = messages_of(Elements::of(&text, true))?.into_iter();
            Ok(messages
                .map(|message| message.map(Message::into_owned))
                .collect())
        }
    }
}

fn messages_of(mut answer: Elements<'_>) -> Result<Vec<Option<Message<'_>>>, NotSqs> {
    let mut messages = Vec::new();
    each_in_result(&mut answer, "ReceiveMessage", |answer, name| {
        match name {
            "Message" => messages.push(message(answer)?),
            _ => answer.skip()?,
        }
        Ok(())
    })?;
    Ok(messages)
}

/// Of so many entries those that failed, in their order, from the body of an answer to
/// `DeleteMessageBatch` or `ChangeMessageVisibilityBatch`.
///
/// An entry that is not said to have succeeded has not: partial answers exist.
///
/// # Errors
///
/// When it is not an answer of SQS.
pub fn failures(action: &str, body: &[u8], entries: usize) -> Result<Vec<EntryFailure>, NotSqs> {
    let mut succeeded = Vec::new();
    let mut failed = Vec::new();
    // A success may be answered with no body at all.
    if !body.is_empty() {
        let text = String::from_utf8_lossy(body);
        let mut answer = Elements::of(&text, true);
        each_in_result(&mut answer, action, |answer, name| {
            if name == "BatchResultErrorEntry" {
                failed.push(failure(answer)?);
            } else if name.strip_prefix(action) == Some("ResultEntry") {
                succeeded.push(success(answer)?);
            } else {
                answer.skip()?;
            }
            Ok(())
        })?;
    }
    Ok(unsettled(
        entries,
        |place| succeeded.contains(&place),
        failed,
    ))
}

/// The URL in the body of an answer to `GetQueueUrl`.
///
/// # Errors
///
/// When it is not an answer of SQS.
pub fn queue_url(body: &[u8]) -> Result<String, NotSqs> {
    let text = String::from_utf8_lossy(body);
    let mut answer = Elements::of(&text, true);
    let mut url = None;
    each_in_result(&mut answer, "GetQueueUrl", |answer, name| {
        let text = answer.text()?;
        if name == "QueueUrl" {
            url = text.map(Cow::into_owned);
        }
        Ok(())
    })?;
    url.ok_or_else(|| answer.wrong("no QueueUrl"))
}

/// The attributes in the body of an answer to `GetQueueAttributes`.
///
/// # Errors
///
/// When it is not an answer of SQS.
pub fn attributes(body: &[u8]) -> Result<HashMap<String, String>, NotSqs> {
    let text = String::from_utf8_lossy(body);
    let mut answer = Elements::of(&text, true);
    let mut attributes = HashMap::new();
    each_in_result(&mut answer, "GetQueueAttributes", |answer, name| {
        match name {
            "Attribute" => {
                let attribute = attribute(answer)?;
                attributes.extend(attribute.map(|[name, value]| (name.into(), value.into())));
            }
            _ => answer.skip()?,
        }
        Ok(())
    })?;
    Ok(attributes)
}

/// The code in the body of a refusal, whatever it holds; `None` if it is not SQS's.
pub(in super::super) fn error_code(body: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(body);
    let mut answer = Elements::of(&text, true);
    let root = answer.child().ok()??;
    if root.local_name().as_ref() != "ErrorResponse" {
        return None;
    }
    while let Some(child) = answer.child().ok()? {
        if child.local_name().as_ref() != "Error" {
            answer.skip().ok()?;
            continue;
        }
        while let Some(field) = answer.child().ok()? {
            let text = answer.text().ok()?;
            if field.local_name().as_ref() == "Code" {
                return text.map(Cow::into_owned);
            }
        }
    }
    None
}

/// Leads through an answer, up to its end: `read` is called within each element of its result, with
/// that element's name, and leaves it.
fn each_in_result<'t>(
    answer: &mut Elements<'t>,
    action: &str,
    mut read: impl FnMut(&mut Elements<'t>, &str) -> Result<(), NotSqs>,
) -> Result<(), NotSqs> {
    let root = answer.child()?;
    let is = |name: &str, what| name.strip_prefix(action) == Some(what);
    if !root.is_some_and(|root| is(root.local_name().as_ref(), "Response")) {
        return Err(answer.wrong("no answer to this call"));
    }
    while let Some(part) = answer.child()? {
        if is(part.local_name().as_ref(), "Result") {
            while let Some(child) = answer.child()? {
                read(answer, child.local_name().as_ref())?;
            }
        } else {
            answer.skip()?;
        }
    }
    match answer.child()? {
        None => Ok(()),
        Some(_) => Err(answer.wrong("more than one answer")),
    }
}

/// `None` if it lacks what a message has, or has it twice, or not as text.
fn message<'t>(answer: &mut Elements<'t>) -> Result<Option<Message<'t>>, NotSqs> {
    let [mut id, mut handle, mut md5, mut body, mut sent] = [const { None }; 5];
    let mut whole = true;
    while let Some(field) = answer.child()? {
        whole &= match field.local_name().as_ref() {
            "MessageId" => set(&mut id, answer.text()?),
            "ReceiptHandle" => set(&mut handle, answer.text()?),
            "MD5OfBody" => set(&mut md5, answer.text()?),
            "Body" => set(&mut body, answer.text()?),
            "Attribute" => match attribute(answer)? {
                Some([name, value]) if name == "SentTimestamp" => set(&mut sent, Some(value)),
                Some(_) | None => true,
            },
            _ => {
                answer.skip()?;
                true
            }
        };
    }
    let message = || {
        Some(Message {
            message_id: id?,
            receipt_handle: handle?,
            md5_of_body: md5,
            body: body?,
            sent_timestamp: sent,
        })
    };
    Ok(if whole { message() } else { None })
}

/// Whether the field was not set before, and is text.
fn set<'t>(field: &mut Option<Cow<'t, str>>, text: Option<Cow<'t, str>>) -> bool {
    let first = field.is_none();
    *field = text;
    first && field.is_some()
}

/// A name and its value.
fn attribute<'t>(answer: &mut Elements<'t>) -> Result<Option<[Cow<'t, str>; 2]>, NotSqs> {
    let (mut name, mut value) = (None, None);
    while let Some(field) = answer.child()? {
        let text = answer.text()?;
        match field.local_name().as_ref() {
            "Name" => name = text,
            "Value" => value = text,
            _ => {}
        }
    }
    Ok(name.zip(value).map(|(name, value)| [name, value]))
}

/// The place of an entry that succeeded.
fn success(answer: &mut Elements<'_>) -> Result<usize, NotSqs> {
    let mut id = None;
    while let Some(field) = answer.child()? {
        let text = answer.text()?;
        if field.local_name().as_ref() == "Id" {
            id = text;
        }
    }
    place(answer, id.as_deref())
}

fn failure(answer: &mut Elements<'_>) -> Result<EntryFailure, NotSqs> {
    let (mut id, mut code, mut sender_fault) = (None, None, false);
    while let Some(field) = answer.child()? {
        let text = answer.text()?;
        match field.local_name().as_ref() {
            "Id" => id = text,
            "Code" => code = text,
            "SenderFault" => {
                sender_fault = text.is_some_and(|text| text.eq_ignore_ascii_case("true"));
            }
            _ => {}
        }
    }
    Ok(EntryFailure {
        id: Entry(place(answer, id.as_deref())?),
        sender_fault,
        code: printable(&code.unwrap_or_default()),
    })
}

fn place(answer: &Elements<'_>, id: Option<&str>) -> Result<usize, NotSqs> {
    let place = id.and_then(|id| id.parse().ok());
    place.ok_or_else(|| answer.wrong("an entry id of another batch"))
}

#[cfg(test)]
mod tests;
