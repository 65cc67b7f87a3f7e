//! The SQL that creates a pipeline's table.

use super::pipeline::{Pipeline, quote_identifier};

impl Pipeline {
    /// `CREATE TABLE IF NOT EXISTS` for the target table, without a semicolon.
    ///
    /// Columns come in the pipeline's order, every identifier in quotes. No column is NOT NULL: a
    /// required column's empty values are in quarantine, and a constraint would make every later
    /// change of mind a migration. A schema is not created.
    pub fn create_table_sql(&self) -> String {
        let columns: Vec<String> = self
            .columns
            .iter()
            .map(|column| {
                format!(
                    "    {} {}",
                    quote_identifier(&column.name),
                    column.column_type
                )
            })
            .collect();
        let table = self.table.quoted();
        format!(
            "CREATE TABLE IF NOT EXISTS {table} (\n{}\n)",
            columns.join(",\n")
        )
    }
}
