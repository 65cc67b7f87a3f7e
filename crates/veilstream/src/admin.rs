//! The admin server of a run: is it alive, is it ready, what does it do, and what may a person do
//! about its quarantine.
//!
//! On loopback everybody may look. Elsewhere what holds numbers takes the token, and so does every
//! action everywhere. There are no cookies, so another site's page has nothing to ride on.

mod guard;
mod page;
mod quarantine;
mod server;
mod status;

use std::{io, net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Json, Router,
    extract::{Path, State},
    http::{HeaderMap, StatusCode, header},
    middleware,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use jiff::Timestamp;
use parking_lot::Mutex;
use serde::Deserialize;
use serde_json::json;
use tokio::{
    net::TcpListener,
    time::{Instant, MissedTickBehavior, interval_at},
};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use self::quarantine::Action;
pub use self::{
    guard::{Token, TokenError},
    quarantine::Operator,
    status::Status,
};
use crate::{
    doctor::Warnings, history::History, metrics::Metrics, pipeline::Pipeline, startup::Settings,
};

/// The format of Prometheus' text exposition.
const EXPOSITION: &str = "text/plain; version=0.0.4; charset=utf-8";

/// When the doctor looks again: by then a run is under way, and what changes is rarely urgent.
pub const LOOK_AFTER: Duration = Duration::from_mins(1);
/// And from then on. Each look makes some twenty calls, most of them to the database.
pub const LOOK_EVERY: Duration = Duration::from_hours(1);
/// A look that takes longer waits for a service that hangs.
const LONGEST_LOOK: Duration = Duration::from_mins(1);

/// How long an action that is under way may take once the run has ended: with what a run takes to stop, less
/// than Kubernetes' half minute.
const LAST_ACTION: Duration = Duration::from_secs(2);

/// What a run is, as it is shown.
pub struct About {
    /// The pipeline's name.
    pub pipeline: String,
    /// The target table.
    pub table: String,
    /// The queue's URL.
    pub queue: String,
    /// The database, without a password.
    pub database: String,
}

/// Everything that the server shows.
pub struct Admin {
    about: About,
    started_at: Timestamp,
    run: Pipeline,
    metrics: Arc<Metrics>,
    history: Arc<History>,
    token: Option<Token>,
    operator: Option<Arc<Operator>>,
    warnings: Mutex<Warnings>,
    looks: Option<Looks>,
}

/// When the doctor looks again at what a run needs.
struct Looks {
    settings: Settings,
    after: Duration,
    every: Duration,
}

impl Admin {
    /// Of a run that begins now.
    pub fn new(about: About, run: Pipeline, metrics: Arc<Metrics>, history: Arc<History>) -> Self {
        metrics.describe(&about.pipeline);
        Self {
            about,
            started_at: Timestamp::now(),
            run,
            metrics,
            history,
            token: None,
            operator: None,
            warnings: Mutex::default(),
            looks: None,
        }
    }

    /// With a token, and with who acts on the quarantine.
    #[must_use]
    pub fn with(self, token: Option<Token>, operator: Option<Operator>) -> Self {
        Self {
            token,
            operator: operator.map(Arc::new),
            ..self
        }
    }

    /// With what somebody should look at.
    #[must_use]
    pub fn warning_of(self, warnings: Warnings) -> Self {
        *self.warnings.lock() = warnings;
        self
    }

    /// And with what the doctor finds while it serves: a while after the start, and then every so often.
    #[must_use]
    pub fn looking_again(self, settings: Settings, after: Duration, every: Duration) -> Self {
        let looks = Some(Looks {
            settings,
            after,
            every,
        });
        Self { looks, ..self }
    }

    /// What the doctor found, and what the messages have shown.
    fn warnings(&self) -> Vec<String> {
        let mut warnings: Vec<_> = self.warnings.lock().lines().cloned().collect();
        warnings.extend(self.run.warnings());
        warnings
    }

    /// Has the doctor look again, for ever.
    async fn look_again(&self) {
        let Some(looks) = &self.looks else {
            return std::future::pending().await;
        };
        let mut ticks = interval_at(Instant::now() + looks.after, looks.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let known = self.warnings.lock().clone();
            let renewed = tokio::time::timeout(LONGEST_LOOK, known.renewed(&looks.settings)).await;
            // What hangs is not reached, and the page says so anyway.
            if let Ok(renewed) = renewed {
                *self.warnings.lock() = renewed;
            }
        }
    }

    /// Serves until `stop`; then a moment is left to answers and to an action that are under way.
    ///
    /// # Errors
    ///
    /// When the listener has no address.
    pub async fn serve(self, listener: TcpListener, stop: CancellationToken) -> io::Result<()> {
        let admin = Arc::new(self);
        let routes = routes(Arc::clone(&admin), listener.local_addr()?);
        tokio::select! {
            () = server::serve(listener, routes, stop) => {}
            () = admin.look_again() => {}
        }
        if let Some(operator) = &admin.operator {
            let _ = tokio::time::timeout(LAST_ACTION, operator.finish()).await;
        }
        Ok(())
    }
}

fn routes(admin: Arc<Admin>, address: SocketAddr) -> Router {
    let numbers = Router::new()
        .route("/metrics", get(metrics))
        .route("/api/status", get(status))
        .route_layer(middleware::from_fn_with_state(
            (Arc::clone(&admin), address),
            guard::to_look,
        ));
    let actions = Router::new()
        .route("/api/quarantine/{id}/replay", post(replay))
        .route("/api/quarantine/{id}/discard", post(discard))
        .route_layer(middleware::from_fn_with_state(
            Arc::clone(&admin),
            guard::to_act,
        ));
    Router::new()
        .route("/healthz", get(async || "ok\n"))
        .route(
            "/readyz",
            get(async move |State(admin): State<Arc<Admin>>| {
                ready(&admin, address.ip().is_loopback())
            }),
        )
        .merge(numbers)
        .merge(actions)
        .merge(page::routes())
        .layer(middleware::from_fn_with_state(address, guard::host))
        .with_state(admin)
}

/// Whoever may see everything else, for being on this machine, is told the cause as well.
fn ready(admin: &Admin, is_local: bool) -> Response {
    let state = admin.run.state();
    if state.is_ready() {
        return "ready\n".into_response();
    }
    let away = state.services.iter().filter(|service| !service.reachable);
    let reasons = away.map(|service| {
        let seconds = service.away_seconds.unwrap_or_default();
        let cause = service.cause.as_deref().filter(|_| is_local);
        let cause = cause.map_or_else(String::new, |cause| format!(": {cause}"));
        let service = service.service;
        format!("the {service} does not answer, for {seconds:.0} s{cause}\n")
    });
    (StatusCode::SERVICE_UNAVAILABLE, reasons.collect::<String>()).into_response()
}

async fn metrics(State(admin): State<Arc<Admin>>) -> Response {
    match admin.metrics.exposition(&admin.run.state()) {
        Ok(text) => ([(header::CONTENT_TYPE, EXPOSITION)], text).into_response(),
        Err(error) => refusal(StatusCode::INTERNAL_SERVER_ERROR, &error.to_string()),
    }
}

async fn status(State(admin): State<Arc<Admin>>) -> Response {
    let status = Status::of(&admin).await;
    ([(header::CACHE_CONTROL, "no-store")], Json(status)).into_response()
}

async fn replay(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Response {
    act(&admin, Action::Replay, &id).await
}

async fn discard(
    State(admin): State<Arc<Admin>>,
    Path(id): Path<String>,
    Json(Nothing {}): Json<Nothing>,
) -> Response {
    act(&admin, Action::Discard, &id).await
}

async fn act(admin: &Admin, action: Action, id: &str) -> Response {
    let Some(operator) = &admin.operator else {
        return refusal(StatusCode::FORBIDDEN, quarantine::NO_OPERATOR);
    };
    let Ok(id) = Uuid::try_parse(id) else {
        return refusal(StatusCode::NOT_FOUND, "no entry has such an id");
    };
    match Arc::clone(operator).act(action, id).await {
        Ok(outcome) => Json(outcome).into_response(),
        Err(failed) => refusal(failed.status, &failed.reason),
    }
}

/// The body of an action.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

fn refusal(status: StatusCode, what_to_do: &str) -> Response {
    (status, Json(json!({"error": what_to_do}))).into_response()
}

/// The value of a header that is text.
fn text<'h>(headers: &'h HeaderMap, name: &header::HeaderName) -> Option<&'h str> {
    headers.get(name)?.to_str().ok()
}
