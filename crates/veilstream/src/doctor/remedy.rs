//! What to do about what keeps a run from starting.

use masking::KeysetError;

use crate::{
    keyset_file::KeysetFileError,
    load::{
        DatabaseError,
        catalogue::CatalogueError,
        connect::{ConnectError, Reason},
        key_set::KeySetError,
        schema::SchemaError,
    },
    source::QueueError,
    startup::StartError,
};

/// In one sentence, with the commands and settings to use.
pub(super) fn remedy(error: &StartError) -> String {
    match error {
        StartError::Configuration(_) => {
            "correct the file (docs/configuration.md explains every key), or name another one \
             with --config or VEILSTREAM_CONFIG"
                .to_owned()
        }
        StartError::Address(_) => {
            "correct --queue-url (VEILSTREAM_QUEUE_URL), --endpoint-url (AWS_ENDPOINT_URL_SQS) or \
             [queue]"
                .to_owned()
        }
        StartError::Conninfo(_) => {
            "correct --database-url (DATABASE_URL), PG* or `url` under [database]; it looks like \
             postgresql://user@host:5432/database"
                .to_owned()
        }
        StartError::KeysetFile(error) => of_keyset_file(error),
        StartError::Keyset(KeysetError::NoLedgerKey) => "veilstream keys add-ledger-key".to_owned(),
        StartError::Keyset(_) | StartError::Masks(_) => {
            "name with --keyset the key set that has the domains, or add one with `veilstream \
             keys add-domain`, or correct `mask` under [[columns]]"
                .to_owned()
        }
        StartError::Queue(error) => of_queue(error),
        StartError::Database(error)
        | StartError::Schema(SchemaError::Database(error))
        | StartError::Catalogue(CatalogueError::Database(error))
        | StartError::KeySet(KeySetError::Database(error)) => of_database(error),
        StartError::Schema(error) => of_schema(error).to_owned(),
        StartError::Catalogue(error) => of_catalogue(error).to_owned(),
        StartError::KeySet(error) => of_key_set(error).to_owned(),
    }
}

fn of_keyset_file(error: &KeysetFileError) -> String {
    match error {
        KeysetFileError::NotNamed | KeysetFileError::Unreadable { .. } => {
            "name the key set with --keyset or VEILSTREAM_KEYSET; `veilstream keys create FILE` \
             makes one"
                .to_owned()
        }
        KeysetFileError::OpenToOthers { path, .. } => format!("chmod 600 {}", path.display()),
        KeysetFileError::Invalid { path, .. } => {
            let path = path.display();
            format!("restore {path} from its backup, or name another file with --keyset")
        }
        KeysetFileError::WrongPassphrase { .. }
        | KeysetFileError::NotByPassphrase { .. }
        | KeysetFileError::Passphrase(_) => {
            "give the passphrase of this key set, and of no other, in VEILSTREAM_PASSPHRASE_FILE"
                .to_owned()
        }
        KeysetFileError::Kms(_) => {
            "allow the role kms:Decrypt on the key that wraps the key set (docs/keys.md)".to_owned()
        }
        KeysetFileError::IsLink { .. }
        | KeysetFileError::Busy { .. }
        | KeysetFileError::NotWritten { .. }
        | KeysetFileError::NotSynced { .. }
        | KeysetFileError::NotReadBack { .. }
        | KeysetFileError::Exists { .. } => {
            "docs/keys.md tells how key sets are changed".to_owned()
        }
    }
}

