//! What the batch actions share.

use crate::error::{ErrorCode, QueueError};
use crate::message_attributes::write_json;

/// A batch has at most ten entries.
const MAXIMUM_ENTRIES: usize = 10;
/// The longest id of an entry, in characters.
const MAXIMUM_ID: usize = 80;

/// Checks the number of entries and their ids (API Reference, errors of `SendMessageBatch`).
pub(crate) fn check<'a>(
    ids: impl ExactSizeIterator<Item = Option<&'a str>>,
) -> Result<(), QueueError> {
    if ids.len() == 0 {
        let text = "There should be at least one entry in the request.";
        return Err(QueueError::new(ErrorCode::EmptyBatchRequest, text));
    }
    if ids.len() > MAXIMUM_ENTRIES {
        let text = format!(
            "Maximum number of entries per request are {MAXIMUM_ENTRIES}. You have sent {}.",
            ids.len()
        );
        return Err(QueueError::new(
            ErrorCode::TooManyEntriesInBatchRequest,
            text,
        ));
    }
    let mut seen = [""; MAXIMUM_ENTRIES];
    for (index, id) in ids.enumerate() {
        let id = id.ok_or_else(|| QueueError::missing("Id"))?;
        let well_formed = (1..=MAXIMUM_ID).contains(&id.len())
            && id
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'));
        if !well_formed {
            let text = "A batch entry id can only contain alphanumeric characters, hyphens and underscores. \
                        It can be at most 80 letters long.";
            return Err(QueueError::new(ErrorCode::InvalidBatchEntryId, text));
        }
        if seen[..index].contains(&id) {
            let text = format!("Id {id} repeated.");
            return Err(QueueError::new(ErrorCode::BatchEntryIdsNotDistinct, text));
        }
        seen[index] = id;
    }
    Ok(())
}

/// The response of a batch, entry by entry.
#[derive(Debug)]
pub(crate) struct Outcome {
    successful: Vec<u8>,
    failed: Vec<u8>,
}

impl Outcome {
    pub(crate) fn new() -> Self {
        let mut successful = Vec::with_capacity(512);
        successful.extend_from_slice(b"{\"Successful\":[");
        Outcome {
            successful,
            failed: Vec::new(),
        }
    }

    /// An entry that succeeded; `details` writes what follows the id.
    pub(crate) fn succeed(&mut self, id: &str, details: impl FnOnce(&mut Vec<u8>)) {
        let out = &mut self.successful;
        if out.last() == Some(&b'}') {
            out.push(b',');
        }
        // The id was checked: there is nothing to escape in it.
        out.extend_from_slice(b"{\"Id\":\"");
        out.extend_from_slice(id.as_bytes());
        out.push(b'"');
        details(out);
        out.push(b'}');
    }

    pub(crate) fn fail(&mut self, id: &str, error: &QueueError) {
        let out = &mut self.failed;
        if !out.is_empty() {
            out.push(b',');
        }
        out.extend_from_slice(b"{\"Id\":\"");
        out.extend_from_slice(id.as_bytes());
        out.extend_from_slice(b"\",\"SenderFault\":true,\"Code\":");
        write_json(out, error.code().as_str());
        out.extend_from_slice(b",\"Message\":");
        write_json(out, error.message());
        out.push(b'}');
    }

    /// The JSON object; as at AWS, without `Failed` where nothing failed.
    pub(crate) fn finish(self) -> Vec<u8> {
        let mut out = self.successful;
        out.push(b']');
        if !self.failed.is_empty() {
            out.extend_from_slice(b",\"Failed\":[");
            out.extend_from_slice(&self.failed);
            out.push(b']');
        }
        out.push(b'}');
        out
    }
}
