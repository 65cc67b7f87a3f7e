//! The report in Markdown.

use std::fmt::Write as _;

use crate::{
    figures::{Figures, number},
    report::Report,
    section::{Bound, Goal, Section},
};

/// The whole report.
pub(crate) fn report(report: &Report) -> String {
    let machine = &report.machine;
    let mut text = format!(
        "# Benchmarks of veilstream, {}\n\n`{}`\n\n{machine}.\n",
        report.date, report.command
    );
    for (place, version) in report.versions.iter().enumerate() {
        let before = if place == 0 { "\n" } else { ", " };
        let _ = write!(text, "{before}{} {}", version.name, version.version);
    }
    let _ = writeln!(
        text,
        ".\n\nA figure is the median of {} runs; in parentheses the least and the most.",
        report.runs
    );
    for one in &report.sections {
        text.push('\n');
        text += &section(one);
    }
    text
}

fn section(section: &Section) -> String {
    let mut text = format!("## {}\n\n{}\n\n", section.title, section.note);
    let has_remarks = section.rows.iter().any(|row| row.remark.is_some());
    let columns = section
        .columns
        .iter()
        .map(|column| format!("{}, {}", column.name, column.unit));
    let header = [section.subject.to_owned()].into_iter().chain(columns);
    line(
        &mut text,
        header.chain(has_remarks.then(|| "remark".to_owned())),
    );
    let numbers = section.columns.iter().map(|_| "--:".to_owned());
    let rule = ["---".to_owned()].into_iter().chain(numbers);
    line(&mut text, rule.chain(has_remarks.then(|| "---".to_owned())));
    for row in &section.rows {
        let figures = (0..section.columns.len()).map(|column| {
            let figures = row.figures.get(column).and_then(Option::as_ref);
            figures.map_or_else(|| "-".to_owned(), Figures::text)
        });
        let remark = has_remarks.then(|| row.remark.clone().unwrap_or_default());
        let cells = [row.name.clone()].into_iter().chain(figures);
        line(&mut text, cells.chain(remark));
    }
    for (place, one) in section.goals.iter().enumerate() {
        if place == 0 {
            text.push('\n');
        }
        text += &goal(one);
    }
    text
}

fn line(text: &mut String, cells: impl Iterator<Item = String>) {
    for cell in cells {
        let _ = write!(text, "| {cell} ");
    }
    text.push_str("|\n");
}

/// Said plainly: what was to be, what is, and whether that is enough.
fn goal(goal: &Goal) -> String {
    let bound = match goal.bound {
        Bound::AtLeast(least) => format!("at least {}", number(least)),
        Bound::AtMost(most) => format!("at most {}", number(most)),
    };
    let verdict = if goal.reached {
        "reached"
    } else {
        "**not reached**"
    };
    let measured = number(goal.measured);
    let (name, unit) = (&goal.name, goal.unit);
    format!("- {name}: {measured} {unit}, goal {bound}: {verdict}\n")
}
