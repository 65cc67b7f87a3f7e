//! The database: whether it is reached and how, what its role may do, and what its catalogue says.

use std::time::{Duration, SystemTime};

use masking::Keyset;
use tokio_postgres::Client;

use super::{Finding, Subject, Verdict, network};
use crate::{
    inspect,
    load::{
        DatabaseError, Step,
        catalogue::{self, CatalogueError, Fit},
        commit_time,
        connect::Connected,
        conninfo::ConnectionSettings,
        key_set::Identity,
        ledger,
        schema::{self, SchemaError},
    },
    startup::{Settings, StartError, connect},
};

const CLOCK: &str = "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8";
const NO_PRIVILEGE: &str = "42501";

/// What was found.
#[derive(Default)]
pub(super) struct Examined {
    pub(super) findings: Vec<Finding>,
    pub(super) told: Told,
}

/// What the queue's attributes are held against, as far as the database was asked for it.
#[derive(Default)]
pub(super) struct Told {
    /// How long a commit takes.
    pub(super) commit: Option<Duration>,
    /// Where the ledger begins.
    pub(super) ledger: Option<ledger::Start>,
}

/// Reaches the database and looks at what a run needs of it. With a key set, masked columns are
/// held against its tokens.
pub(super) async fn examine(settings: &Settings, keyset: Option<&Keyset>) -> Examined {
    let mut examined = Examined::default();
    match settings.database() {
        Ok(database) => look(settings, &database, keyset, &mut examined).await,
        Err(error) => examined.findings.push(Finding::failed("database", &error)),
    }
    examined
}

async fn look(
    settings: &Settings,
    database: &ConnectionSettings,
    keyset: Option<&Keyset>,
    examined: &mut Examined,
) {
    let Examined { findings, told } = examined;
    let names = database.looked_up();
    let names = network::look_up("database dns", Subject::Database, &names).await;
    let is_known = names.verdict != Verdict::Error;
    findings.push(names);
    if !is_known {
        return;
    }
    let connected = match database.connect_and_tell().await {
        Ok(connected) => connected,
        Err(error) => {
            let error = DatabaseError::from(error).into();
            findings.push(Finding::failed("database", &error));
            return;
        }
    };
    let encryption = encryption(database, &connected);
    let clock = match begin(&connected.client).await {
        Ok(clock) => clock,
        Err(error) => {
            findings.extend(not_begun(&connected.client, database, error).await);
            findings.push(encryption);
            return;
        }
    };
    findings.push(Finding::ok("database", database.describe()));
    findings.extend([encryption, clock]);
    match ledger::start(&connected.client).await {
        Ok(start) => told.ledger = Some(start),
        // The transaction that all of it is read in has ended.
        Err(error) => {
            findings.push(Finding::failed("database", &error.into()));
            return;
        }
    }
    catalogue(&connected.client, settings, keyset, findings).await;
    // Another one, so that what is prepared in a transaction for looking is closed within it.
    told.commit = measured(database, findings).await;
}

/// Begins a transaction for looking only, and holds the schema's version and the clock against
/// ours.
async fn begin(client: &Client) -> Result<Finding, StartError> {
    schema::begin_reading(client).await?;
    schema::check(client).await?;
    let failed = |error| DatabaseError::of(Step::Schema, &error);
    let row = client.query_one(CLOCK, &[]).await.map_err(failed)?;
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let ahead = row.get::<_, f64>(0) - since.unwrap_or_default().as_secs_f64();
    #[expect(
        clippy::cast_possible_truncation,
        reason = "seconds between two clocks; beyond i64 the cast saturates"
    )]
    let ahead = ahead.round() as i64;
    Ok(network::clock(
        "database clock",
        "the database's clock",
        ahead,
        None,
    ))
}

/// Why nothing more can be looked at. A role that may not even read the schema's version has reached the
/// database all the same; what else it lacks is told with it, as far as it may look.
async fn not_begun(
    client: &Client,
    database: &ConnectionSettings,
    error: StartError,
) -> Vec<Finding> {
    let StartError::Schema(SchemaError::MissingPrivileges { mut privileges }) = error else {
        return vec![Finding::failed("database", &error)];
    };
    if let Err(SchemaError::MissingPrivileges { privileges: others }) =
        schema::check_privileges(client).await
    {
        privileges.extend(others);
    }
    let lacking = SchemaError::MissingPrivileges { privileges };
    vec![
        Finding::ok("database", database.describe()),
        Finding::failed("privileges", &lacking.into()),
    ]
}

