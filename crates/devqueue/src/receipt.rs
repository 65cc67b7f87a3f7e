//! Receipt handles.

use crate::error::{ErrorCode, QueueError};
use crate::identifier::{mix, write_hex};

/// Digits of a handle: sequence (16), number of the receive (8), tag (16).
const LENGTH: usize = 40;

/// Stands for one receiving of one message. Each receive of a message gives another one
/// (API Reference, `DeleteMessage`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Receipt {
    pub(crate) sequence: u64,
    pub(crate) receive_count: u32,
}

impl Receipt {
    /// The handle's text. The tag ties it to the queue, so that a handle of another queue or a
    /// made-up one is told from an old one. It is no protection against malice.
    pub(crate) fn handle(self, queue_key: u64) -> [u8; LENGTH] {
        let mut text = [0; LENGTH];
        write_hex(self.sequence, &mut text[..16]);
        write_hex(u64::from(self.receive_count), &mut text[16..24]);
        write_hex(self.tag(queue_key), &mut text[24..]);
        text
    }

    pub(crate) fn parse(handle: &str, queue_key: u64) -> Result<Self, QueueError> {
        Self::read(handle, queue_key).ok_or_else(|| {
            QueueError::new(
                ErrorCode::ReceiptHandleIsInvalid,
                "The input receipt handle is invalid: this queue did not give it out.",
            )
        })
    }

    fn read(handle: &str, queue_key: u64) -> Option<Self> {
        let well_formed = handle.len() == LENGTH
            && handle
                .bytes()
                .all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !well_formed {
            return None;
        }
        let receipt = Receipt {
            sequence: u64::from_str_radix(&handle[..16], 16).ok()?,
            receive_count: u32::from_str_radix(&handle[16..24], 16).ok()?,
        };
        let tag = u64::from_str_radix(&handle[24..], 16).ok()?;
        (tag == receipt.tag(queue_key)).then_some(receipt)
    }

    fn tag(self, queue_key: u64) -> u64 {
        mix(mix(self.sequence ^ queue_key) ^ u64::from(self.receive_count))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_is_read_back_by_its_own_queue_only() {
        let receipt = Receipt {
            sequence: 7,
            receive_count: 3,
        };
        let handle = receipt.handle(11);
        let handle = std::str::from_utf8(&handle).unwrap();
        assert_eq!(Receipt::parse(handle, 11), Ok(receipt));
        for (text, key) in [(handle, 12), ("", 11), ("nonsense", 11), (&handle[1..], 11)] {
            let error = Receipt::parse(text, key).unwrap_err();
            assert_eq!(error.code(), ErrorCode::ReceiptHandleIsInvalid);
        }
    }
}
