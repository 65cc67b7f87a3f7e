//! From settings to a running start: everything that can be wrong is found before the first
//! message is taken.

use std::{path::PathBuf, sync::Arc};

use masking::{Keyset, KeysetError};
use tokio_postgres::Client;

use crate::{
    config::{
        Column, Configuration, ConfigurationError, Fleets, Identity, Listen, OnReject, Pipeline,
    },
    decode::Decoder,
    doctor::Warnings,
    inspect,
    keyset_file::{KeysetFile, KeysetFileError, PassphraseSource},
    load::{
        DatabaseError, Target,
        catalogue::{self, CatalogueError, Fit},
        conninfo::{ConnectionSettings, ConninfoError},
        key_set::{self, KeySetError},
        quarantine::{self, Replay, Task},
        schema::{self, SchemaError},
        upkeep,
    },
    mask::{self, Masking, MasksDoNotFit},
    source::{Address, AddressError, Queue, QueueError, QueueSettings},
};

/// The queue that is asked for where no URL is set.
pub const DEFAULT_QUEUE: &str = "login-queue";

/// What flags and the environment say; a flag has already beaten the environment.
#[derive(Default)]
pub struct Overrides {
    /// The configuration file; without one the built-in pipeline runs.
    pub config: Option<PathBuf>,
    /// The queue's URL.
    pub queue_url: Option<String>,
    /// The address of the SQS service.
    pub endpoint_url: Option<String>,
    /// A connection URI or conninfo string; it may hold a password.
    pub database_url: Option<String>,
    /// The key set's file.
    pub keyset: Option<PathBuf>,
    /// The file of the passphrase that opens it.
    pub passphrase_file: Option<PathBuf>,
    /// Where the admin server listens.
    pub admin_listen: Option<Listen>,
    /// The connection of who acts on the quarantine from the page; it may hold a password.
    pub admin_database_url: Option<String>,
}

