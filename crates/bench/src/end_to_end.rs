//! Login events from the built-in queue into PostgreSQL, with everything on.

use anyhow::Result;

use crate::{
    figures::Figures,
    measurement::Settings,
    progress,
    section::{Bars, Bound, Column, Goal, Row, Section},
    stage::{Measured, Stage},
};

pub(crate) async fn measure(settings: &Settings) -> Result<Section> {
    let Settings { runs, messages, .. } = settings;
    let mut measured = Vec::with_capacity(*runs);
    for run in 1..=*runs {
        let stage = Stage::set_up(&settings.veilstream, *messages).await?;
        let result = stage.run().await?;
        progress::say(format_args!(
            "run {run} of {runs}: {:.0} messages/s",
            result.messages_per_second
        ));
        measured.push(result);
    }
    let figures = |value: fn(&Measured) -> f64| Figures::new(measured.iter().map(value).collect());
    let speed = figures(|one| one.messages_per_second);
    let cpu = figures(|one| one.cpu_micros_per_message);
    let memory = figures(|one| one.peak_mebibytes);
    let goals = vec![Goal::new(
        "veilstream's CPU a message",
        cpu.median(),
        "us",
        Bound::AtMost(15.0),
    )];
    Ok(Section {
        name: String::new(),
        title: "End to end",
        note: format!("{messages} login events."),
        subject: "contender",
        columns: vec![
            Column::drawn("speed", "messages/s", Bars::LongerIsBetter),
            Column::drawn("CPU", "us/message", Bars::ShorterIsBetter),
            Column::new("peak memory", "MiB"),
        ],
        rows: vec![Row::new("veilstream", [speed, cpu, memory])],
        goals,
    })
}
