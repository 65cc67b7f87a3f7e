//! The versions of what took part.

use std::{path::Path, process::Command};

use serde::Serialize;

use crate::measurement::Settings;

/// A program or library and its version.
#[derive(Serialize)]
pub(crate) struct Version {
    pub(crate) name: &'static str,
    pub(crate) version: String,
}

/// What the peers in Python are made with, each with its version.
const PYTHON: &str = "\
import platform
from importlib.metadata import version
print('python', platform.python_version())
for name in ('boto3', 'psycopg2-binary', 'cryptography'):
    print(name, version(name))";

/// Of everything that is there; what is not has no line. A veilstream that was built with this
/// program has the commit as well.
pub(crate) fn versions(settings: &Settings, is_built_here: bool) -> Vec<Version> {
    let mut versions = Vec::new();
    let mut add = |name, version: Option<String>| {
        versions.extend(version.map(|version| Version { name, version }));
    };
    let version = second_word(output(&settings.veilstream, &["--version"]));
    let commit = is_built_here.then(commit).flatten().unwrap_or_default();
    add("veilstream", version.map(|version| version + &commit));
    let postgresql = localpg::Cluster::binaries();
    let postgresql = postgresql.map(|binaries| binaries.version().to_owned());
    add("PostgreSQL", postgresql.ok());
    add(
        "rustc",
        second_word(output(Path::new("rustc"), &["--version"])),
    );
    let of_python = output(&settings.python, &["-c", PYTHON]).unwrap_or_default();
    for name in ["python", "boto3", "psycopg2-binary", "cryptography"] {
        let line = of_python.lines().find_map(|line| line.strip_prefix(name));
        add(name, line.map(|version| version.trim().to_owned()));
    }
    add(
        "vector",
        second_word(output(&settings.vector, &["--version"])),
    );
    versions
}

/// The commit that is checked out where this program was built, if that is a working tree.
fn commit() -> Option<String> {
    let tree = ["-C", env!("CARGO_MANIFEST_DIR")];
    let git = |arguments: &[&str]| output(Path::new("git"), &[&tree, arguments].concat());
    let commit = git(&["rev-parse", "--short=10", "HEAD"])?;
    let changed = git(&["status", "--porcelain", "--untracked-files=no"])
        .is_some_and(|changes| !changes.is_empty());
    let changed = if changed { ", with changes" } else { "" };
    Some(format!(" (commit {commit}{changed})"))
}

/// What a program printed, if it is there and succeeded.
fn output(program: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program).args(arguments).output().ok()?;
    let text = output.status.success().then_some(output.stdout)?;
    Some(String::from_utf8(text).ok()?.trim().to_owned())
}

/// The second word of `program 1.2.3 (…)`.
fn second_word(output: Option<String>) -> Option<String> {
    Some(output?.split_whitespace().nth(1)?.to_owned())
}