fn of_queue(error: &QueueError) -> String {
    let remedy = match error {
        QueueError::Unreachable { .. } => {
            "start the service, correct --queue-url or --endpoint-url, or let this machine \
             through (security groups, proxies, VPC endpoint)"
        }
        QueueError::Busy { .. } => "run `veilstream check` again in a minute",
        QueueError::Refused { action, .. } if error.is_denied() => {
            return format!(
                "allow sqs:{action} on the queue in the role's IAM policy, or in the queue's; the \
                 README has all that a role needs"
            );
        }
        QueueError::Refused { code, .. }
            if code.ends_with("QueueDoesNotExist") || code.ends_with("NonExistentQueue") =>
        {
            "create it (`aws sqs create-queue --queue-name NAME`), or correct --queue-url and the \
             region; `aws sqs list-queues` shows those that there are"
        }
        QueueError::Refused { .. } | QueueError::Credentials { .. } => {
            "correct the AWS credentials (`aws sts get-caller-identity` tries them) and this \
             machine's clock"
        }
        QueueError::Protocol { .. } | QueueError::TooLarge { .. } => {
            "correct --queue-url or --endpoint-url: another service answers there"
        }
    };
    remedy.to_owned()
}

fn of_database(error: &DatabaseError) -> String {
    match error {
        DatabaseError::Connect(error) => of_connecting(error).to_owned(),
        DatabaseError::Server { .. }
        | DatabaseError::Broken { .. }
        | DatabaseError::NoAnswer { .. }
        | DatabaseError::CountDiffers { .. } => {
            "look for the SQLSTATE in the server's log, then run `veilstream check` again"
                .to_owned()
        }
    }
}

fn of_connecting(error: &ConnectError) -> &'static str {
    match error.sqlstate() {
        Some("28P01") => "correct the password in the database URL, PGPASSWORD or .pgpass",
        Some("3D000") => {
            "CREATE DATABASE it and run `veilstream migrate`, or correct the name in the database \
             URL"
        }
        Some(_) => "let the role log in: ALTER ROLE … LOGIN, and a line in pg_hba.conf",
        None => match error.reason() {
            Reason::NoTls
            | Reason::Tls(_)
            | Reason::TlsOther(_)
            | Reason::NoName
            | Reason::TlsSetup(_) => {
                "correct sslmode and sslrootcert in the database URL, or the server's certificate"
            }
            Reason::NoPassword | Reason::Authentication(_) => {
                "give the password in PGPASSWORD, .pgpass or the database URL"
            }
            Reason::NotWritable => "name the primary in the database URL",
            Reason::Unreachable(_)
            | Reason::Lookup(_)
            | Reason::TimedOut { .. }
            | Reason::Lost
            | Reason::Server(_)
            | Reason::Protocol => {
                "start the server, correct host and port in the database URL, or let this machine \
                 through; `pg_isready` tells"
            }
        },
    }
}

fn of_schema(error: &SchemaError) -> &'static str {
    match error {
        SchemaError::Missing | SchemaError::Older { .. } => {
            "run `veilstream migrate` with the role of the database's owner"
        }
        SchemaError::Newer { .. } => "install the newer veilstream here as well",
        SchemaError::ServerTooOld { .. } => "upgrade the server to PostgreSQL 13 or newer",
        SchemaError::MissingPrivileges { .. } => {
            "as the owner run deploy/roles.sql, then GRANT veilstream_loader to the role of the \
             database URL"
        }
        SchemaError::Database(_) => "look into the server's log",
    }
}

fn of_catalogue(error: &CatalogueError) -> &'static str {
    match error {
        CatalogueError::NoTable { .. } => {
            "run `veilstream migrate`, or name the table's schema too: `table` under [pipeline]"
        }
        CatalogueError::NotATable { .. } => {
            "name a plain table without row security: `table` under [pipeline]"
        }
        CatalogueError::Misfits { .. } => {
            "change the table as each line says (ALTER TABLE, GRANT), or [[columns]] in the \
             configuration"
        }
        CatalogueError::Database(_) => "look into the server's log",
    }
}

fn of_key_set(error: &KeySetError) -> &'static str {
    match error {
        KeySetError::Older { .. } | KeySetError::Forked { .. } | KeySetError::Exchanged { .. } => {
            "name with --keyset the newest copy, the one that other workers use"
        }
        KeySetError::Other { .. } => {
            "name with --keyset the key set that masked the table, or begin anew with `veilstream \
             migrate --new-key-set`"
        }
        KeySetError::Unbound { .. } => "start `veilstream run` first",
        KeySetError::Database(_) => "look into the server's log",
    }
}
