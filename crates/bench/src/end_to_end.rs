//! Login events from a queue into PostgreSQL, by veilstream and its peers in turn.

use anyhow::{Context, Result};

use crate::{
    contender::Contender,
    figures::{Figures, number},
    measurement::Settings,
    progress,
    queue::Kind,
    section::{Bars, Bound, Column, Goal, Row, Section},
    stage::{Measured, Stage},
};

const FAST: [Contender; 3] = [Contender::Veilstream, Contender::Floor, Contender::Vector];

/// The median figures of those that ran.
type Medians = Vec<(Contender, Measured)>;

/// From the built-in queue, all of them.
pub(crate) async fn from_embedded(settings: &Settings) -> Result<Section> {
    let contenders = &Contender::ALL;
    let (rows, medians) = compare(settings, Kind::NEAR, contenders).await?;
    let mut goals = goals_of_veilstream(&medians, 40_000.0);
    let python = Contender::CommonLoop;
    goals.extend(times(&medians, python, "times the loop in Python", 200.0));
    goals.extend(times(&medians, Contender::Vector, "times Vector", 1.5));
    Ok(section(
        "End to end",
        format!(
            "From the built-in queue into PostgreSQL, with fsync on and an index on `user_id`. Speed and CPU count \
             from a contender's first receive until the queue is empty: its start is not in them. \
             Each run has a queue and a database of its own, and the contenders take turns. {} messages a run, of the Python peers {} and {}. After each run the rows \
             were counted: veilstream had each message in one place, row or quarantine; the others a row of each \
             login event at least, and deleted the strays.",
            number_of(settings.messages),
            number_of(Contender::WellMade.messages(Kind::NEAR, settings.messages)),
            number_of(Contender::CommonLoop.messages(Kind::NEAR, settings.messages)),
        ),
        rows,
        goals,
    ))
}

/// The fast ones of them, from the built-in queue farther away.
pub(crate) async fn from_distant(settings: &Settings) -> Result<Section> {
    let (rows, medians) = compare(settings, Kind::DISTANT, &FAST).await?;
    let goals = times(&medians, Contender::Vector, "times Vector", 1.5);
    Ok(section(
        "End to end from a distant queue",
        format!(
            "As end to end, but each answer of the queue comes 10 ms later, which the timer makes up to 1 ms more. \
             {} messages a run, of Vector {}.",
            number_of(settings.messages),
            number_of(Contender::Vector.messages(Kind::DISTANT, settings.messages)),
        ),
        rows,
        goals.into_iter().collect(),
    ))
}

/// From the queue that answers from memory, those that are fast enough to be held up by a real one.
pub(crate) async fn from_canned(settings: &Settings) -> Result<Section> {
    let (rows, medians) = compare(settings, Kind::Canned, &FAST).await?;
    let mut goals = goals_of_veilstream(&medians, 65_000.0);
    goals.extend(times(&medians, Contender::Vector, "times Vector", 2.4));
    Ok(section(
        "From a queue that answers from memory",
        format!(
            "As end to end, but the queue keeps nothing, so that it takes little of the machine. {} messages a run.",
            number_of(settings.messages),
        ),
        rows,
        goals,
    ))
}

fn section(title: &'static str, note: String, rows: Vec<Row>, goals: Vec<Goal>) -> Section {
    Section {
        name: String::new(),
        title,
        note,
        subject: "contender",
        columns: vec![
            Column::drawn("speed", "messages/s", Bars::LongerIsBetter),
            Column::drawn("CPU of the process", "µs/message", Bars::ShorterIsBetter),
            Column::new("peak memory", "MiB"),
        ],
        rows,
        goals,
    }
}

fn goals_of_veilstream(medians: &Medians, least_speed: f64) -> Vec<Goal> {
    let of = |(_, measured): &(_, Measured)| {
        vec![
            Goal::new(
                "veilstream's speed",
                measured.messages_per_second,
                "messages/s",
                Bound::AtLeast(least_speed),
            ),
            Goal::new(
                "veilstream's CPU",
                measured.cpu_micros_per_message,
                "µs/message",
                Bound::AtMost(15.0),
            ),
            Goal::new(
                "veilstream's peak memory",
                measured.peak_mebibytes,
                "MiB",
                Bound::AtMost(32.0),
            ),
        ]
    };
    let ours = medians
        .iter()
        .find(|(who, _)| *who == Contender::Veilstream);
    ours.map(of).unwrap_or_default()
}

/// How many times as fast as a peer veilstream is, if that ran.
fn times(medians: &Medians, peer: Contender, text: &'static str, at_least: f64) -> Option<Goal> {
    let speed = |who| {
        let of = medians.iter().find(|(one, _)| *one == who);
        of.map(|(_, measured)| measured.messages_per_second)
    };
    let times = speed(Contender::Veilstream)? / speed(peer)?;
    let bound = Bound::AtLeast(at_least);
    Some(Goal::new("veilstream's speed", times, text, bound))
}

/// Run 1 of each, run 2 of each, and so on: what happens to the machine meanwhile happens to all.
async fn compare(
    settings: &Settings,
    kind: Kind,
    contenders: &[Contender],
) -> Result<(Vec<Row>, Medians)> {
    let mut entries: Vec<_> = contenders
        .iter()
        .map(|contender| (*contender, contender.obstacle(settings), Vec::new()))
        .collect();
    for run in 1..=settings.runs {
        for (contender, obstacle, measured) in &mut entries {
            let name = contender.name();
            let who = format!("run {run} of {}, {name}", settings.runs);
            if let Some(obstacle) = obstacle {
                progress::say(format_args!("{who}: {obstacle}"));
                continue;
            }
            let stage = Stage::set_up(kind, contender.messages(kind, settings.messages)).await?;
            let result = match stage.run(*contender, settings).await {
                // The others are measured all the same.
                Err(error) if *contender != Contender::Veilstream => {
                    progress::say(format_args!("{who} failed: {error:#}"));
                    *obstacle = Some(format!("failed: {}", error.root_cause()));
                    continue;
                }
                result => result.with_context(|| who.clone())?,
            };
            let (speed, cpu) = (result.messages_per_second, result.cpu_micros_per_message);
            progress::say(format_args!(
                "{who}: {} messages/s, {} µs of CPU a message",
                number(speed),
                number(cpu)
            ));
            measured.push(result);
        }
    }
    let mut rows = Vec::new();
    let mut medians = Vec::new();
    for (contender, obstacle, measured) in &entries {
        if let Some(obstacle) = obstacle {
            rows.push(Row::missing(contender.name(), obstacle));
            continue;
        }
        let figures =
            |value: fn(&Measured) -> f64| Figures::new(measured.iter().map(value).collect());
        let speed = figures(|one| one.messages_per_second);
        let cpu = figures(|one| one.cpu_micros_per_message);
        let memory = figures(|one| one.peak_mebibytes);
        let median = Measured {
            messages_per_second: speed.median(),
            cpu_micros_per_message: cpu.median(),
            peak_mebibytes: memory.median(),
        };
        medians.push((*contender, median));
        let row = Row::new(contender.name(), [speed, cpu, memory]);
        rows.push(row.with_remark(contender.remark()));
    }
    Ok((rows, medians))
}

/// A count as people read it.
fn number_of(messages: usize) -> String {
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 messages")]
    number(messages as f64)
}
