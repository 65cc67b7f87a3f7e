//! What to do about what keeps a run from starting.

use masking::KeysetError;

use crate::{
    keyset_file::KeysetFileError,
    load::{
        DatabaseError, Step,
        catalogue::CatalogueError,
        connect::{ConnectError, Reason},
        key_set::KeySetError,
        schema::SchemaError,
    },
    source::QueueError,
    startup::StartError,
};

const PRIMARY: &str = "name the primary in the database URL";

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
        StartError::Database(error) => of_database(error).to_owned(),
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
        // As rustls puts it, whatever is wrong with the certificate.
        QueueError::Unreachable { reason, .. } if reason.contains("invalid peer certificate") => {
            "name the authority that signed the service's certificate in SSL_CERT_FILE, or add it to the \
             system's trusted certificates; or correct the host in --queue-url or --endpoint-url"
        }
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
        QueueError::Refused { code, .. } if is_of_another_service(code) => {
            "correct --queue-url, --endpoint-url, or `protocol` under [queue]: another service answers there"
        }
        QueueError::Refused { code, .. } if !is_of_the_credentials(code) => {
            "look the code up in the Amazon SQS API reference, \"Common Error Types\" and the action's own"
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

/// Refusals of what is no SQS service, or does not know the protocol; what has no code is told in words.
fn is_of_another_service(code: &str) -> bool {
    code.contains(' ')
        || matches!(
            code,
            "InvalidAction"
                | "MissingAction"
                | "UnknownOperation"
                | "UnknownOperationException"
                | "UnsupportedProtocol"
        )
}

/// Refusals of a key, a token, a signature or its time (Amazon SQS API reference, "Common Error Types").
fn is_of_the_credentials(code: &str) -> bool {
    const ABOUT: [&str; 6] = [
        "Token",
        "Signature",
        "Security",
        "Unrecognized",
        "Expired",
        "OptIn",
    ];
    ABOUT.iter().any(|word| code.contains(word))
}

fn of_database(error: &DatabaseError) -> &'static str {
    if let DatabaseError::Connect(error) = error {
        return of_connecting(error);
    }
    let is_begin = matches!(
        error,
        DatabaseError::Server {
            step: Step::Begin,
            ..
        }
    );
    match error.sqlstate() {
        Some("42501") => {
            "as the owner run deploy/roles.sql, then GRANT veilstream_loader to the role of the \
             database URL"
        }
        Some("25006") => PRIMARY,
        // A standby refuses a transaction that may write.
        Some("0A000") if is_begin => PRIMARY,
        Some(_) | None => {
            "look for the SQLSTATE in the server's log, then run `veilstream check` again"
        }
    }
}

fn of_connecting(error: &ConnectError) -> &'static str {
    match error.sqlstate() {
        Some("28P01") => {
            "correct the password in the database URL, PGPASSWORD or .pgpass, or the client certificate \
             (sslcert)"
        }
        Some("3D000") => {
            "CREATE DATABASE it and run `veilstream migrate`, or correct the name in the database \
             URL"
        }
        Some("42501") => "GRANT CONNECT ON DATABASE … TO the role of the database URL",
        Some("25006") => PRIMARY,
        Some(code) if code.starts_with("28") => {
            "let the role log in: ALTER ROLE … LOGIN, and a line in pg_hba.conf"
        }
        Some(_) => "look for the SQLSTATE in the server's log, then run `veilstream check` again",
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
            Reason::NotWritable => PRIMARY,
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
        SchemaError::Database(error) => of_database(error),
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
        CatalogueError::Database(error) => of_database(error),
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
        KeySetError::Database(error) => of_database(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::Report;

    #[test]
    fn a_remedy_is_of_what_the_queue_answered() {
        let refused = |status, code: &str| {
            of_queue(&QueueError::Refused {
                action: "GetQueueAttributes",
                status,
                code: code.to_owned(),
            })
        };
        // A page of some web server.
        assert!(refused(404, "no error code").contains("another service"));
        assert!(refused(400, "UnknownOperationException").contains("`protocol`"));
        assert!(refused(403, "InvalidClientTokenId").contains("credentials"));
        assert!(refused(403, "SignatureDoesNotMatch").contains("clock"));
        assert!(refused(400, "InvalidAddress").contains("API reference"));
        let untrusted = QueueError::Unreachable {
            endpoint: "https://localhost".to_owned(),
            reason: "client error: invalid peer certificate: UnknownIssuer".to_owned(),
        };
        assert!(of_queue(&untrusted).contains("SSL_CERT_FILE"));
    }

    #[test]
    fn a_remedy_is_of_what_the_database_refused() {
        let refused = |step, sqlstate: &str| {
            of_database(&DatabaseError::Server {
                step,
                report: Report {
                    sqlstate: sqlstate.to_owned(),
                    table: None,
                    column: None,
                    constraint: None,
                    fatal: false,
                },
            })
        };
        assert!(refused(Step::Schema, "42501").contains("deploy/roles.sql"));
        assert_eq!(refused(Step::Schema, "25006"), PRIMARY);
        assert_eq!(refused(Step::Begin, "0A000"), PRIMARY);
        assert!(refused(Step::Schema, "0A000").contains("SQLSTATE"));
    }
}
