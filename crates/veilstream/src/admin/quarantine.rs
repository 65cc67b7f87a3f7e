//! What a person may do about the quarantine from the dashboard, as the role that is set for it.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio_util::{sync::CancellationToken, task::TaskTracker};
use uuid::Uuid;

use crate::{
    load::quarantine::{self, Asked, DiscardError, Filter, Listed, ReplayError, Replayer, State},
    startup::{Settings, StartError, connect, reading},
};

pub(super) const NO_OPERATOR: &str = "set admin.database_url, a connection of the role veilstream_operator, to see and settle entries here";
const UNAVAILABLE: StatusCode = StatusCode::SERVICE_UNAVAILABLE;
const SHOWN: i64 = 20;
/// However many look, the database is asked so often.
const FRESH: Duration = Duration::from_secs(3);
/// A page is not kept waiting for a database that is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Acts on the quarantine of one pipeline, over connections of its own.
pub struct Operator {
    settings: Settings,
    newest: Mutex<Newest>,
    /// Held by the one action that may be under way: each opens the key set, and with a passphrase that
    /// takes 64 MiB.
    turn: Arc<Mutex<()>>,
    actions: TaskTracker,
}

/// What may be done about an entry.
#[derive(Debug, Clone, Copy)]
pub(super) enum Action {
    Replay,
    Discard,
}

struct Newest {
    asked: Option<Instant>,
    known: Result<Vec<Listed>, String>,
}

/// What came of an action.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    outcome: &'static str,
    detail: String,
}

/// Why there was none.
pub(super) struct Failed {
    pub(super) status: StatusCode,
    pub(super) reason: String,
}

impl Operator {
    /// With settings whose database is the operator's connection.
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            newest: Mutex::new(Newest {
                asked: None,
                known: Ok(Vec::new()),
            }),
            turn: Arc::default(),
            actions: TaskTracker::new(),
        }
    }

    /// The newest open entries, or why they are not known.
    pub(super) async fn newest(&self) -> Result<Vec<Listed>, String> {
        let mut newest = self.newest.lock().await;
        if newest.asked.is_none_or(|asked| asked.elapsed() >= FRESH) {
            let listing = tokio::time::timeout(PATIENCE, self.list()).await;
            newest.known =
                listing.unwrap_or_else(|_| Err("the database does not answer in time".to_owned()));
            newest.asked = Some(Instant::now());
        }
        newest.known.clone()
    }

    async fn list(&self) -> Result<Vec<Listed>, String> {
        let database = self
            .settings
            .database()
            .map_err(|error| error.to_string())?;
        let client = reading(&database)
            .await
            .map_err(|error| error.to_string())?;
        let filter = Filter {
            state: Some(State::Open),
            reason: None,
            pipeline: Some(self.pipeline().to_owned()),
        };
        let listed = quarantine::list(&client, &filter, SHOWN).await;
        listed.map_err(|error| error.to_string())
    }

    /// Acts when its turn comes. What has begun goes on when whoever asked for it leaves, so that whatever is
    /// committed is in the log.
    pub(super) async fn act(self: Arc<Self>, action: Action, id: Uuid) -> Result<Outcome, Failed> {
        let turn = Arc::clone(&self.turn).lock_owned().await;
        if self.actions.is_closed() {
            return Err(Failed::of(UNAVAILABLE, &"the worker is ending"));
        }
        let operator = Arc::clone(&self);
        let acting = self.actions.spawn(async move {
            let done = match action {
                Action::Replay => operator.replay(id).await,
                Action::Discard => operator.discard(id).await,
            };
            action.log(id, &done);
            drop(turn);
            done
        });
        let broken = "the action broke off; see what became of the entry";
        let done = acting.await;
        done.unwrap_or_else(|_| Err(Failed::of(StatusCode::INTERNAL_SERVER_ERROR, &broken)))
    }

    /// Begins nothing more, and waits for what is under way.
    pub(super) async fn finish(&self) {
        self.actions.close();
        self.actions.wait().await;
    }

    /// Loads one entry as the configuration says, if it does not reject it any more.
    async fn replay(&self, id: Uuid) -> Result<Outcome, Failed> {
        let replay = self.settings.replay().await?;
        let database = self.settings.database()?;
        let mut replayer = Replayer::new(database, replay, CancellationToken::new());
        replayer.run(Asked::Ids(vec![id]), |_, _| {}).await?;
        self.forget().await;
        let totals = replayer.totals();
        let still = totals.still_rejected.keys().next();
        Ok(match still {
            Some(code) => Outcome::new("rejected", format!("it is still rejected: {code}")),
            None if totals.unopened > 0 => {
                Outcome::new("rejected", "its original does not open with this key set")
            }
            None if totals.replayed > 0 => Outcome::new("loaded", "its row is loaded"),
            None if totals.duplicates > 0 => {
                Outcome::new("duplicate", "a row of the same event is there already")
            }
            None => Outcome::new("gone", "it was settled before"),
        })
    }

    /// Gives one entry up and erases its original.
    async fn discard(&self, id: Uuid) -> Result<Outcome, Failed> {
        let client = connect(&self.settings.database()?).await?;
        let discarded = quarantine::discard(client, &[id], self.pipeline()).await?;
        self.forget().await;
        Ok(if discarded > 0 {
            Outcome::new("discarded", "discarded; its original is erased")
        } else {
            Outcome::new("gone", "it was settled before")
        })
    }

    /// The next look is a new one.
    async fn forget(&self) {
        self.newest.lock().await.asked = None;
    }

    fn pipeline(&self) -> &str {
        &self.settings.configuration().pipeline.name
    }
}

impl Action {
    fn log(self, entry: Uuid, done: &Result<Outcome, Failed>) {
        let action = match self {
            Self::Replay => "replay",
            Self::Discard => "discard",
        };
        match done {
            Ok(Outcome { outcome, .. }) => {
                tracing::info!(action, %entry, outcome, "somebody acted from the admin page");
            }
            Err(Failed { reason, .. }) => {
                tracing::warn!(action, %entry, reason, "an action from the admin page failed");
            }
        }
    }
}

impl Outcome {
    fn new(outcome: &'static str, detail: impl Into<String>) -> Self {
        Self {
            outcome,
            detail: detail.into(),
        }
    }
}

impl Failed {
    fn of(status: StatusCode, error: &impl ToString) -> Self {
        Self {
            status,
            reason: error.to_string(),
        }
    }
}

impl From<StartError> for Failed {
    fn from(error: StartError) -> Self {
        Self::of(UNAVAILABLE, &error)
    }
}

impl From<ReplayError> for Failed {
    fn from(error: ReplayError) -> Self {
        let status = match &error {
            ReplayError::Unknown(_) => StatusCode::NOT_FOUND,
            ReplayError::OtherPipeline { .. } | ReplayError::Discarded(_) => StatusCode::CONFLICT,
            ReplayError::Database(_)
            | ReplayError::Entry { .. }
            | ReplayError::KeySet(_)
            | ReplayError::NoTrail(_) => UNAVAILABLE,
        };
        Self::of(status, &error)
    }
}

impl From<DiscardError> for Failed {
    fn from(error: DiscardError) -> Self {
        let status = match &error {
            DiscardError::Unknown(_) => StatusCode::NOT_FOUND,
            DiscardError::OtherPipeline { .. } | DiscardError::Settled { .. } => {
                StatusCode::CONFLICT
            }
            DiscardError::Database(_) => UNAVAILABLE,
        };
        Self::of(status, &error)
    }
}
