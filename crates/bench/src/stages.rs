//! Where the CPU time of a message goes: the stages of the data path one by one, and the whole.

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

use crate::{
    emptying::{count, empty},
    figures::{Figures, number},
    ground::{Database, Ground},
    measurement::Settings,
    progress,
    queue::{Kind, Queue},
    section::{Bars, Column, Row, Section},
};

const MOST_MESSAGES: usize = 100_000;

/// What `probe stages` prints, in microseconds a message.
#[derive(Deserialize)]
struct Stages {
    messages: usize,
    receive: f64,
    parse: f64,
    prepare: f64,
    decode: f64,
    mask: f64,
    load: f64,
    delete: f64,
}

/// A line: its name, and its value of a run's stages and whole.
type Line = (&'static str, fn(&Stages, f64) -> f64);

const LINES: [Line; 9] = [
    ("receive", |one, _| one.receive),
    ("parse the answer", |one, _| one.parse),
    ("prepare: from message to row", |one, _| one.prepare),
    ("- of it decode", |one, _| one.decode),
    ("- of it mask", |one, _| one.mask),
    ("load", |one, _| one.load),
    ("delete", |one, _| one.delete),
    ("everything else", |one, whole| whole - one.sum()),
    ("the whole program", |_, whole| whole),
];

pub(crate) async fn measure(settings: &Settings) -> Result<Section> {
    let ground = Ground::start(&[]).await?;
    let messages = settings.messages.min(MOST_MESSAGES);
    let mut runs = Vec::new();
    for run in 1..=settings.runs {
        let queue = Queue::start(Kind::Canned, messages).await?;
        let database = ground.database(settings, &queue).await?;
        let stages = probe(settings, &database, &queue, messages).await?;
        let queue = Queue::start(Kind::Canned, messages).await?;
        let database = ground.database(settings, &queue).await?;
        let whole = empty(settings, &database, &queue, messages, 1, None).await?;
        let whole = whole.cpu_micros_per_message;
        progress::say(format_args!(
            "run {run} of {}: stages {} us, the whole program {} us",
            settings.runs,
            number(stages.sum()),
            number(whole)
        ));
        runs.push((stages, whole));
    }
    let rows = LINES.map(|(name, value)| {
        let values = runs.iter().map(|(stages, whole)| value(stages, *whole));
        Row::new(name, [Figures::new(values.collect())])
    });
    Ok(Section {
        name: String::new(),
        title: "Stages",
        note: format!(
            "CPU of veilstream for each of {} messages, from a queue that answers from memory. Each stage is measured alone, over \
             all messages, with veilstream's own parts on one thread and by that thread's clock of CPU: eight calls of the queue \
             at once, batches of 1,000 rows. The whole program is user and system time of the process from its \
             first receive on. \"Everything else\" is what it takes beyond the stages: tasks and channels between \
             threads, waiting for answers one by one.",
            number(count(messages as u64))
        ),
        subject: "stage",
        columns: vec![Column::drawn("CPU", "us/message", Bars::ShorterIsBetter)],
        rows: rows.into(),
        goals: Vec::new(),
    })
}

impl Stages {
    /// Decoding and masking are part of preparing.
    fn sum(&self) -> f64 {
        self.receive + self.parse + self.prepare + self.load + self.delete
    }
}

async fn probe(
    settings: &Settings,
    database: &Database,
    queue: &Queue,
    messages: usize,
) -> Result<Stages> {
    let mut command = database.command(&settings.probe, queue);
    let output = command.arg("stages").output().await?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "probe: {said}");
    let stages: Stages = serde_json::from_slice(&output.stdout).context("probe")?;
    let (received, left) = (stages.messages, queue.left());
    ensure!(
        received == messages && left == 0,
        "{received} messages received of {messages}, {left} not deleted"
    );
    Ok(stages)
}
