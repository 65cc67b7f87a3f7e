//! What a message is on its way: delivered, then durable or left. The types carry the guarantee:
//! only a [`Durable`] can be deleted from the queue, and only a COMMIT makes one.

use std::sync::Arc;

use md5::{Digest, Md5};

pub use crate::load::Durable;
pub use crate::source::Receipt;
use crate::source::{Lease, Message};

/// One message as SQS handed it out, arrived whole.
pub struct Delivery {
    /// The event, as text.
    pub body: String,
    /// When the message was sent, in milliseconds since 1970-01-01 UTC (SQS `SentTimestamp`;
    /// redelivery does not change it).
    pub sent_at_millis: i64,
    /// What settles this delivery.
    pub receipt: Receipt,
}

/// A delivery that stays in the queue: nothing of it was claimed or loaded, and SQS hands it out
/// again.
pub struct Left(pub(crate) Receipt);

/// Why a delivery is left in the queue as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It did not arrive whole, or the server gave no digest to tell.
    #[error("its body is not what its MD5 digest says")]
    WrongDigest,
    /// Without it a redelivery could not be recognised.
    #[error("the server gave no SentTimestamp, without which a redelivery cannot be recognised")]
    NoSentTimestamp,
    /// The answer holds something that is no message.
    #[error("it is not of the form that SQS documents")]
    NotAMessage,
    /// An earlier one of the same receive was left, and a FIFO queue's order must hold.
    #[error("an earlier message of the FIFO queue was left")]
    AfterLeft,
}

impl Delivery {
    /// Takes a message as delivered if it arrived whole; `place` is its own in the lease.
    ///
    /// # Errors
    ///
    /// Why it has to stay in the queue.
    pub fn accept(message: Message<'_>, lease: &Arc<Lease>, place: usize) -> Result<Self, Unfit> {
        let sent_at_millis = Self::sent_at_millis(&message)?;
        Ok(Self {
            body: message.body.into_owned(),
            sent_at_millis,
            receipt: lease.receipt(place),
        })
    }

    /// When a message was sent, if it arrived whole.
    ///
    /// # Errors
    ///
    /// Why it has to stay in the queue.
    pub fn sent_at_millis(message: &Message<'_>) -> Result<i64, Unfit> {
        let digest = message.md5_of_body.as_deref().ok_or(Unfit::WrongDigest)?;
        if !is_md5_of(digest, &message.body) {
            return Err(Unfit::WrongDigest);
        }
        message.sent_at_millis().ok_or(Unfit::NoSentTimestamp)
    }
}

impl Left {
    pub(crate) fn receipt(&self) -> &Receipt {
        &self.0
    }
}

/// Whether 32 hexadecimal digits are the MD5 digest of a body.
fn is_md5_of(digits: &str, body: &str) -> bool {
    let digest: [u8; 16] = Md5::digest(body).into();
    digits.len() == 32 && u128::from_str_radix(digits, 16) == Ok(u128::from_be_bytes(digest))
}

#[cfg(test)]
mod tests {
    use super::is_md5_of;

    /// RFC 1321, appendix A.5.
    #[test]
    fn a_digest_is_that_of_its_body_in_either_case() {
        let digits = "f96b697d7cb7938d525a2f31aaf161d0";
        assert!(is_md5_of(digits, "message digest"));
        assert!(is_md5_of(&digits.to_uppercase(), "message digest"));
        assert!(!is_md5_of(digits, "message digest "));
        assert!(!is_md5_of(&digits[1..], "message digest"));
        assert!(!is_md5_of("", ""));
    }
}
