//! Whether a message costs the same however many come.

use anyhow::{Context, Result};

use crate::{
    emptying::{Emptying, count, empty, figures},
    figures::number,
    ground::Ground,
    measurement::Settings,
    progress,
    queue::{Kind, Queue},
    section::{Bars, Bound, Column, Goal, Row, Section},
};

/// Messages; the last only where it is asked for, since it takes minutes.
const MESSAGES: [usize; 4] = [10_000, 100_000, 1_000_000, 5_000_000];
/// What the goals are about.
const NORMAL: usize = 100_000;
const MANY: usize = 1_000_000;

pub(crate) async fn measure(settings: &Settings) -> Result<Section> {
    let ground = Ground::start(&[]).await?;
    let largest = if settings.five_million {
        5_000_000
    } else {
        MANY
    };
    let mut rows = Vec::new();
    let mut goals = Vec::new();
    let mut normal_cpu = f64::NAN;
    for messages in MESSAGES.into_iter().filter(|count| *count <= largest) {
        let mut runs = Vec::new();
        for run in 1..=settings.runs {
            let queue = Queue::start(Kind::Canned, messages).await?;
            let database = ground.database(settings, &queue).await?;
            let one = empty(settings, &database, &queue, messages, 1, None).await;
            let one = one.with_context(|| format!("run {run} with {messages} messages"))?;
            progress::say(format_args!(
                "run {run} of {} with {messages} messages: {} us of CPU a message",
                settings.runs,
                number(one.cpu_micros_per_message)
            ));
            runs.push(one);
        }
        let cpu = figures(&runs, |one| one.cpu_micros_per_message);
        if messages == NORMAL {
            normal_cpu = cpu.median();
            goals.extend(goals_of(&runs));
        }
        if messages == MANY {
            let times = cpu.median() / normal_cpu;
            let name = "CPU a message with 1,000,000 messages";
            let unit = "times that with 100,000";
            goals.push(Goal::new(name, times, unit, Bound::AtMost(1.1)));
        }
        let row = [
            figures(&runs, |one| one.messages_per_second),
            cpu,
            figures(&runs, |one| one.peak_mebibytes),
            figures(&runs, |one| one.calls_per_thousand),
        ];
        rows.push(Row::new(number(count(messages as u64)), row));
    }
    Ok(Section {
        name: String::new(),
        title: "Growth",
        note: "veilstream alone over a queue that answers from memory. Speed and CPU count from the first receive."
            .to_owned(),
        subject: "messages",
        columns: vec![
            Column::new("speed", "messages/s"),
            Column::drawn("CPU", "us/message", Bars::ShorterIsBetter),
            Column::new("peak memory", "MiB"),
            Column::new("calls of SQS", "a thousand messages"),
        ],
        rows,
        goals,
    })
}

fn goals_of(runs: &[Emptying]) -> [Goal; 3] {
    let cpu = figures(runs, |one| one.cpu_micros_per_message).median();
    let memory = figures(runs, |one| one.peak_mebibytes).median();
    let calls = figures(runs, |one| one.calls_per_thousand).median();
    let most = Bound::AtMost;
    [
        Goal::new("CPU with 100,000 messages", cpu, "us/message", most(15.0)),
        Goal::new(
            "peak memory with 100,000 messages",
            memory,
            "MiB",
            most(32.0),
        ),
        Goal::new("calls of SQS", calls, "a thousand messages", most(205.0)),
    ]
}
