//! Several workers on one queue.

use anyhow::Result;

use crate::{
    emptying::{count, empty, figures},
    figures::number,
    ground::Ground,
    measurement::Settings,
    progress,
    queue::{Kind, Queue},
    section::{Column, Row, Section},
};

const WORKERS: [usize; 3] = [1, 2, 4];

pub(crate) async fn measure(settings: &Settings) -> Result<Section> {
    let ground = Ground::start(&[]).await?;
    let messages = settings.messages;
    let mut rows = Vec::new();
    for workers in WORKERS {
        let mut runs = Vec::new();
        for run in 1..=settings.runs {
            let queue = Queue::start(Kind::NEAR, messages).await?;
            let database = ground.database(settings, &queue).await?;
            let one = empty(settings, &database, &queue, messages, workers, None).await?;
            progress::say(format_args!(
                "run {run} of {} with {workers} workers: {} messages/s",
                settings.runs,
                number(one.messages_per_second)
            ));
            runs.push(one);
        }
        let row = [
            figures(&runs, |one| one.messages_per_second),
            figures(&runs, |one| one.cpu_micros_per_message),
            figures(&runs, |one| one.calls_per_thousand),
        ];
        rows.push(Row::new(workers.to_string(), row));
    }
    Ok(Section {
        name: String::new(),
        title: "Several workers",
        note: format!(
            "Processes of veilstream over one built-in queue and one table, which share the machine with both: \
             more of them than it has cores cannot be faster. {} messages, all of which landed once. Speed and CPU \
             count from the first receive of any.",
            number(count(messages as u64))
        ),
        subject: "workers",
        columns: vec![
            Column::new("speed of all", "messages/s"),
            Column::new("CPU of all", "us/message"),
            Column::new("calls of SQS", "a thousand messages"),
        ],
        rows,
        goals: Vec::new(),
    })
}
