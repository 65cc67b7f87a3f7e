//! `veilstream init`: a configuration for the events in the queue.

use std::{
    fs::{self, Permissions},
    io::{self, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::anyhow;
use clap::Args;
use masking::Zeroizing;
use tempfile::NamedTempFile;
use tokio_util::sync::CancellationToken;
use veilstream::{
    config::TableName,
    inspect::Source,
    propose::{Proposal, Surroundings, Written},
    source::Message,
    startup::Settings,
};

use super::{
    exit::{Exit, Failure},
    lines::counted,
    logging,
    look::look,
    options::{Output, QueueOptions, any_path},
};

const HELP: &str = "\
Each field with a value becomes a column: numbers, times, UUIDs and so on with their type, arrays as \
jsonb. What looks personal, by its name or its values, is masked: reversibly where that makes sense, \
else dropped. Comments say of each column how often it was there and why it is as it is; they hold no \
value. The file says at its top which commands come next.

The proposal is tried on the sample before it is written. It is a beginning: a field that was harmless \
in the sample may not be so tomorrow, so look through it, and at `veilstream plan`, before you run it.

The messages are received, and all given back, also on Ctrl-C. Each then counts as received once more, \
and is hidden from others for some seconds: so FIFO queues, and those whose redrive policy has a \
maxReceiveCount of 3 or less, are refused unless --force is given.

Examples:
  veilstream init --queue-url https://sqs.eu-central-1.amazonaws.com/123456789012/orders
  veilstream init --sample 500 --table sales.orders --out orders.toml
  veilstream init --print";

#[derive(Args)]
#[command(after_help = HELP)]
pub(super) struct Arguments {
    /// How many messages, 1,000 at the most
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=1000))]
    sample: u32,
    /// The table to load into [default: the queue's name]
    #[arg(long, value_name = "SCHEMA.NAME")]
    table: Option<TableName>,
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "veilstream.toml", value_parser = any_path())]
    out: PathBuf,
    /// Write the file although there is one already
    #[arg(long)]
    overwrite: bool,
    /// Only show the configuration, write no file
    #[arg(long, conflicts_with = "overwrite")]
    print: bool,
    /// Look into the queue although a sample can do harm there
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    queue: QueueOptions,
}

pub(super) async fn execute(
    arguments: Arguments,
    stop: CancellationToken,
) -> Result<Exit, Failure> {
    logging::start(Output::Text)?;
    let Arguments {
        sample,
        table,
        out,
        overwrite,
        print,
        force,
        queue,
    } = arguments;
    if !print {
        // Before a message is touched, not after.
        refuse(&out, overwrite)?;
        begin(&out)?;
    }
    let settings = queue.settings()?;
    let mut bodies = Vec::new();
    let keep = |message: &Message<'_>| bodies.push(Zeroizing::new(message.body.to_string()));
    let Some(source) = look(&settings, sample, force, &stop, keep).await else {
        return Ok(Exit::Done);
    };
    let written = propose(&settings, &bodies, source?, table, &out)?;
    if print {
        io::stdout().lock().write_all(written.toml.as_bytes())?;
    } else {
        save(&out, &written.toml, overwrite)?;
        tell(&out, &written)?;
    }
    Ok(Exit::Done)
}

fn propose(
    settings: &Settings,
    bodies: &[Zeroizing<String>],
    source: Source,
    table: Option<TableName>,
    out: &Path,
) -> Result<Written, Failure> {
    let queue_url = match source {
        Source::Queue { url, .. } => url,
        Source::Table { .. } => String::new(),
    };
    if bodies.is_empty() {
        let error = anyhow!(
            "there is no message to be had in {queue_url}: send some events to it, or stop what takes them from it, \
             and say `veilstream init` again; or write the file by hand, as docs/configuration.md tells"
        );
        return Err(Failure::new(Exit::Queue, error));
    }
    let around = Surroundings {
        queue_url,
        endpoint_url: settings.configuration().queue.endpoint_url.clone(),
        table,
        file: out.to_owned(),
    };
    let proposal = Proposal::new(bodies).map_err(|error| Failure::new(Exit::Queue, error))?;
    proposal.to_toml(&around).map_err(Failure::other)
}

fn exists(out: &Path) -> Failure {
    let error = anyhow!(
        "{} exists and is left as it is: name another file with --out, or say --overwrite",
        out.display()
    );
    Failure::new(Exit::Usage, error)
}

/// Refuses a path that is not to be written over.
fn refuse(out: &Path, overwrite: bool) -> Result<(), Failure> {
    match out.metadata() {
        Ok(_) if !overwrite => Err(exists(out)),
        Ok(there) if !there.is_file() => Err(unwritable(out, "it is not a file")),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// A file beside the one that is to be there; dropped, it is gone.
fn begin(out: &Path) -> Result<NamedTempFile, Failure> {
    let folder = match out.parent() {
        Some(folder) if folder != Path::new("") => folder,
        Some(_) | None => Path::new("."),
    };
    tempfile::Builder::new()
        .prefix(".veilstream-init-")
        // As of any file that is made, less what the umask takes.
        .permissions(Permissions::from_mode(0o666))
        .tempfile_in(folder)
        .map_err(|error| unwritable(out, error))
}

/// Writes all of it or nothing.
fn save(out: &Path, toml: &str, overwrite: bool) -> Result<(), Failure> {
    refuse(out, overwrite)?;
    // A link stays one, and a file keeps its mode.
    let target = fs::canonicalize(out).unwrap_or_else(|_| out.to_owned());
    let mut file = begin(&target)?;
    let mut write = || {
        file.write_all(toml.as_bytes())?;
        if let Ok(before) = target.metadata() {
            file.as_file().set_permissions(before.permissions())?;
        }
        file.as_file().sync_all()
    };
    write().map_err(|error| unwritable(out, error))?;
    let persisted = if overwrite {
        file.persist(&target)
    } else {
        file.persist_noclobber(&target)
    };
    match persisted {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == io::ErrorKind::AlreadyExists => Err(exists(out)),
        Err(failed) => Err(unwritable(out, failed.error)),
    }
}

fn unwritable(out: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::other(anyhow!(
        "{} cannot be written: {error}; name another file with --out",
        out.display()
    ))
}

fn tell(out: &Path, written: &Written) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    let (columns, masked) = written.columns;
    let columns = counted(columns as u64, "column");
    writeln!(
        stdout,
        "{} written: {columns}, {masked} of them masked.",
        out.display()
    )?;
    writeln!(stdout, "Look through it; then:")?;
    for command in &written.next {
        writeln!(stdout, "  {command}")?;
    }
    Ok(())
}
