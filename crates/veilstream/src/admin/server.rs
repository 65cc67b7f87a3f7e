//! The server itself: whoever connects takes neither the worker's file descriptors nor its memory.

use std::{pin::pin, sync::Arc, time::Duration};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use tokio::{net::TcpListener, sync::Semaphore};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

const MOST_CONNECTIONS: usize = 64;
/// Within this time a request's head has to be there.
const HEAD_TIMEOUT: Duration = Duration::from_secs(5);
/// Then a connection ends with the request that is under way; a browser connects again.
const LONGEST_CONNECTION: Duration = Duration::from_secs(30);
/// A replay may take a minute and a half.
const LONGEST_REQUEST: Duration = Duration::from_mins(2);
/// Then an answer that is under way is not worth waiting for any longer.
const LAST_ANSWERS: Duration = Duration::from_millis(500);
/// After the system gave no connection, such as for lack of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until `stop`; answers that are under way then have a moment.
pub(super) async fn serve(listener: TcpListener, routes: Router, stop: CancellationToken) {
    let connections = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    let tasks = TaskTracker::new();
    loop {
        let accepting = async {
            let permit = Arc::clone(&connections).acquire_owned().await;
            (permit, listener.accept().await)
        };
        let (permit, accepted) = tokio::select! {
            accepted = accepting => accepted,
            () = stop.cancelled() => break,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        let service = TowerToHyperService::new(routes.clone());
        let stop = stop.clone();
        tasks.spawn(async move {
            let serving = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service);
            let mut serving = pin!(serving);
            // That a connection fails is the matter of who connected.
            tokio::select! {
                _ = serving.as_mut() => return drop(permit),
                () = tokio::time::sleep(LONGEST_CONNECTION) => {}
                () = stop.cancelled() => {}
            }
            serving.as_mut().graceful_shutdown();
            let _ = tokio::time::timeout(LONGEST_REQUEST, serving).await;
            drop(permit);
        });
    }
    tasks.close();
    let _ = tokio::time::timeout(LAST_ANSWERS, tasks.wait()).await;
}
