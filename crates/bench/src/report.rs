//! The report: its sections, the machine and the versions, written as Markdown, JSON and a chart.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use serde::Serialize;

use crate::{chart, machine::Machine, markdown, section::Section, versions::Version};

/// Everything that a run of the benchmarks found.
#[derive(Serialize)]
pub(crate) struct Report {
    /// When it began, in UTC, to the second.
    pub(crate) date: String,
    /// How it was started.
    pub(crate) command: String,
    /// How often each figure was measured.
    pub(crate) runs: usize,
    pub(crate) machine: Machine,
    pub(crate) versions: Vec<Version>,
    pub(crate) sections: Vec<Section>,
}

impl Report {
    /// For people.
    pub(crate) fn markdown(&self) -> String {
        markdown::report(self)
    }

    /// Writes `report.md`, `report.json` and `report.svg` into a folder, which is made if need be.
    pub(crate) fn write(&self, folder: &Path) -> Result<()> {
        fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
        let write = |name: &str, content: String| {
            let path = folder.join(name);
            fs::write(&path, content).with_context(|| path.display().to_string())
        };
        write("report.md", self.markdown())?;
        write("report.json", serde_json::to_string_pretty(self)? + "\n")?;
        write("report.svg", chart::svg(self))
    }
}
