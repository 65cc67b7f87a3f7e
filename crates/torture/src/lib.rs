//! Torture of the real binary: workers that are killed, a PostgreSQL that crashes, and proxies that
//! cut, lose, delay and lie, all drawn from one seed; then an oracle that knows every message that
//! was sent holds what is there against it.
//!
//! The seed decides over messages, plan and faults. When a process gets to which place is the
//! machine's own affair, so two runs of a seed are alike and not the same.

mod crew;
mod database_faults;
mod director;
mod event;
mod oracle;
mod plan;
mod pooler;
mod queue_faults;
mod report;
mod scenario;
mod slot;
mod stage;
mod tally;
mod worker;

use anyhow::{Context, Result};
use tempfile::TempDir;

pub use report::{Count, Outcome, Report};
pub use scenario::{Options, Scenario};

use plan::Plan;
use stage::Stage;

/// One run, from its servers' start to their end.
///
/// # Errors
///
/// When a server or a clean worker fails; what the faults brought about is in the report.
pub async fn run(options: Options) -> Result<Report> {
    let plan = Plan::new(&options);
    let (scenario, seed) = (options.scenario.name(), options.seed);
    let mut stage = Stage::set_up(options).await?;
    let judged = judged(&stage, plan).await;
    let fine = judged.as_ref().is_ok_and(Report::is_clean);
    if fine {
        return judged;
    }
    let logs = std::mem::replace(&mut stage.logs, TempDir::new()?).keep();
    let mut report = judged.with_context(|| {
        let logs = logs.display();
        format!("scenario {scenario}, seed {seed}, logs in {logs}")
    })?;
    report.logs = Some(logs);
    Ok(report)
}

async fn judged(stage: &Stage, plan: Plan) -> Result<Report> {
    let played = director::play(stage, plan).await?;
    let verdict = oracle::judge(stage, &played).await?;
    Ok(Report::new(stage, &played, verdict))
}
