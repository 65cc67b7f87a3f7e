//! What a person may do about the quarantine from the dashboard, as the role that is set for it.

use std::time::{Duration, Instant};

use axum::http::StatusCode;
use serde::Serialize;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use crate::{
    load::quarantine::{self, Asked, DiscardError, Filter, Listed, ReplayError, Replayer, State},
    startup::{Settings, StartError, connect, reading},
};

pub(super) const NO_OPERATOR: &str = "set admin.database_url, a connection of the role veilstream_operator, to see and settle entries here";
const SHOWN: i64 = 20;
/// However many look, the database is asked so often.
const FRESH: Duration = Duration::from_secs(3);
/// A page is not kept waiting for a database that is away.
const PATIENCE: Duration = Duration::from_secs(2);

/// Acts on the quarantine of one pipeline, over connections of its own.
pub struct Operator {
    settings: Settings,
    newest: Mutex<Newest>,
}

struct Newest {
    asked: Option<Instant>,
    known: Result<Vec<Listed>, String>,
}

/// What came of an action.
#[derive(Debug, Serialize)]
pub(super) struct Outcome {
    pub(super) outcome: &'static str,
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

    /// Loads one entry as the configuration says, if it does not reject it any more.
    pub(super) async fn replay(&self, id: Uuid) -> Result<Outcome, Failed> {
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
    pub(super) async fn discard(&self, id: Uuid) -> Result<Outcome, Failed> {
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
        Self::of(StatusCode::SERVICE_UNAVAILABLE, &error)
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
            | ReplayError::NoTrail(_) => StatusCode::SERVICE_UNAVAILABLE,
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
            DiscardError::Database(_) => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::of(status, &error)
    }
}
