//! `veilstream check`: everything that a run needs, looked at without changing anything.

use std::io::{self, Write};

use clap::Args;
use masking::Keyset;
use serde::Serialize;
use veilstream::startup::{Settings, StartError};

use super::{
    exit::{Exit, Failure},
    logging,
    options::{Output, PipelineOptions},
};

/// What a finding is called that keeps nothing from running.
const WARNING: &str = "warning";

#[derive(Args)]
#[command(
    after_help = "Example:\n  veilstream check --config orders.toml && veilstream run \
                        --config orders.toml"
)]
pub(super) struct Arguments {
    /// Taken, as `run` does, so that one command line serves both; it changes nothing here
    #[arg(long, hide = true)]
    once: bool,
    #[command(flatten)]
    pipeline: PipelineOptions,
}

#[derive(Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
    #[serde(skip)]
    exit: Exit,
}

#[derive(Serialize)]
struct Findings {
    ok: bool,
    findings: Vec<Finding>,
}

pub(super) async fn execute(arguments: Arguments) -> Result<Exit, Failure> {
    let Arguments { once: _, pipeline } = arguments;
    let output = pipeline.output;
    logging::start(output)?;
    let findings = match pipeline.settings() {
        Ok(settings) => examine(&settings).await,
        Err(error) => vec![finding("configuration", Err(error))],
    };
    // The first thing that is wrong gives the exit code: the later ones may follow from it.
    let exit = findings
        .iter()
        .find(|one| !one.ok)
        .map_or(Exit::Done, |one| one.exit);
    print(findings, output)?;
    Ok(exit)
}

async fn examine(settings: &Settings) -> Vec<Finding> {
    let pipeline = &settings.configuration().pipeline;
    let configuration = format!("pipeline {}, table {}", pipeline.name, pipeline.table);
    let keyset = settings.fitting_keyset().await;
    let database = database(settings, keyset.as_ref().ok()).await;
    let keyset = keyset.map(|keyset| {
        let domains: Vec<_> = keyset
            .domains()
            .map(|domain| domain.name.to_string())
            .collect();
        format!("domains {}", domains.join(", "))
    });
    let mut beside = None;
    let queue = settings.queue().await.map(|queue| {
        let settings = queue.settings();
        beside = pipeline.identity.warning_beside(settings.message_retention);
        let protocol = queue.other_protocol();
        let protocol = protocol.map_or_else(String::new, |name| format!(", protocol {name}"));
        format!(
            "{}: about {} messages, visibility time-out {} s{protocol}",
            queue.url(),
            settings.approximate_messages,
            settings.visibility_timeout.as_secs()
        )
    });
    let mut findings = vec![
        finding("configuration", Ok(configuration)),
        finding("key set", keyset),
        finding("queue", queue),
    ];
    findings.extend(beside.map(|warning| finding(WARNING, Ok(warning))));
    findings.extend(database);
    findings
}

async fn database(settings: &Settings, keyset: Option<&Keyset>) -> Vec<Finding> {
    let database = match settings.database() {
        Ok(database) => database,
        Err(error) => return vec![finding("database", Err(error))],
    };
    match settings.fit(&database, keyset).await {
        Ok(fit) => {
            let columns = match fit.columns.len() {
                1 => "1 column fits".to_owned(),
                columns => format!("{columns} columns fit"),
            };
            let mut findings = vec![
                finding("database", Ok(database.describe())),
                finding("columns", Ok(columns)),
            ];
            findings.extend(
                fit.warnings
                    .into_iter()
                    .map(|warning| finding(WARNING, Ok(warning))),
            );
            findings
        }
        Err(error @ StartError::KeySet(_)) => vec![finding("generation", Err(error))],
        Err(error) => vec![finding("database", Err(error))],
    }
}

fn finding(check: &'static str, result: Result<String, StartError>) -> Finding {
    match result {
        Ok(detail) => Finding {
            check,
            ok: true,
            detail,
            exit: Exit::Done,
        },
        Err(error) => {
            let detail = error.to_string();
            Finding {
                check,
                ok: false,
                detail,
                exit: Failure::from(error).exit,
            }
        }
    }
}

fn print(findings: Vec<Finding>, output: Output) -> io::Result<()> {
    let ok = findings.iter().all(|finding| finding.ok);
    let mut stdout = io::stdout().lock();
    match output {
        Output::Json => {
            let line =
                serde_json::to_string(&Findings { ok, findings }).map_err(io::Error::other)?;
            writeln!(stdout, "{line}")
        }
        Output::Text => {
            for Finding {
                check, ok, detail, ..
            } in findings
            {
                match (ok, check) {
                    (true, WARNING) => writeln!(stdout, "warn   {detail}")?,
                    (true, _) => writeln!(stdout, "ok     {check}: {detail}")?,
                    (false, _) => writeln!(stdout, "error  {check}: {detail}")?,
                }
            }
            Ok(())
        }
    }
}
