//! What is wrong in a configuration file, where, and what to write instead.

use std::fmt;
use std::ops::Range;
use std::path::PathBuf;

use thiserror::Error;

/// Why a configuration file was not taken.
#[derive(Debug, Error)]
pub enum ConfigurationError {
    /// The file could not be read.
    #[error(
        "cannot read the configuration file {}: {source}; give its path with --config or \
         VEILSTREAM_CONFIG", path.display()
    )]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// The file was read and cannot be meant as it stands.
    #[error("{}", Report { path, mistakes })]
    Mistakes {
        /// The file.
        path: PathBuf,
        /// Every mistake in it, in the order of the file; never empty.
        mistakes: Vec<Mistake>,
    },
}

/// One mistake in a configuration file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mistake {
    /// The line, counted from 1.
    pub line: usize,
    /// The column in characters, counted from 1.
    pub column: usize,
    /// The path of the setting, such as `columns[2].mask.domain`, columns counted from 0; empty
    /// where the file is no TOML.
    pub path: String,
    /// What is wrong and what to write instead. Never quotes what may be a secret.
    pub problem: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        if !self.path.is_empty() {
            write!(f, "{}: ", self.path)?;
        }
        f.write_str(&self.problem)
    }
}

/// Prints `veilstream.toml: 2 mistakes` and then a line for each.
struct Report<'a> {
    path: &'a std::path::Path,
    mistakes: &'a [Mistake],
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let noun = if self.mistakes.len() == 1 {
            "mistake"
        } else {
            "mistakes"
        };
        write!(f, "{}: {} {noun}", self.path.display(), self.mistakes.len())?;
        for mistake in self.mistakes {
            write!(f, "\n  {mistake}")?;
        }
        Ok(())
    }
}

/// Where in the file a setting stands.
#[derive(Debug, Clone)]
pub(super) struct Place {
    /// The setting's path.
    pub(super) path: String,
    /// The byte at which it starts.
    pub(super) offset: usize,
}

/// The mistakes found so far in one file.
pub(super) struct Mistakes<'t> {
    text: &'t str,
    /// The byte at which each line starts.
    lines: Vec<usize>,
    /// From this byte on nothing can be judged, because the TOML breaks off there.
    readable_until: Option<usize>,
    found: Vec<(usize, Mistake)>,
}

impl<'t> Mistakes<'t> {
    /// None yet, in this text.
    pub(super) fn new(text: &'t str) -> Self {
        let lines = std::iter::once(0).chain(text.match_indices('\n').map(|(at, _)| at + 1));
        Self {
            text,
            lines: lines.collect(),
            readable_until: None,
            found: Vec::new(),
        }
    }

    /// Notes that the text is no TOML here.
    ///
    /// What the parser makes of the rest is a guess, so that only what stands in the lines before
    /// can be judged, and nothing can be called missing. A key that is there twice does not count
    /// for that: the parser takes it in its stride.
    pub(super) fn add_syntax(&mut self, message: &str, span: Option<Range<usize>>) {
        let offset = span.map_or(self.text.len(), |span| span.start);
        let problem = if message == "duplicate key" {
            "this key is there twice; remove one of the two".to_owned()
        } else {
            let line_start = self.lines[self.line_index(offset)];
            let until = self
                .readable_until
                .map_or(line_start, |earlier| earlier.min(line_start));
            self.readable_until = Some(until);
            format!("not TOML: {message} (see https://toml.io)")
        };
        self.push(offset, String::new(), problem);
    }

    /// Notes that the setting at this place cannot stay as it is.
    pub(super) fn add(&mut self, place: &Place, problem: impl Into<String>) {
        if self.readable_until.is_none_or(|until| place.offset < until) {
            self.push(place.offset, place.path.clone(), problem.into());
        }
    }

    /// Notes that a setting is not there, at the place of what should hold it.
    pub(super) fn add_missing(&mut self, place: &Place, problem: impl Into<String>) {
        if self.readable_until.is_none() {
            self.add(place, problem);
        }
    }

    /// The line of a byte, counted from 1.
    pub(super) fn line(&self, offset: usize) -> usize {
        self.line_index(offset) + 1
    }

    /// All of them, in the order of the file.
    pub(super) fn into_sorted(mut self) -> Vec<Mistake> {
        self.found.sort_by_key(|(offset, _)| *offset);
        self.found.into_iter().map(|(_, mistake)| mistake).collect()
    }

    fn push(&mut self, offset: usize, path: String, problem: String) {
        let index = self.line_index(offset);
        let before = self.text.get(self.lines[index]..offset).unwrap_or_default();
        let column = before.chars().count() + 1;
        self.found.push((
            offset,
            Mistake {
                line: index + 1,
                column,
                path,
                problem,
            },
        ));
    }

    fn line_index(&self, offset: usize) -> usize {
        // The first line starts at byte 0, so that at least one start is never beyond the offset.
        self.lines.partition_point(|start| *start <= offset) - 1
    }
}
