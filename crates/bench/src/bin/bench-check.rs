//! Whether decoding and masking a login event take as few instructions as they did.
//!
//! Instructions are counted by valgrind's callgrind, which no other load on the machine moves. It
//! emulates a processor: what is counted is the path for the features that it knows (AES-NI and
//! AVX2, neither VAES, AVX-512 nor SHA-NI), so the counts guard against a regression and do not
//! tell a time.

use std::{
    collections::BTreeMap,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Parser;
use serde::{Deserialize, Serialize};
use tempfile::TempDir;

/// Two numbers of messages: what start-up takes is in both counts and not in their difference.
const FEW: u64 = 1_000;
const MANY: u64 = 6_000;
/// A rise of so much, in percent, is an error.
const MOST_RISE: f64 = 5.0;

#[derive(Parser)]
#[command(about = "Counts the instructions of decoding and masking a login event")]
struct Arguments {
    /// Write the counts into the file, in place of comparing them with it
    #[arg(long)]
    record: bool,
    /// The file of recorded counts
    #[arg(long, default_value = "crates/bench/instructions.json")]
    file: PathBuf,
}

/// Recorded counts. Another compiler gives others.
#[derive(Serialize, Deserialize)]
struct Recorded {
    compiler: String,
    valgrind: String,
    /// By stage.
    instructions_per_message: BTreeMap<String, f64>,
}

fn main() -> ExitCode {
    match check(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn check(arguments: &Arguments) -> Result<()> {
    // Counting takes a while: what there is to compare with is read first.
    let recorded = (!arguments.record).then(|| recorded(&arguments.file));
    let recorded = recorded.transpose()?;
    let probe = std::env::current_exe()?.with_file_name("probe");
    let decode = per_message(&probe, "decoded")?;
    let both = per_message(&probe, "masked")?;
    let now = Recorded {
        compiler: version("rustc")?,
        valgrind: version("valgrind")?,
        instructions_per_message: BTreeMap::from([
            ("decode".to_owned(), decode),
            ("mask".to_owned(), both - decode),
        ]),
    };
    if let Some(recorded) = recorded {
        return compare(&recorded, &now);
    }
    let json = serde_json::to_string_pretty(&now)? + "\n";
    fs::write(&arguments.file, json).with_context(|| arguments.file.display().to_string())
}

fn recorded(file: &Path) -> Result<Recorded> {
    let hint = || {
        let file = file.display();
        format!("{file}: `make bench-check RECORD=1` writes it")
    };
    let recorded = fs::read_to_string(file).with_context(hint)?;
    serde_json::from_str(&recorded).with_context(hint)
}

fn compare(recorded: &Recorded, now: &Recorded) -> Result<()> {
    let mut out = std::io::stdout();
    let mut risen = Vec::new();
    for (stage, count) in &now.instructions_per_message {
        let before = recorded.instructions_per_message.get(stage);
        let before = before.with_context(|| format!("{stage} was not recorded"))?;
        let change = (count / before - 1.0) * 100.0;
        writeln!(
            out,
            "{stage}: {count:.0} instructions a message, {before:.0} recorded ({change:+.1} %)"
        )?;
        if change > MOST_RISE {
            risen.push(stage.as_str());
        }
    }
    if recorded.compiler != now.compiler {
        writeln!(
            out,
            "recorded with {}, this is {}",
            recorded.compiler, now.compiler
        )?;
    }
    ensure!(
        risen.is_empty(),
        "{} took over {MOST_RISE} % more instructions than recorded; find out why, or, where that \
         is to be, `make bench-check RECORD=1`",
        risen.join(" and ")
    );
    Ok(())
}

/// Instructions for one more message.
fn per_message(probe: &Path, until: &str) -> Result<f64> {
    let few = instructions(probe, until, FEW)?;
    let many = instructions(probe, until, MANY)?;
    #[expect(clippy::cast_precision_loss, reason = "far below 2^52 instructions")]
    Ok(many.saturating_sub(few) as f64 / (MANY - FEW) as f64)
}

/// Instructions of a whole process, in an environment of its own: a longer one moves the stack.
fn instructions(probe: &Path, until: &str, messages: u64) -> Result<u64> {
    let folder = TempDir::new()?;
    let counts = folder.path().join("counts");
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--quiet"])
        .arg(format!("--callgrind-out-file={}", counts.display()))
        .arg(probe)
        .args(["rows", until, &messages.to_string()])
        .env_clear()
        .env("PATH", std::env::var_os("PATH").unwrap_or_default())
        .output()
        .context("valgrind does not start; `scripts/prerequisites bench-check` installs it")?;
    if !output.status.success() {
        bail!("valgrind: {}", String::from_utf8_lossy(&output.stderr));
    }
    let counts = fs::read_to_string(counts)?;
    let total = counts
        .lines()
        .find_map(|line| line.strip_prefix("totals: "));
    Ok(total.context("callgrind wrote no totals")?.trim().parse()?)
}

fn version(program: &str) -> Result<String> {
    let output = Command::new(program).arg("--version").output();
    let output = output.with_context(|| program.to_owned())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