/// Reads a variable of the environment; an empty one counts as unset.
pub fn environment(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// Why nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration file.
    #[error(transparent)]
    Configuration(#[from] ConfigurationError),
    /// The queue's or the endpoint's URL.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The database's URL, or a variable or file that completes it.
    #[error(transparent)]
    Conninfo(#[from] ConninfoError),
    /// The key set's file.
    #[error(transparent)]
    KeysetFile(#[from] KeysetFileError),
    /// The key set and the configuration disagree.
    #[error("the key set does not fit the configuration: {0}")]
    Keyset(#[from] KeysetError),
    /// The configuration's masks and the key set disagree.
    #[error(transparent)]
    Masks(#[from] MasksDoNotFit),
    /// The queue.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// The database.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// Schema `veilstream`.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The target table.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The key set is not the one that the database knows.
    #[error(transparent)]
    KeySet(#[from] KeySetError),
}

/// Settings with everything laid over everything else.
pub struct Settings {
    configuration: Configuration,
    passphrase: PassphraseSource,
    environment: Environment,
}

/// The variables that complete a database's URL.
type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Those that name who loads, or prove it. `.pgpass` and its like go by the name of who logs in.
const OF_THE_LOADER: [&str; 4] = ["PGUSER", "PGPASSWORD", "PGSSLCERT", "PGSSLKEY"];

impl Settings {
    /// Lays the overrides over the configuration file, or over the built-in configuration.
    ///
    /// # Errors
    ///
    /// When the file has mistakes; all of them are in the error.
    pub fn new(overrides: Overrides) -> Result<Self, StartError> {
        let mut configuration = match &overrides.config {
            Some(path) => Configuration::from_file(path)?,
            None => Configuration::builtin(),
        };
        let queue = &mut configuration.queue;
        queue.url = overrides.queue_url.or(queue.url.take());
        queue.endpoint_url = overrides.endpoint_url.or(queue.endpoint_url.take());
        let database = &mut configuration.database;
        database.url = overrides.database_url.or(database.url.take());
        configuration.keyset = overrides.keyset.or(configuration.keyset.take());
        let admin = &mut configuration.admin;
        admin.listen = overrides.admin_listen.or(admin.listen);
        admin.database_url = overrides.admin_database_url.or(admin.database_url.take());
        let passphrase = PassphraseSource::resolve(
            overrides.passphrase_file,
            configuration.passphrase_file.clone(),
        );
        Ok(Self {
            configuration,
            passphrase,
            environment: Arc::new(environment),
        })
    }

    /// The same, deaf to the PG* variables: for servers that veilstream has started itself.
    #[must_use]
    pub fn without_environment(self) -> Self {
        Self {
            environment: Arc::new(|_| None),
            ..self
        }
    }

    /// The same as somebody else in the database, and nobody asked for a passphrase: what the environment says
    /// of who loads is neither told nor shown to the server.
    #[must_use]
    pub fn with_database(&self, url: &str) -> Self {
        let mut configuration = self.configuration.clone();
        configuration.database.url = Some(url.to_owned());
        let environment = Arc::clone(&self.environment);
        Self {
            configuration,
            passphrase: self.passphrase.clone().unattended(),
            environment: Arc::new(move |name| match name {
                name if OF_THE_LOADER.contains(&name) => None,
                name => environment(name),
            }),
        }
    }

    /// The settings themselves.
    pub fn configuration(&self) -> &Configuration {
        &self.configuration
    }

    /// The key set's file and what opens it.
    ///
    /// # Errors
    ///
    /// When none is named.
    pub fn keyset_file(&self) -> Result<KeysetFile, StartError> {
        let path = self.configuration.keyset.clone();
        let path = path.ok_or(KeysetFileError::NotNamed)?;
        Ok(KeysetFile::new(path, self.passphrase.clone()))
    }

    /// Reads and opens the key set.
    ///
    /// # Errors
    ///
    /// When there is none, it is not sound, or it does not open.
    pub async fn keyset(&self) -> Result<Keyset, StartError> {
        Ok(self.keyset_file()?.open().await?)
    }

    /// Reads the key set and holds it against the columns' domains.
    ///
    /// # Errors
    ///
    /// When there is none, it is not sound, or it does not fit.
    pub async fn fitting_keyset(&self) -> Result<Keyset, StartError> {
        let keyset = self.keyset().await?;
        let columns = &self.configuration.pipeline.columns;
        mask::check(columns, &keyset)?;
        match self.configuration.pipeline.identity {
            Identity::Value(_) if !keyset.has_ledger_key() => {
                return Err(KeysetError::NoLedgerKey.into());
            }
            Identity::Value(_) | Identity::MessageId => {}
        }
        Ok(keyset)
    }

    /// Where and how to connect to the database.
    ///
    /// # Errors
    ///
    /// When the URL or what completes it is malformed.
    pub fn database(&self) -> Result<ConnectionSettings, StartError> {
        let url = self.configuration.database.url.as_deref();
        Ok(ConnectionSettings::resolve(url, &*self.environment)?)
    }

    /// Where the SQS service is.
    ///
    /// # Errors
    ///
    /// When a URL is malformed, or too little is set.
    pub async fn queue_address(&self) -> Result<Address, StartError> {
        let queue = &self.configuration.queue;
        // The environment beats the file; where the file says nothing, an AWS queue URL comes first.
        let region = queue.region.clone().map(|region| {
            let set = ["AWS_REGION", "AWS_DEFAULT_REGION"]
                .into_iter()
                .find_map(environment);
            set.unwrap_or(region)
        });
        let region = region.as_deref();
        let default_region = match region {
            Some(_) => None,
            None => crate::source::default_region().await,
        };
        Ok(Address::resolve(
            queue.url.as_deref(),
            queue.endpoint_url.as_deref(),
            region,
            default_region.as_deref(),
        )?)
    }

    /// Reaches the queue.
    ///
    /// # Errors
    ///
    /// When its address is malformed, or the queue is not there or refuses.
    pub async fn queue(&self) -> Result<Queue, StartError> {
        let address = self.queue_address().await?;
        let queue = &self.configuration.queue;
        let url = queue.url.as_deref();
        let reached = Queue::connect(address, queue.protocol, url, DEFAULT_QUEUE).await?;
        Ok(reached.with_longest_lease(queue.longest_lease))
    }

    /// Connects to the database and holds the columns against its catalogue and, with a key set,
    /// against the tokens that go into them and the key sets that it has seen. Writes nothing.
    ///
    /// # Errors
    ///
    /// When the database is not reached or does not fit, or knows the key set otherwise.
    pub async fn fit(
        &self,
        database: &ConnectionSettings,
        keyset: Option<&Keyset>,
    ) -> Result<Fit, StartError> {
        let client = reading(database).await?;
        schema::check_privileges(&client).await?;
        let mut fit = catalogue::fit(&client, &self.configuration.pipeline, keyset).await?;
        if let Some(keyset) = keyset {
            let identity = key_set::Identity::of(keyset);
            identity.ask(&client, fit.masked_table()).await?;
        }
        fit.warnings.extend(inspect::by_name(&fit.columns));
        fit.warnings
            .extend(self.configuration.pipeline.identity.warning());
        Ok(fit)
    }

    /// Everything that replaying works with, the key set looked at first; no queue is asked.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub async fn replay(&self) -> Result<Replay, StartError> {
        let keyset = self.fitting_keyset().await?;
        let client = reading(&self.database()?).await?;
        quarantine::check_privileges(&client, Task::Replay).await?;
        let pipeline = &self.configuration.pipeline;
        let fit = catalogue::fit(&client, pipeline, Some(&keyset)).await?;
        let identity = key_set::Identity::of(&keyset);
        identity.ask_bound(&client, fit.masked_table()).await?;
        for warning in &fit.warnings {
            tracing::warn!("{warning}");
        }
        let (decoder, masking) = to_rows(pipeline, &fit, &keyset)?;
        Ok(Replay::new(pipeline, &fit, decoder, masking, &keyset))
    }

    /// What makes rows of messages, only to be looked at: nothing is written, and no queue is asked.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub async fn rows(&self) -> Result<Rows, StartError> {
        let keyset = self.fitting_keyset().await?;
        let fit = self.fit(&self.database()?, Some(&keyset)).await?;
        for warning in &fit.warnings {
            tracing::warn!("{warning}");
        }
        let (decoder, masking) = to_rows(&self.configuration.pipeline, &fit, &keyset)?;
        Ok(Rows {
            decoder,
            masking,
            columns: fit.columns,
        })
    }

    /// Everything that a run works with. The key set comes first: without one nothing else is even
    /// asked.
    ///
    /// # Errors
    ///
    /// The first thing that is wrong.
    pub async fn parts(&self) -> Result<Parts, StartError> {
        let keyset = self.fitting_keyset().await?;
        let database = self.database()?;
        let (queue, fit) = tokio::join!(self.queue(), self.fit(&database, Some(&keyset)));
        let (queue, fit) = (queue?, fit?);
        let pipeline = &self.configuration.pipeline;
        let beside = pipeline
            .identity
            .warning_beside(queue.settings().message_retention);
        for warning in fit.warnings.iter().chain(&beside) {
            tracing::warn!("{warning}");
        }
        let warnings = Warnings::at_start(&queue, &fit, pipeline);
        // From here on, an older copy of the key set is refused, and another one for this table.
        let client = connect(&database).await?;
        let identity = key_set::Identity::of(&keyset);
        let client = identity.record(client, fit.masked_table()).await?;
        // Before the first message is taken, so that the ledger remembers for long enough.
        let QueueSettings {
            arn,
            message_retention,
            ..
        } = queue.settings();
        upkeep::record(client, arn, *message_retention).await?;
        let (decoder, masking) = to_rows(pipeline, &fit, &keyset)?;
        Ok(Parts {
            target: Arc::new(Target::new(pipeline, &fit.table, &queue.settings().arn)),
            queue,
            database: Arc::new(database),
            decoder,
            masking,
            keyset,
            on_reject: pipeline.on_reject,
            reject_limit: Some(pipeline.reject_limit),
            fleets: self.configuration.queue.fleets,
            warnings,
        })
    }
}

/// What makes rows of messages.
pub struct Rows {
    /// From body to typed columns.
    pub decoder: Decoder,
    /// From typed columns to a masked row.
    pub masking: Masking,
    /// The columns, with the types that the table really has.
    pub columns: Vec<Column>,
}

/// Everything that the data path works with.
pub struct Parts {
    /// The queue, reached.
    pub queue: Queue,
    /// Where the loaders connect to.
    pub database: Arc<ConnectionSettings>,
    /// Where rows go.
    pub target: Arc<Target>,
    /// From body to typed columns.
    pub decoder: Decoder,
    /// From typed columns to a masked row.
    pub masking: Masking,
    /// Seals what is rejected.
    pub keyset: Keyset,
    /// What becomes of what is rejected.
    pub on_reject: OnReject,
    /// The share of rejected messages, in percent, above which nothing more is received.
    pub reject_limit: Option<u8>,
    /// How many receives and deletes may be under way at once.
    pub fleets: Fleets,
    /// What somebody should look at, which keeps nothing from running.
    pub warnings: Warnings,
}

/// What makes a row of a body: the same for `run` and for a replay.
fn to_rows(
    pipeline: &Pipeline,
    fit: &Fit,
    keyset: &Keyset,
) -> Result<(Decoder, Masking), StartError> {
    let identity = &pipeline.identity;
    let masking = Masking::new(&fit.columns, keyset)?;
    let masking = masking.knowing(identity, &fit.table, keyset)?;
    Ok((Decoder::knowing(&fit.columns, identity), masking))
}

/// Opens a connection with a transaction for looking only, in a database that has the schema.
///
/// # Errors
///
/// When the server is not reached or refuses, or its schema is not this program's.
pub async fn reading(database: &ConnectionSettings) -> Result<Client, StartError> {
    let client = connect(database).await?;
    schema::begin_reading(&client).await?;
    schema::check(&client).await?;
    Ok(client)
}

/// Opens one connection.
///
/// # Errors
///
/// When the server is not reached or refuses.
pub async fn connect(database: &ConnectionSettings) -> Result<Client, StartError> {
    Ok(database.connect().await.map_err(DatabaseError::from)?)
}
