//! A section of the report: what was measured, its table, and the goals it has to reach.

use serde::Serialize;

use crate::figures::Figures;

/// A table with what a reader has to know of it.
#[derive(Serialize)]
pub(crate) struct Section {
    /// What `--only` calls it.
    pub(crate) name: String,
    /// Its heading.
    pub(crate) title: &'static str,
    /// What was done and how, in Markdown.
    pub(crate) note: String,
    /// What a row is: the heading of the first column.
    pub(crate) subject: &'static str,
    /// The columns behind it.
    pub(crate) columns: Vec<Column>,
    pub(crate) rows: Vec<Row>,
    /// What was to be reached; empty where nothing was set.
    pub(crate) goals: Vec<Goal>,
}

/// A column of figures.
#[derive(Serialize)]
pub(crate) struct Column {
    /// What it says, without its unit.
    pub(crate) name: &'static str,
    pub(crate) unit: &'static str,
    /// Whether it is drawn as bars, and which end is the good one.
    pub(crate) bars: Option<Bars>,
}

/// Which of two bars is the better one.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bars {
    /// A rate.
    LongerIsBetter,
    /// A cost.
    ShorterIsBetter,
}

/// A line of the table.
#[derive(Serialize)]
pub(crate) struct Row {
    /// What was measured.
    pub(crate) name: String,
    /// One for each column; `None` where there is nothing to say.
    pub(crate) figures: Vec<Option<Figures>>,
    /// What a reader has to know of this line, such as why it is empty.
    pub(crate) remark: Option<String>,
}

impl Column {
    /// A column that stands in the table only.
    pub(crate) fn new(name: &'static str, unit: &'static str) -> Self {
        Self {
            name,
            unit,
            bars: None,
        }
    }

    /// A column that is drawn as well.
    pub(crate) fn drawn(name: &'static str, unit: &'static str, bars: Bars) -> Self {
        Self {
            name,
            unit,
            bars: Some(bars),
        }
    }
}

impl Row {
    /// A line with all its figures.
    pub(crate) fn new(name: impl Into<String>, figures: impl IntoIterator<Item = Figures>) -> Self {
        Self {
            name: name.into(),
            figures: figures.into_iter().map(Some).collect(),
            remark: None,
        }
    }

    /// With what a reader has to know of it.
    pub(crate) fn with_remark(self, remark: impl Into<String>) -> Self {
        Self {
            remark: Some(remark.into()),
            ..self
        }
    }

    /// A line of what could not be measured here, and why.
    pub(crate) fn missing(name: impl Into<String>, remark: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            figures: Vec::new(),
            remark: Some(remark.into()),
        }
    }
}

/// Something that was to be reached.
#[derive(Serialize)]
pub(crate) struct Goal {
    /// What is judged.
    pub(crate) name: String,
    pub(crate) unit: &'static str,
    /// What it came to: a median, or what follows from several.
    pub(crate) measured: f64,
    /// What it had to be.
    pub(crate) bound: Bound,
    pub(crate) reached: bool,
}

/// The value that a goal names, which is within it.
#[derive(Clone, Copy, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
}

impl Goal {
    /// Judges what was measured.
    pub(crate) fn new(
        name: impl Into<String>,
        measured: f64,
        unit: &'static str,
        bound: Bound,
    ) -> Self {
        let reached = match bound {
            Bound::AtLeast(least) => measured >= least,
            Bound::AtMost(most) => measured <= most,
        };
        Self {
            name: name.into(),
            unit,
            measured,
            bound,
            reached,
        }
    }
}
