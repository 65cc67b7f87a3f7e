//! Whether the masks of the configuration are those of the key set, and its tokens fit the columns.

use masking::{DomainSpec, Keyset, KeysetError};

use crate::config::{
    Column, ColumnType, DomainMask, Mask,
    mask::{Room, domain_written, fitting_types, room},
};

/// The masks of a configuration that a key set does not fit.
#[derive(Debug, thiserror::Error)]
#[error("the key set does not fit the configuration:{}", lines(.0))]
pub struct MasksDoNotFit(pub Vec<MaskMisfit>);

/// Why the mask of a column does not go with the key set.
#[derive(Debug, thiserror::Error)]
pub enum MaskMisfit {
    /// The key set does not have the domain.
    #[error("column {column}: {source}")]
    Unknown {
        /// The column.
        column: String,
        /// What the key set says.
        source: KeysetError,
    },
    /// The configuration states another method or canonical form than the key set has.
    #[error(
        "column {column} expects {expected}, but domain {domain} of the key set has {found}: tokens would not \
         match those made before. Correct the configuration, or name another domain"
    )]
    Differs {
        /// The column.
        column: String,
        /// Its domain.
        domain: String,
        /// What the configuration states, as it writes it.
        expected: String,
        /// What the key set says, in the same way.
        found: String,
    },
    /// The domain's method has no tokens for the column's type.
    #[error(
        "column {column} is {column_type}, but domain {domain} has method {method}, whose tokens go into {types}: \
         make it one of these, or name another domain"
    )]
    Type {
        /// The column.
        column: String,
        /// Its type.
        column_type: ColumnType,
        /// Its domain.
        domain: String,
        /// The domain's method.
        method: &'static str,
        /// The types that would do.
        types: String,
    },
    /// The column is too narrow for the domain's tokens.
    #[error(
        "column {column} is {column_type}, but {room} ({domain}): make it varchar({length}) or longer",
        length = room.length
    )]
    Narrow {
        /// The column.
        column: String,
        /// Its type.
        column_type: ColumnType,
        /// Its domain.
        domain: String,
        /// What it needs.
        room: Room,
    },
}

/// Holds the masks of the columns against a key set.
///
/// # Errors
///
/// Every column whose mask does not fit.
pub fn check(columns: &[Column], keyset: &Keyset) -> Result<(), MasksDoNotFit> {
    let misfits: Vec<_> = columns
        .iter()
        .filter_map(|column| match &column.mask {
            Some(Mask::Domain(mask)) => misfit(column, mask, keyset),
            None | Some(Mask::Drop | Mask::Redact(_)) => None,
        })
        .collect();
    if misfits.is_empty() {
        Ok(())
    } else {
        Err(MasksDoNotFit(misfits))
    }
}

fn misfit(column: &Column, mask: &DomainMask, keyset: &Keyset) -> Option<MaskMisfit> {
    let name = column.name.clone();
    let named = mask.domain.as_str();
    let Some(found) = keyset.domain(named) else {
        let source = keyset.masking_key(named).err()?;
        return Some(MaskMisfit::Unknown {
            column: name,
            source,
        });
    };
    if !mask.agrees(found) {
        return Some(MaskMisfit::Differs {
            column: name,
            domain: named.to_owned(),
            expected: mask.statement(),
            found: domain_written(found),
        });
    }
    misfit_of_type(column, found)
}

fn misfit_of_type(column: &Column, domain: &DomainSpec) -> Option<MaskMisfit> {
    let Column {
        name, column_type, ..
    } = column;
    let form = column_type.token_form();
    if !form.is_some_and(|form| domain.method.has_form(domain.canonical, form)) {
        return Some(MaskMisfit::Type {
            column: name.clone(),
            column_type: *column_type,
            domain: domain.name.to_string(),
            method: domain.method.name(),
            types: fitting_types(domain.method, domain.canonical),
        });
    }
    let room = room(domain);
    (!column_type.has_room(room.length)).then(|| MaskMisfit::Narrow {
        column: name.clone(),
        column_type: *column_type,
        domain: domain.name.to_string(),
        room,
    })
}

fn lines(misfits: &[MaskMisfit]) -> String {
    let lines = misfits.iter().map(|misfit| format!("\n  {misfit}"));
    lines.collect()
}
