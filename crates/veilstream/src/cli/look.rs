//! A look into the queue that gives everything back, as `inspect`, `plan` and `init` take it.

use tokio_util::sync::CancellationToken;
use veilstream::{
    inspect::Source,
    source::{Message, Permission, Sampling, SamplingError},
    startup::Settings,
};

use super::exit::Failure;

/// Hands up to `wanted` messages to `see` and gives all of them back; `None` if it was stopped.
pub(super) async fn look(
    settings: &Settings,
    wanted: u32,
    force: bool,
    stop: &CancellationToken,
    see: impl FnMut(&Message<'_>),
) -> Option<Result<Source, Failure>> {
    let queue = match unless_stopped(stop, settings.queue()).await? {
        Ok(queue) => queue,
        Err(error) => return Some(Err(error.into())),
    };
    let sampling = match Sampling::new(&queue, force) {
        Ok(sampling) => sampling,
        Err(error) => return Some(Err(error.into())),
    };
    // Who may not give back takes nothing.
    match unless_stopped(stop, queue.probe(Permission::ChangeVisibility)).await? {
        Err(error) if error.is_denied() => {
            return Some(Err(SamplingError::Queue(error).into()));
        }
        Ok(()) | Err(_) => {}
    }
    let taken = sampling.take(wanted as usize, stop, see).await;
    let taken = match taken {
        Ok(taken) => taken,
        Err(error) => return Some(Err(error.into())),
    };
    if stop.is_cancelled() {
        let messages = taken.messages - taken.not_given_back.min(taken.messages);
        tracing::info!(messages, "stopped; they are given back");
        return None;
    }
    Some(Ok(Source::Queue {
        url: queue.url().to_owned(),
        not_given_back: taken.not_given_back,
        out_of_time: taken.out_of_time,
    }))
}

/// What has nothing to settle when it is stopped; `None` if it was.
pub(super) async fn unless_stopped<T>(
    stop: &CancellationToken,
    work: impl Future<Output = T>,
) -> Option<T> {
    tokio::select! {
        result = work => Some(result),
        () = stop.cancelled() => None,
    }
}
