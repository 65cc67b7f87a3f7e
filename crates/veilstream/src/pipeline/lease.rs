//! How long deliveries stay hidden from other consumers while they are in flight.

use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::{DataPath, LAST_ANSWER, over_since};
use crate::{delivery::Receipt, load::Batch, metrics::add, source::Extender};

impl DataPath {
    /// Keeps what is in flight hidden, until `end` and a last moment for calls that are under way.
    pub(super) async fn extend(self: Arc<Self>, end: CancellationToken) {
        let extender = Extender::new(&self.parts.queue, &self.leases, &self.metrics);
        tokio::select! {
            () = extender.run(&end) => {}
            () = over_since(&end, LAST_ANSWER) => {}
        }
    }

    /// Leaves those messages of a batch that have been in flight for longer than a lease may last:
    /// others may have them by now. Those of one receive have the same lease, so that a FIFO
    /// queue's order holds. Whether nothing remains.
    pub(super) fn leave_overdue(&self, batch: &mut Batch) -> bool {
        let overdue = Receipt::drop_overdue(batch, |message| &message.receipt);
        if let Some((messages, seconds)) = overdue {
            add(&self.metrics.left, messages);
            tracing::warn!(
                messages,
                seconds,
                "left in the queue: in flight for longer than queue.longest_lease"
            );
        }
        batch.is_empty()
    }
}
