//! What keeps a run from working, and what endangers it: found before the first message is taken,
//! each with what to do about it. No message is received and no row changed. docs/doctor.md lists
//! the checks.

mod admin;
mod database;
mod network;
mod queue;
mod remedy;

use database::Told;
use serde::Serialize;

use crate::{
    config::Pipeline,
    load::{catalogue::Fit, key_set::KeySetError},
    source::Queue,
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
        Self::error(check, Subject::of(error), error.to_string(), remedy)
    }
}

/// Looks at everything that a run needs, in the order in which one thing depends on another.
pub async fn examine(settings: &Settings) -> Vec<Finding> {
    let pipeline = &settings.configuration().pipeline;
    let configuration = format!("pipeline {}, table {}", pipeline.name, pipeline.table);
    let keyset = settings.fitting_keyset().await;
    let (queue, database) = tokio::join!(
        Box::pin(queue::examine(settings)),
        Box::pin(database::examine(settings, keyset.as_ref().ok())),
    );
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
    findings.extend(queue.findings);
    if let Some(queue) = &queue.reached {
        let dead = queue::dead_letter_queue(queue).await;
        findings.extend(queue::attributes(queue, pipeline, &database.told, dead));
    }
    findings.extend(database.findings);
    let admin = admin::examine(settings, keyset.as_ref().ok());
    findings.extend(Box::pin(admin).await);
    findings
}

/// What endangers a run, of what is known at its start anyway: nothing is asked again.
pub fn warnings(queue: &Queue, fit: &Fit, pipeline: &Pipeline) -> Vec<String> {
    let mut findings = queue::attributes(queue, pipeline, &Told::default(), None);
    if let Ok(endpoint) = queue.client().endpoint().parse() {
        findings.push(queue::encryption(&endpoint));
    }
    let of_queue = findings.into_iter().filter_map(|finding| {
        let remedy = finding.remedy?;
        Some(format!("{}: {}; {remedy}", finding.check, finding.detail))
    });
    fit.warnings.iter().cloned().chain(of_queue).collect()
}
