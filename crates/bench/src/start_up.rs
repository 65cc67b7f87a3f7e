//! From the start of the process to its first receive, and the size of the binary.

use std::{
    fs,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};

use crate::{
    emptying::count,
    figures::Figures,
    ground::Ground,
    measurement::Settings,
    queue::{Kind, Queue},
    section::{Bound, Column, Goal, Row, Section},
};

const DEADLINE: Duration = Duration::from_secs(30);

pub(crate) async fn measure(settings: &Settings) -> Result<Section> {
    let ground = Ground::start(&[]).await?;
    let mut runs = Vec::new();
    let queue = Queue::start(Kind::Canned, 1).await?;
    let database = ground.database(settings, &queue).await?;
    // The first start is not counted: it is that of a database that nobody has used yet.
    for run in 0..=settings.runs {
        let queue = Queue::start(Kind::Canned, 1).await?;
        let began = Instant::now();
        let mut worker = database.work(settings, &queue)?;
        while !queue.has_been_asked() {
            worker.ensure_running()?;
            ensure!(began.elapsed() < DEADLINE, "it does not receive");
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        if run > 0 {
            runs.push(began.elapsed().as_secs_f64() * 1e3);
        }
        worker.kill().await?;
    }
    let start = Figures::new(runs);
    let size = count(fs::metadata(&settings.veilstream)?.len()) / 1e6;
    let goals = vec![
        Goal::new(
            "start to the first receive",
            start.median(),
            "ms",
            Bound::AtMost(100.0),
        ),
        Goal::new("size of the binary", size, "MB", Bound::AtMost(30.0)),
    ];
    let size = Row {
        name: "size of the stripped binary".to_owned(),
        figures: vec![None, Some(Figures::new(vec![size]))],
        remark: None,
    };
    Ok(Section {
        name: String::new(),
        title: "Start",
        note: "Until the queue sees the first receive, with a key set that is not wrapped; queue and database \
               on the same machine, both used a moment before, as when a worker is restarted. It is looked for \
               every millisecond or two."
            .to_owned(),
        subject: "what",
        columns: vec![Column::new("time", "ms"), Column::new("size", "MB")],
        rows: vec![Row::new("start to the first receive", [start]), size],
        goals,
    })
}
