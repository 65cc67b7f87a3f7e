//! The tables of docs/configuration.md, made from the keys and names that are read.

use std::{env, fmt::Write as _, fs, path::Path};

use super::{ColumnType, admin, column, connection, conversion, key, key::Key, target, type_name};

/// Before and behind a table of the page; the first is followed by its name and the end of a comment.
const BEGIN: &str = "<!-- made by the program: ";
const END: &str = "<!-- end -->";

#[test]
fn the_tables_of_the_page_are_those_of_the_program() {
    assert_kept("docs/configuration.md", |page| {
        let mut parts = page.split(BEGIN);
        let mut renewed = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            let (name, rest) = part.split_once(" -->\n").unwrap();
            let (_, rest) = rest.split_once(END).unwrap();
            let _ = write!(renewed, "{BEGIN}{name} -->\n\n{}\n{END}{rest}", table(name));
        }
        renewed
    });
}

/// That a file of the repository is as the program makes it of what it was before.
pub(super) fn assert_kept(path: &str, renewed: impl Fn(&str) -> String) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .join(path);
    let kept = fs::read_to_string(&file).unwrap_or_default();
    let renewed = renewed(&kept);
    if env::var_os("VEILSTREAM_WRITE_DOCS").is_some() {
        fs::write(&file, &renewed).unwrap();
    } else {
        assert!(
            kept == renewed,
            "{path} is stale: `VEILSTREAM_WRITE_DOCS=1 cargo test -p veilstream --lib config` renews it"
        );
    }
}

/// A section, its keys, and what tells of them.
type Keys = (&'static str, &'static [&'static str], fn(&str) -> Key);

/// A table of the page, by the name in its marks.
fn table(name: &str) -> String {
    let of_file = || {
        let sections: [Keys; 5] = [
            ("queue", connection::QUEUE_KEYS, key::queue),
            ("database", connection::DATABASE_KEYS, key::database),
            ("keyset", connection::KEYSET_KEYS, key::keyset),
            ("admin", admin::ADMIN_KEYS, key::admin),
            ("pipeline", target::PIPELINE_KEYS, key::pipeline),
        ];
        let rows = sections.into_iter().flat_map(|(section, keys, of)| {
            keys.iter()
                .map(move |key| (format!("{section}.{key}"), of(key)))
        });
        keys(rows)
    };
    match name {
        "keys of the file" => of_file(),
        "keys of a column" => keys(named("", column::KEYS, key::column)),
        "keys of a mask" => keys(named("mask.", column::mask::KEYS, key::mask)),
        "types" => types(),
        _ => panic!("{name} is no table of the program"),
    }
}

fn named(
    prefix: &str,
    keys: &'static [&'static str],
    of: fn(&str) -> Key,
) -> impl Iterator<Item = (String, Key)> {
    keys.iter()
        .map(move |key| (format!("{prefix}{key}"), of(key)))
}

fn keys(rows: impl Iterator<Item = (String, Key)>) -> String {
    let mut table = "| key | what it says | without it |\n|---|---|---|\n".to_owned();
    for (name, key) in rows {
        let _ = writeln!(table, "| `{name}` | {} | {} |", key.what, key.without);
    }
    table
}

/// Each type with its names, and what it can be made of beside a field that spells it.
fn types() -> String {
    let mut table = "| type | also written | `from` | `convert` |\n|---|---|---|---|\n".to_owned();
    let mut types: Vec<ColumnType> = Vec::new();
    for (_, column_type) in type_name::NAMES {
        if !types.contains(&column_type) {
            types.push(column_type);
        }
    }
    for column_type in types {
        let mut names = type_name::NAMES
            .iter()
            .filter(|(_, named)| *named == column_type)
            .map(|(name, _)| *name);
        let first = names.next().unwrap_or_default();
        let arguments = if matches!(column_type, ColumnType::Varchar(_)) {
            ", `varchar(n)`"
        } else if matches!(column_type, ColumnType::Numeric(_)) {
            ", `numeric(p)`, `numeric(p,s)`"
        } else {
            ""
        };
        let origins = column::ORIGINS
            .iter()
            .filter(|(_, origin)| column::goes_into(origin, column_type));
        let conversions = conversion::NAMES
            .iter()
            .filter(|(_, conversion)| conversion.fits(column_type));
        let _ = writeln!(
            table,
            "| `{first}`{arguments} | {} | {} | {} |",
            listed(names),
            listed(origins.map(|(name, _)| *name)),
            listed(conversions.map(|(name, _)| *name)),
        );
    }
    table
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let names: Vec<_> = names.map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
