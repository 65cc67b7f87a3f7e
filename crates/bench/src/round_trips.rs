//! What a distant queue does to the speed: round trips that are simulated.

use std::time::Duration;

use anyhow::Result;

use crate::{
    emptying::{empty, figures},
    figures::number,
    ground::Ground,
    measurement::Settings,
    progress,
    queue::{Kind, Queue},
    section::{Bars, Bound, Column, Goal, Row, Section},
};

/// What is added to each answer, in milliseconds.
const DELAYS: [u64; 4] = [0, 1, 10, 40];
/// A run goes on for so long at the most, from the first receive on: a rate shows before the queue is empty.
const LONGEST: Duration = Duration::from_secs(8);

pub(crate) async fn measure(settings: &Settings) -> Result<Section> {
    let ground = Ground::start(&[]).await?;
    let mut rows = Vec::new();
    let mut goals = Vec::new();
    for milliseconds in DELAYS {
        let delay = Duration::from_millis(milliseconds);
        let mut runs = Vec::new();
        for run in 1..=settings.runs {
            let messages = settings.messages;
            let queue = Queue::start(Kind::Embedded(delay), messages).await?;
            let database = ground.database(settings, &queue).await?;
            let one = empty(settings, &database, &queue, messages, 1, Some(LONGEST)).await?;
            progress::say(format_args!(
                "run {run} of {} with {milliseconds} ms: {} messages/s",
                settings.runs,
                number(one.messages_per_second)
            ));
            runs.push(one);
        }
        let speed = figures(&runs, |one| one.messages_per_second);
        if milliseconds == 0 || milliseconds == 10 {
            let name = format!("speed with {milliseconds} ms added");
            let least = Bound::AtLeast(40_000.0);
            goals.push(Goal::new(name, speed.median(), "messages/s", least));
        }
        let row = [
            speed,
            figures(&runs, |one| one.cpu_micros_per_message),
            figures(&runs, |one| one.peak_mebibytes),
            figures(&runs, |one| one.calls_per_thousand),
        ];
        rows.push(Row::new(format!("{milliseconds} ms"), row));
    }
    Ok(Section {
        name: String::new(),
        title: "Distance of the queue",
        note: format!(
            "The built-in queue sends each answer so much later, which the timer makes up to 1 ms more; \
             nothing else is set. {} messages, for {} seconds from the first receive at the most.",
            number(crate::emptying::count(settings.messages as u64)),
            LONGEST.as_secs()
        ),
        subject: "added to each call",
        columns: vec![
            Column::drawn("speed", "messages/s", Bars::LongerIsBetter),
            Column::new("CPU", "us/message"),
            Column::new("peak memory", "MiB"),
            Column::new("calls of SQS", "a thousand messages"),
        ],
        rows,
        goals,
    })
}
