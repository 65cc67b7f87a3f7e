//! Knows every message that was sent, and holds it against what is there.

mod books;
mod landed;
mod tokens;

use std::fmt::Write as _;

use anyhow::Result;

use crate::{director::Played, stage::Stage};
use landed::Landed;

/// Of violations of one kind, so many are named.
const NAMED: usize = 5;

/// What came of a run.
pub(crate) struct Verdict {
    pub(crate) rows: usize,
    pub(crate) quarantined: usize,
    pub(crate) queued: usize,
    pub(crate) lost: usize,
    pub(crate) doubled: usize,
    pub(crate) violations: Violations,
}

/// What is wrong, in words.
#[derive(Debug, Default)]
pub(crate) struct Violations(Vec<String>);

impl Violations {
    pub(crate) fn add(&mut self, what: impl Into<String>) {
        self.0.push(what.into());
    }

    /// Several of one kind: how many, and the first of them.
    pub(crate) fn add_all(&mut self, what: &str, those: &[String]) {
        if those.is_empty() {
            return;
        }
        let mut text = format!("{} {what}: ", those.len());
        let named = those.len().min(NAMED);
        let _ = write!(text, "{}", those[..named].join("; "));
        if named < those.len() {
            text.push_str("; …");
        }
        self.add(text);
    }

    pub(crate) fn into_lines(self) -> Vec<String> {
        self.0
    }
}

/// Judges a run whose workers have all ended.
pub(crate) async fn judge(stage: &Stage, played: &Played) -> Result<Verdict> {
    let mut violations = Violations::default();
    let landed = Landed::read(stage).await?;
    let queued = stage.queued();
    if queued > 0 {
        violations.add(format!("{queued} messages are still in the queue"));
    }
    let counts = landed.hold_against(&played.sent, queued, &mut violations);
    landed.hold_order(&played.sent, &mut violations);
    tokens::check(stage, &played.sent, &landed, &mut violations).await?;
    books::check(stage, played, counts.rows, &mut violations)?;
    Ok(Verdict {
        rows: counts.rows,
        quarantined: counts.quarantined,
        queued,
        lost: counts.lost,
        doubled: counts.doubled,
        violations,
    })
}