fn encryption(database: &ConnectionSettings, connected: &Connected) -> Finding {
    const CHECK: &str = "database tls";
    let server = &connected.server;
    if connected.is_encrypted {
        let verified = if database.verifies_server() {
            "the server's certificate is verified"
        } else {
            "but any server would do: sslmode=verify-full asks for its certificate"
        };
        Finding::ok(CHECK, format!("encrypted, {verified}"))
    } else if connected.is_local {
        Finding::ok(CHECK, "not encrypted, but nothing leaves this machine")
    } else {
        Finding::warning(
            CHECK,
            format!("rows cross the network to {server} unencrypted"),
            "turn TLS on at the server (ssl = on), and write sslmode=verify-full and sslrootcert \
             into the database URL",
        )
    }
}

/// Privileges, columns and the key set's generation. An error of the server ends the transaction
/// that all of it is read in, and so it.
async fn catalogue(
    client: &Client,
    settings: &Settings,
    keyset: Option<&Keyset>,
    findings: &mut Vec<Finding>,
) {
    let pipeline = &settings.configuration().pipeline;
    let may_load = schema::check_privileges(client).await;
    let (is_granted, is_broken) = match &may_load {
        Ok(()) => (true, false),
        Err(SchemaError::Database(_)) => (false, true),
        Err(
            SchemaError::ServerTooOld { .. }
            | SchemaError::Missing
            | SchemaError::MissingPrivileges { .. }
            | SchemaError::Older { .. }
            | SchemaError::Newer { .. },
        ) => (false, false),
    };
    findings.push(match may_load {
        Ok(()) => Finding::ok("privileges", "the role may do what loading needs"),
        Err(error) => Finding::failed("privileges", &error.into()),
    });
    if is_broken {
        return;
    }
    let fit = match catalogue::fit(client, pipeline, keyset).await {
        Ok(fit) => fit,
        Err(error) => {
            // What is told apart by its name is not the columns' fault.
            let check = match &error {
                CatalogueError::Database(_) => "database",
                CatalogueError::NoTable { .. }
                | CatalogueError::NotATable { .. }
                | CatalogueError::Misfits { .. } => "columns",
            };
            findings.push(Finding::failed(check, &error.into()));
            return;
        }
    };
    findings.push(Finding::ok(
        "columns",
        match fit.columns.len() {
            1 => "1 column fits".to_owned(),
            columns => format!("{columns} columns fit"),
        },
    ));
    findings.extend(endangered(&fit, settings));
    // Without the privilege to ask, that is what was found.
    if let Some(keyset) = keyset.filter(|_| is_granted) {
        let identity = Identity::of(keyset);
        findings.push(match identity.ask(client, fit.masked_table()).await {
            Ok(()) => Finding::ok(
                "generation",
                format!(
                    "{} of key set {}, none newer is known",
                    identity.generation, identity.id
                ),
            ),
            Err(error) => Finding::failed("generation", &error.into()),
        });
    }
}

/// What works, but endangers what veilstream promises.
fn endangered(fit: &Fit, settings: &Settings) -> Vec<Finding> {
    let table = fit.table.quoted();
    let durable = format!(
        "ALTER TABLE {table} SET LOGGED; in postgresql.conf fsync = on and full_page_writes = on"
    );
    let masked =
        "mask = { domain = \"…\" } at the column under [[columns]], or leave the column out";
    let fields =
        "name the field that makes an event one: identity = [\"/event_id\"] under [pipeline]";
    let durability = fit.warnings.iter().cloned();
    let durability = durability.map(|one| Finding::warning("durability", one, &*durable));
    let clear = inspect::by_name(&fit.columns).into_iter();
    let clear = clear.map(|one| Finding::warning("personal data", one, masked));
    let identity = settings.configuration().pipeline.identity.warning();
    let identity = identity.map(|one| Finding::warning("identity", one, fields));
    durability.chain(clear).chain(identity).collect()
}

async fn measured(database: &ConnectionSettings, findings: &mut Vec<Finding>) -> Option<Duration> {
    const CHECK: &str = "commit time";
    let measuring = async {
        let client = connect(database).await?;
        Ok::<_, StartError>(commit_time::measure(client).await?)
    };
    match measuring.await {
        Ok(commit) => {
            let (millis, commits) = (commit.as_secs_f64() * 1_000.0, commit_time::COMMITS);
            let detail = format!("{millis:.1} ms, the median of {commits} that change no table");
            findings.push(Finding::ok(CHECK, detail));
            Some(commit)
        }
        Err(StartError::Database(error)) if error.sqlstate() == Some(NO_PRIVILEGE) => {
            findings.push(Finding::warning(
                CHECK,
                "not measured: the role may not call pg_logical_emit_message, which puts a record \
                 into the write-ahead log",
                "nothing, if you know how long a commit takes; or GRANT EXECUTE on that function \
                 to the role",
            ));
            None
        }
        Err(error) => {
            findings.push(Finding::failed(CHECK, &error));
            None
        }
    }
}
