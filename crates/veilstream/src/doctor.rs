//! What keeps a run from working, and what endangers it: found before the first message is taken,
//! each with what to do about it. No message is received and no row changed. docs/doctor.md lists
//! the checks.

mod admin;
mod database;
mod network;
mod queue;
mod remedy;

use database::Told;
use masking::Keyset;
use serde::Serialize;

use crate::{
    config::Pipeline,
    load::{
        DatabaseError, catalogue::CatalogueError, catalogue::Fit, key_set::KeySetError,
        schema::SchemaError, sqlstate::Class,
    },
    source::{Queue, QueueError},
    startup::{Settings, StartError},
};

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// All is well.
    Ok,
    /// A run works, but something endangers it.
    Warning,
    /// A run does not work.
    Error,
}

/// What an error is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// The configuration: its file, or an address in it.
    Configuration,
    /// The key set.
    KeySet,
    /// The queue.
    Queue,
    /// The database.
    Database,
}

impl Subject {
    /// What keeps a run from starting.
    pub fn of(error: &StartError) -> Self {
        match error {
            StartError::Configuration(_) | StartError::Address(_) | StartError::Conninfo(_) => {
                Self::Configuration
            }
            StartError::KeysetFile(_)
            | StartError::Keyset(_)
            | StartError::Masks(_)
            | StartError::KeySet(
                KeySetError::Older { .. }
                | KeySetError::Forked { .. }
                | KeySetError::Exchanged { .. }
                | KeySetError::Other { .. }
                | KeySetError::Unbound { .. },
            ) => Self::KeySet,
            StartError::Queue(_) => Self::Queue,
            StartError::Database(_)
            | StartError::Schema(_)
            | StartError::Catalogue(_)
            | StartError::KeySet(KeySetError::Database(_)) => Self::Database,
        }
    }
}

/// What one check has found.
#[derive(Debug, Clone, Serialize)]
pub struct Finding {
    /// What was looked at, such as `dead-letter queue`.
    pub check: &'static str,
    /// Whether it is no error.
    pub ok: bool,
    /// How bad it is.
    pub verdict: Verdict,
    /// What was found. Never a key, a password or a message.
    pub detail: String,
    /// What to do about it, unless all is well.
    pub remedy: Option<String>,
    /// What an error is about.
    #[serde(skip)]
    pub subject: Option<Subject>,
    /// Whether it may be over by itself: a service did not answer.
    #[serde(skip)]
    pub is_passing: bool,
}

impl Finding {
    fn new(check: &'static str, verdict: Verdict, detail: impl Into<String>) -> Self {
        Self {
            check,
            ok: verdict != Verdict::Error,
            verdict,
            detail: detail.into(),
            remedy: None,
            subject: None,
            is_passing: false,
        }
    }

    fn ok(check: &'static str, detail: impl Into<String>) -> Self {
        Self::new(check, Verdict::Ok, detail)
    }

    fn warning(check: &'static str, detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            remedy: Some(remedy.into()),
            ..Self::new(check, Verdict::Warning, detail)
        }
    }

    fn error(
        check: &'static str,
        subject: Subject,
        detail: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        Self {
            remedy: Some(remedy.into()),
            subject: Some(subject),
            ..Self::new(check, Verdict::Error, detail)
        }
    }

    /// What keeps a run from starting.
    pub fn failed(check: &'static str, error: &StartError) -> Self {
        let remedy = remedy::remedy(error);
        let failed = Self::error(check, Subject::of(error), error.to_string(), remedy);
        Self {
            is_passing: is_passing(error),
            ..failed
        }
    }

    fn passing(self) -> Self {
        Self {
            is_passing: true,
            ..self
        }
    }

    /// What is not ok, with what to do about it, in one line.
    fn warning_line(&self) -> Option<String> {
        let remedy = self.remedy.as_ref()?;
        let lines: Vec<_> = self.detail.lines().map(str::trim).collect();
        Some(format!("{}: {}; {remedy}", self.check, lines.join(" ")))
    }
}

