//! The columns that are to be seen at a glance, as bars in an SVG, light or dark as the reader likes it.

use std::fmt::Write as _;

use crate::{
    figures::{Figures, number},
    report::Report,
    section::{Bars, Column, Section},
};

const WIDTH: f64 = 860.0;
const MARGIN: f64 = 24.0;
/// Where the names of the rows end and the bars begin.
const BARS_FROM: f64 = 290.0;
/// The longest bar: leaves room for the figure behind it.
const LONGEST: f64 = 380.0;
const ROW: f64 = 30.0;
const BAR: f64 = 18.0;
/// A cost that is more times the least than this is cut, or the small ones could not be told apart.
const CUT_AT: f64 = 8.0;

const STYLE: &str = "\
  .ground { fill: #ffffff } text { fill: #1f2328; font: 14px system-ui, sans-serif }
  .title { font-size: 16px; font-weight: 600 } .aside { fill: #59636e; font-size: 13px; font-weight: 400 }
  .name { text-anchor: end } .bar { fill: #8c959f } .first { fill: #0969da }
  .spread { stroke: #1f2328; stroke-width: 1.5 } .cut { stroke: #ffffff; stroke-width: 4 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0d1117 } text { fill: #e6edf3 } .aside { fill: #9198a1 }
    .bar { fill: #6e7681 } .first { fill: #4493f8 }
    .spread { stroke: #e6edf3 } .cut { stroke: #0d1117 }
  }
";

/// A panel for each column that is drawn; the first row of a section is the one that stands out.
pub(crate) fn svg(report: &Report) -> String {
    let mut panels = String::new();
    let mut y = MARGIN;
    for section in &report.sections {
        for (place, column) in section.columns.iter().enumerate() {
            if let Some(bars) = column.bars {
                y = panel(&mut panels, y, section, column, place, bars);
            }
        }
    }
    let machine = escape(&report.machine.to_string());
    let (date, runs) = (&report.date, report.runs);
    let _ = writeln!(
        panels,
        "<text class=\"aside\" x=\"{MARGIN}\" y=\"{y:.0}\">{date}; bars: medians of {runs} runs, \
         thin lines: from the least to the most; \
         bars with a gap are cut</text>\n\
         <text class=\"aside\" x=\"{MARGIN}\" y=\"{:.0}\">{machine}</text>",
        y + 20.0
    );
    y += 20.0 + MARGIN;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {y}\" width=\"{WIDTH}\" \
         height=\"{y}\" role=\"img\">\n<title>Benchmarks of veilstream</title>\n<style>\n{STYLE}</style>\n\
         <rect class=\"ground\" width=\"100%\" height=\"100%\"/>\n{panels}</svg>\n"
    )
}

/// Draws from `y` downwards: where the next one begins.
fn panel(
    svg: &mut String,
    mut y: f64,
    section: &Section,
    column: &Column,
    place: usize,
    bars: Bars,
) -> f64 {
    let figures: Vec<Option<&Figures>> = section
        .rows
        .iter()
        .map(|row| row.figures.get(place)?.as_ref())
        .collect();
    let most = figures.iter().flatten().map(|one| one.most());
    let most = most.fold(0.0, f64::max);
    let least = figures.iter().flatten().map(|one| one.median());
    let least = least.fold(f64::INFINITY, f64::min);
    let (better, end) = match bars {
        Bars::LongerIsBetter => ("more is better", most),
        Bars::ShorterIsBetter => ("less is better", most.min(least * CUT_AT)),
    };
    let title = escape(&format!(
        "{}: {}, {}",
        section.title, column.name, column.unit
    ));
    let _ = writeln!(
        svg,
        "<text class=\"title\" x=\"{MARGIN}\" y=\"{:.0}\">{title} \
         <tspan class=\"aside\">({better})</tspan></text>",
        y + 14.0
    );
    y += 28.0;
    for (line, (row, figures)) in section.rows.iter().zip(figures).enumerate() {
        let text_y = y + ROW / 2.0 + 5.0;
        let _ = writeln!(
            svg,
            "<text class=\"name\" x=\"{:.0}\" y=\"{text_y:.0}\">{}</text>",
            BARS_FROM - 10.0,
            escape(&row.name)
        );
        if let Some(figures) = figures {
            bar(svg, y + (ROW - BAR) / 2.0, figures, end, line == 0);
        } else {
            let remark = row.remark.as_deref().unwrap_or("not measured");
            let _ = writeln!(
                svg,
                "<text class=\"aside\" x=\"{BARS_FROM}\" y=\"{text_y:.0}\">{}</text>",
                escape(remark)
            );
        }
        y += ROW;
    }
    y + MARGIN
}

/// The median as a bar, the spread as a line over its end, and both in figures.
fn bar(svg: &mut String, y: f64, figures: &Figures, end: f64, is_first: bool) {
    let x = |value: f64| BARS_FROM + (value / end).min(1.0) * LONGEST;
    let tip = x(figures.median());
    let class = if is_first { "bar first" } else { "bar" };
    let _ = writeln!(
        svg,
        "<rect class=\"{class}\" x=\"{BARS_FROM}\" y=\"{y:.1}\" width=\"{:.1}\" height=\"{BAR}\" \
         rx=\"2\"/>",
        (tip - BARS_FROM).max(1.0)
    );
    let mut text_x = tip + 8.0;
    if figures.median() > end {
        let cut = tip - 40.0;
        let _ = writeln!(
            svg,
            "<line class=\"cut\" x1=\"{:.1}\" y1=\"{:.1}\" x2=\"{:.1}\" y2=\"{:.1}\"/>",
            cut - 5.0,
            y + BAR + 2.0,
            cut + 5.0,
            y - 2.0
        );
    } else {
        let (from, to) = (x(figures.least()), x(figures.most()));
        let middle = y + BAR / 2.0;
        let _ = writeln!(
            svg,
            "<line class=\"spread\" x1=\"{from:.1}\" y1=\"{middle:.1}\" x2=\"{to:.1}\" \
             y2=\"{middle:.1}\"/>"
        );
        text_x = to.max(tip) + 8.0;
    }
    let _ = writeln!(
        svg,
        "<text x=\"{text_x:.1}\" y=\"{:.1}\">{}</text>",
        y + BAR / 2.0 + 5.0,
        number(figures.median())
    );
}

fn escape(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;");
    text.replace('`', "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::section::Row;

    #[test]
    fn a_cost_far_beyond_the_least_is_cut_and_tells_its_value_all_the_same() {
        let column = Column::drawn("CPU", "µs/message", Bars::ShorterIsBetter);
        let row = |name: &str, value| Row::new(name, [Figures::new(vec![value])]);
        let section = Section {
            name: String::new(),
            title: "Costs",
            note: String::new(),
            subject: "contender",
            columns: Vec::new(),
            rows: vec![row("small", 15.0), row("R & D <large>", 6_000.0)],
            goals: Vec::new(),
        };
        let mut svg = String::new();
        panel(&mut svg, 0.0, &section, &column, 0, Bars::ShorterIsBetter);
        let lines: Vec<_> = svg.lines().collect();
        assert_eq!(svg.matches("class=\"cut\"").count(), 1, "{svg}");
        assert!(
            lines.iter().any(|line| line.ends_with(">6,000</text>")),
            "{svg}"
        );
        // An eighth of the longest bar, since the other one goes far beyond eight times as much.
        assert!(svg.contains("width=\"47.5\""), "{svg}");
        assert!(svg.contains("R &amp; D &lt;large>"), "{svg}");
    }
}
