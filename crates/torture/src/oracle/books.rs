//! What the workers say of themselves, and what they must never say.

use std::fs;

use anyhow::Result;

use super::Violations;
use crate::{crew::Departed, director::Played, event::PERSONAL_MARKS, stage::Stage};

/// As the shell has it: 128 and SIGTERM.
const TERMINATED: i32 = 143;
/// The queue or the database cannot be reached: what a start under faults may end with.
const UNREACHED: [i32; 2] = [3, 4];

/// Every worker that ended with a summary accounts for all it received, and none ended by itself
/// once it had started.
pub(super) fn check(
    stage: &Stage,
    played: &Played,
    rows: usize,
    violations: &mut Violations,
) -> Result<()> {
    let mut loaded = 0;
    let told = played.departed.iter().filter_map(|one| one.ended.summary);
    for summary in told.chain(played.clean.iter().copied()) {
        if !summary.adds_up() {
            violations.add(format!("the books do not balance: {summary:?}"));
        }
        loaded += summary.loaded;
    }
    if loaded > rows as u64 {
        violations.add(format!(
            "{loaded} rows were said to be loaded, {rows} are there"
        ));
    }
    for Departed {
        ended,
        was_told,
        was_late,
    } in &played.departed
    {
        let name = &ended.name;
        if *was_late {
            violations.add(format!("{name} did not end after SIGTERM"));
        } else if !is_fine(ended.code, *was_told, ended.had_started) {
            let code = ended
                .code
                .map_or("a signal".to_owned(), |code| code.to_string());
            let words = &ended.last_words;
            violations.add(format!("{name} ended by itself with {code}: {words}"));
        }
    }
    for file in fs::read_dir(stage.logs.path())? {
        let path = file?.path();
        let log = fs::read_to_string(&path)?;
        if PERSONAL_MARKS.iter().any(|mark| log.contains(mark)) {
            violations.add(format!("{} holds a personal value", path.display()));
        }
    }
    Ok(())
}

/// A start that meets with faults may fail: whoever started it starts it again. Once it has
/// started, only SIGTERM ends it.
fn is_fine(code: Option<i32>, was_told: bool, had_started: bool) -> bool {
    match code {
        Some(TERMINATED) => was_told,
        Some(code) => !had_started && UNREACHED.contains(&code),
        // SIGTERM before it listened to signals.
        None => was_told && !had_started,
    }
}
