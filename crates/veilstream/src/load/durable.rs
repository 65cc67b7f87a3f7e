//! The proof that a delivery may be deleted.

use super::transaction::Committed;
use crate::delivery::Receipt;

/// A delivery whose row or quarantine entry is on the database's disk, or was there already.
/// Only this can be deleted from the queue, and only a committed transaction makes it.
pub struct Durable(Receipt);

impl Durable {
    /// Needs the proof that the transaction which holds this delivery's claim has committed.
    pub(super) fn new(mut receipt: Receipt, _proof: &Committed) -> Self {
        receipt.settled();
        Self(receipt)
    }

    pub(crate) fn receipt(&self) -> &Receipt {
        &self.0
    }
}
