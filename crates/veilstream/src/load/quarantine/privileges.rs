//! What a role needs for each of the commands about the quarantine.

use tokio_postgres::Client;

use super::super::{DatabaseError, Step, schema::SchemaError};

/// For each privilege: the tasks that need it, what to grant, and whether the role has it.
const MISSING: &str = "SELECT format('%s TO %I', needed, current_user) FROM (VALUES \
    ('list show replay discard purge', 'SELECT ON veilstream.quarantine', \
        has_table_privilege('veilstream.quarantine', 'SELECT')), \
    ('replay', 'UPDATE (state, settled_at, reason, column_name, sqlstate) ON veilstream.quarantine', \
        (SELECT bool_and(has_column_privilege('veilstream.quarantine', name, 'UPDATE')) \
         FROM unnest('{state, settled_at, reason, column_name, sqlstate}'::text[]) name)), \
    ('discard', 'UPDATE (state, settled_at, sealed) ON veilstream.quarantine', \
        (SELECT bool_and(has_column_privilege('veilstream.quarantine', name, 'UPDATE')) \
         FROM unnest('{state, settled_at, sealed}'::text[]) name)), \
    ('purge', 'DELETE ON veilstream.quarantine', \
        has_table_privilege('veilstream.quarantine', 'DELETE')), \
    ('replay', 'SELECT, INSERT ON veilstream.identity', \
        has_table_privilege('veilstream.identity', 'SELECT') \
        AND has_table_privilege('veilstream.identity', 'INSERT')), \
    ('show replay', 'EXECUTE ON FUNCTION veilstream.ask_key_set', has_function_privilege(\
        'veilstream.ask_key_set(text, bigint, bytea, bigint[], bytea[], text)', 'EXECUTE')), \
    ('replay', 'EXECUTE ON FUNCTION veilstream.holds_tokens_of', has_function_privilege(\
        'veilstream.holds_tokens_of(text, text)', 'EXECUTE')), \
    ('show replay', 'EXECUTE ON FUNCTION veilstream.append_audit', has_function_privilege(\
        'veilstream.append_audit(text, text, text, text, text[], bytea[])', 'EXECUTE'))) \
    AS privilege (tasks, needed, held) \
    WHERE $1 = ANY (string_to_array(tasks, ' ')) AND NOT held";

/// What is about to be done with the quarantine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Listing it.
    List,
    /// Opening an original for somebody to read.
    Show,
    /// Loading what was rejected.
    Replay,
    /// Giving entries up.
    Discard,
    /// Deleting old entries.
    Purge,
}

impl Task {
    fn as_str(self) -> &'static str {
        match self {
            Self::List => "list",
            Self::Show => "show",
            Self::Replay => "replay",
            Self::Discard => "discard",
            Self::Purge => "purge",
        }
    }
}

/// Whether the role may do with veilstream's tables what a task needs.
///
/// # Errors
///
/// When it may not, naming every missing grant.
pub async fn check_privileges(client: &Client, task: Task) -> Result<(), SchemaError> {
    let rows = client.query(MISSING, &[&task.as_str()]).await;
    let rows = rows.map_err(|error| DatabaseError::of(Step::Schema, &error))?;
    let privileges: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
    if privileges.is_empty() {
        Ok(())
    } else {
        Err(SchemaError::MissingPrivileges { privileges })
    }
}
