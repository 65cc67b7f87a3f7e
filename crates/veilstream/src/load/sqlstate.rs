//! PostgreSQL's errors told apart: by the statement that failed and its SQLSTATE (PostgreSQL
//! documentation, appendix A, "PostgreSQL Error Codes").

use super::Step;

/// What an error means for the batch it befell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Class {
    /// A claim met a key that is there already: a message of the batch was loaded before.
    Redelivery,
    /// The ledger has no partition for the time of a message yet.
    MissingPartition,
    /// The server refuses a row; the same row will be refused again.
    Row,
    /// Passing: connect anew, wait, try again.
    Transient,
    /// The statement took longer than its time-out allows: fewer rows at once may fit.
    TooSlow,
    /// Somebody has to change the database or the configuration.
    Setup,
    /// Not in the table: tried again a few times. Then a row is looked for that is to blame, where
    /// one may be; else the batch is left in the queue.
    Unknown,
}

/// The class of an error of the server.
pub(super) fn classify(step: Step, sqlstate: &str, fatal: bool) -> Class {
    let class = sqlstate.get(..2).unwrap_or_default();
    match (step, sqlstate) {
        (Step::Claim, "23505") => return Class::Redelivery,
        (Step::Claim, "23514") => return Class::MissingPartition,
        // A transaction that may write, on a server in recovery: a standby, or one that is about to
        // be promoted.
        (Step::Begin, "0A000") => return Class::Transient,
        // A value of another length or shape than the column's type has: the type was changed while
        // we ran. With a FATAL 08P01, poolers and servers speak of the connection.
        (Step::Rows, "22P03") => return Class::Setup,
        (Step::Rows, "08P01") if !fatal => return Class::Setup,
        _ => {}
    }
    // Single codes first: they lie inside classes that mean something else.
    match sqlstate {
        "55P03" | "25006" | "25P03" | "25P04" | "26000" | "42P05" => return Class::Transient,
        "57014" if step.may_blame_a_row() => return Class::TooSlow,
        "54000" if step.may_blame_a_row() => return Class::Row,
        // A sequence behind a column's default has come to its end.
        "2200H" => return Class::Setup,
        // "Internal error", which an extension's function may well give for one row.
        "XX000" if step.may_blame_a_row() && !fatal => return Class::Unknown,
        _ => {}
    }
    match class {
        "22" | "23" | "44" | "P0" if step.may_blame_a_row() => Class::Row,
        "08" | "40" | "53" | "57" | "58" | "XX" => Class::Transient,
        "0A" | "28" | "3D" | "3F" | "42" => Class::Setup,
        _ => Class::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_of_the_table_holds() {
        use Class::{MissingPartition, Redelivery, Row, Setup, TooSlow, Transient, Unknown};
        use Step::{Begin, Claim, Commit, Quarantine, Rows};
        for (step, sqlstate, class) in [
            (Claim, "23505", Redelivery),
            (Claim, "23514", MissingPartition),
            // No error of a claim is ever one of a row.
            (Claim, "22001", Unknown),
            (Claim, "23502", Unknown),
            (Claim, "P0001", Unknown),
            (Rows, "22001", Row),
            (Rows, "22P02", Row),
            (Rows, "23502", Row),
            (Rows, "23505", Row),
            (Rows, "23514", Row),
            (Rows, "44000", Row),
            (Rows, "54000", Row),
            (Rows, "P0001", Row),
            // Deferred constraints speak at COMMIT.
            (Commit, "23503", Row),
            (Quarantine, "23505", Unknown),
            (Begin, "22023", Unknown),
            (Rows, "08006", Transient),
            (Rows, "08P01", Setup),
            (Rows, "22P03", Setup),
            (Begin, "08P01", Transient),
            (Commit, "40001", Transient),
            (Claim, "40P01", Transient),
            (Begin, "53300", Transient),
            (Rows, "53100", Transient),
            (Claim, "55P03", Transient),
            (Begin, "0A000", Transient),
            (Rows, "2200H", Setup),
            (Rows, "P0002", Row),
            (Claim, "P0002", Unknown),
            (Claim, "XX000", Transient),
            (Rows, "XX001", Transient),
            (Rows, "38000", Unknown),
            (Rows, "55P03", Transient),
            (Rows, "57014", TooSlow),
            (Claim, "57014", Transient),
            (Begin, "57P01", Transient),
            (Rows, "58030", Transient),
            (Rows, "XX000", Unknown),
            (Claim, "25006", Transient),
            // The server's own limits on idle and long transactions.
            (Rows, "25P03", Transient),
            (Commit, "25P04", Transient),
            (Rows, "26000", Transient),
            (Rows, "42P05", Transient),
            (Begin, "28P01", Setup),
            (Begin, "3D000", Setup),
            (Rows, "3F000", Setup),
            (Rows, "42P01", Setup),
            (Rows, "42501", Setup),
            (Rows, "0A000", Setup),
            (Rows, "54001", Unknown),
            (Rows, "", Unknown),
        ] {
            assert_eq!(
                classify(step, sqlstate, false),
                class,
                "{step:?} {sqlstate}"
            );
        }
        assert_eq!(classify(Rows, "08P01", true), Transient);
        assert_eq!(classify(Rows, "XX000", true), Transient);
    }
}
