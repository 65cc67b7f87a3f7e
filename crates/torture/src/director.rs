//! A run from its first message to the last clean worker.

use std::{
    fs,
    sync::atomic::Ordering,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::{
    crew::{Crew, Departed},
    event::Events,
    plan::{Act, Deed, Plan},
    stage::{Sent, Stage},
    tally::Thrown,
    worker::Summary,
};

/// An act comes after so long though fewer messages were settled than it waits for: those that are
/// missing may be hidden by a worker that was killed.
const PATIENCE: Duration = Duration::from_secs(6);
/// How long a worker may take to have something to do.
const AT_WORK_WITHIN: Duration = Duration::from_secs(30);
/// How long the workers have for what is left after the last act, under faults.
const LAST_SPURT: Duration = Duration::from_secs(10);
/// Clean workers after that; each ends when the queue is empty.
const CLEAN_RUNS: usize = 30;

/// What a run left behind for the oracle.
pub(crate) struct Played {
    pub(crate) sent: Vec<Sent>,
    pub(crate) departed: Vec<Departed>,
    pub(crate) workers: usize,
    /// What each clean worker said of itself.
    pub(crate) clean: Vec<Summary>,
    pub(crate) seconds: f64,
}

/// Carries out a plan.
pub(crate) async fn play(stage: &Stage, plan: Plan) -> Result<Played> {
    let began = Instant::now();
    let Plan {
        acts,
        events,
        faults,
    } = plan;
    let total = stage.options.messages;
    let mut events = Events::new(events, stage.options.scenario.groups()).take(total);
    let mut sent = Vec::with_capacity(total);
    let bar = progress(stage);
    let mut crew = Crew::new(stage, faults).await?;
    for act in &acts {
        if let Deed::Vanish(vanishing) = act.what {
            crew.let_vanish(vanishing);
        }
        for event in events.by_ref().take(act.sent - sent.len()) {
            sent.push(stage.send(event)?);
        }
        bar.set_position(settled(stage, &sent));
        carry_out(stage, &mut crew, act, &sent).await?;
    }
    for event in events {
        sent.push(stage.send(event)?);
    }
    let nearly_done = |_: &Crew<'_>| {
        bar.set_position(settled(stage, &sent));
        stage.queued() <= total / 50
    };
    crew.tend_until(LAST_SPURT, nearly_done).await?;
    stage.calm.store(true, Ordering::SeqCst);
    crew.retire().await?;
    let (departed, workers) = (std::mem::take(&mut crew.ended), crew.started);
    // With its proxies, every connection of a worker that vanished is closed.
    drop(crew);
    let clean = drain(stage).await?;
    bar.finish_and_clear();
    Ok(Played {
        sent,
        departed,
        workers,
        clean,
        seconds: began.elapsed().as_secs_f64(),
    })
}

async fn carry_out(stage: &Stage, crew: &mut Crew<'_>, act: &Act, sent: &[Sent]) -> Result<()> {
    let due = u64::try_from(act.settled)?;
    match act.what {
        // Those that are not settled have to be there still.
        Deed::Vanish(vanishing) => return crew.vanish(vanishing).await,
        Deed::Kill { worker } | Deed::Terminate { worker } => {
            crew.tend_until(PATIENCE, |_| settled(stage, sent) >= due)
                .await?;
            crew.tend_until(AT_WORK_WITHIN, |crew| crew.at_work(worker).is_some())
                .await?;
            tokio::time::sleep(act.moment).await;
            let worker = crew.at_work(worker).unwrap_or(worker);
            if matches!(act.what, Deed::Kill { .. }) {
                if crew.kill(worker).await? {
                    stage.tally.count(Thrown::Kill);
                }
            } else if crew.terminate(worker).await? {
                stage.tally.count(Thrown::Terminate);
            }
        }
        Deed::CrashDatabase { down } => {
            crew.tend_until(PATIENCE, |_| settled(stage, sent) >= due)
                .await?;
            stage.tally.count(Thrown::DatabaseCrash);
            let back = tokio::spawn(stage.crash_database(down));
            crew.tend_until(Duration::from_mins(1), |_| back.is_finished())
                .await?;
            back.await??;
        }
    }
    Ok(())
}

fn settled(stage: &Stage, sent: &[Sent]) -> u64 {
    sent.len().saturating_sub(stage.queued()) as u64
}

/// Clean workers, one after the other, until the queue is empty.
async fn drain(stage: &Stage) -> Result<Vec<Summary>> {
    let mut clean = Vec::new();
    while stage.queued() > 0 && clean.len() < CLEAN_RUNS {
        let arguments = ["run", "--once", "--output", "json"];
        let finished = stage.binary()?.run(&arguments).await;
        let log = stage.logs.path().join(format!("clean-{}.log", clean.len()));
        fs::write(&log, &finished.stderr)?;
        let (code, log) = (finished.code, finished.stderr);
        ensure!(
            code == Some(0),
            "a clean worker failed with {code:?}: {log}"
        );
        let summary = finished.stdout.lines().last().unwrap_or_default();
        clean.push(serde_json::from_str(summary)?);
    }
    Ok(clean)
}

fn progress(stage: &Stage) -> ProgressBar {
    let options = &stage.options;
    let target = if options.progress {
        ProgressDrawTarget::stderr()
    } else {
        ProgressDrawTarget::hidden()
    };
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} messages, {elapsed}")
        .expect("the template is valid");
    ProgressBar::with_draw_target(Some(options.messages as u64), target)
        .with_style(style)
        .with_message(options.scenario.name())
}