/// Whether a service may answer otherwise in a while.
fn is_passing(error: &StartError) -> bool {
    let of_database = |error: &DatabaseError| match error.class() {
        Class::Transient | Class::TooSlow | Class::Unknown => true,
        Class::Redelivery | Class::MissingPartition | Class::Row | Class::Setup => false,
    };
    match error {
        StartError::Queue(QueueError::Unreachable { .. } | QueueError::Busy { .. }) => true,
        StartError::Database(error)
        | StartError::Schema(SchemaError::Database(error))
        | StartError::Catalogue(CatalogueError::Database(error))
        | StartError::KeySet(KeySetError::Database(error)) => of_database(error),
        StartError::Configuration(_)
        | StartError::Address(_)
        | StartError::Conninfo(_)
        | StartError::KeysetFile(_)
        | StartError::Keyset(_)
        | StartError::Masks(_)
        | StartError::Queue(_)
        | StartError::Schema(_)
        | StartError::Catalogue(_)
        | StartError::KeySet(_) => false,
    }
}

/// Looks at everything that a run needs, in the order in which one thing depends on another.
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let pipeline = &settings.configuration().pipeline;
    let configuration = format!("pipeline {}, table {}", pipeline.name, pipeline.table);
    let keyset = settings.fitting_keyset().await;
    let services = Services::examine(settings, keyset.as_ref().ok()).await;
    let mut findings = vec![
        Finding::ok("configuration", configuration),
        match &keyset {
            Ok(keyset) => {
                let names: Vec<_> = keyset.domains().map(|one| one.name.to_string()).collect();
                Finding::ok("key set", format!("domains {}", names.join(", ")))
            }
            Err(error) => Finding::failed("key set", error),
        },
    ];
    findings.extend(services.queue);
    findings.extend(services.database);
    let admin = admin::examine(settings, keyset.as_ref().ok());
    findings.extend(Box::pin(admin).await);
    findings
}

/// What was found of queue and database.
struct Services {
    queue: Vec<Finding>,
    database: Vec<Finding>,
}

impl Services {
    async fn examine(settings: &Settings, keyset: Option<&Keyset>) -> Self {
        let (queue, database) = tokio::join!(
            Box::pin(queue::examine(settings)),
            Box::pin(database::examine(settings, keyset)),
        );
        let mut findings = queue.findings;
        if let Some(queue) = &queue.reached {
            let pipeline = &settings.configuration().pipeline;
            let dead = queue::dead_letter_queue(queue).await;
            findings.extend(queue::attributes(queue, pipeline, &database.told, dead));
        }
        Self {
            queue: findings,
            database: database.findings,
        }
    }
}

/// What endangers a run, in a line each with what to do about it.
#[derive(Debug, Clone, Default)]
pub struct Warnings {
    queue: Vec<String>,
    database: Vec<String>,
}

impl Warnings {
    /// Of what is known at a run's start anyway: nothing is asked again.
    pub fn at_start(queue: &Queue, fit: &Fit, pipeline: &Pipeline) -> Self {
        let mut findings = queue::attributes(queue, pipeline, &Told::default(), None);
        if let Ok(endpoint) = queue.client().endpoint().parse() {
            findings.push(queue::encryption(&endpoint));
        }
        Self {
            queue: findings.iter().filter_map(Finding::warning_line).collect(),
            database: fit.warnings.clone(),
        }
    }

    /// After another look at queue and database; the key set stays closed. Of a service that does not answer,
    /// what was known before is kept.
    pub async fn renewed(self, settings: &Settings) -> Self {
        let services = Services::examine(settings, None).await;
        let renewed = |before, findings: Vec<Finding>| {
            if findings.iter().any(|finding| finding.is_passing) {
                return before;
            }
            findings.iter().filter_map(Finding::warning_line).collect()
        };
        Self {
            queue: renewed(self.queue, services.queue),
            database: renewed(self.database, services.database),
        }
    }

    /// All of them.
    pub fn lines(&self) -> impl Iterator<Item = &String> {
        self.database.iter().chain(&self.queue)
    }
}
