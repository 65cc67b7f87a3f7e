//! The built-in configuration, and the files that change parts of it.

use std::path::PathBuf;

use masking::Canonical;

use super::read;
use crate::config::builtin::LOGINS_TOML;
use crate::config::{Column, ColumnSource, ColumnType, Configuration, Conversion, Mask};
use crate::config::{Database, DomainMask, OnReject, Pipeline, Queue};

fn column(name: &str, column_type: ColumnType, field: &str) -> Column {
    Column {
        name: name.to_owned(),
        source: ColumnSource::Field(vec![field.to_owned()]),
        column_type,
        conversion: Conversion::Natural,
        mask: None,
        required: false,
    }
}

fn mask(domain: &str, canonical: Option<Canonical>) -> Mask {
    Mask::Domain(DomainMask {
        canonical,
        ..DomainMask::new(domain.parse().unwrap())
    })
}

#[test]
fn the_builtin_pipeline_is_logins_with_the_columns_of_its_table_in_order() {
    let varchar = |n| ColumnType::Varchar(Some(n));
    let expected = vec![
        Column {
            required: true,
            ..column("user_id", varchar(128), "user_id")
        },
        column("device_type", varchar(32), "device_type"),
        Column {
            required: true,
            mask: Some(mask("ip", Some(Canonical::Ip))),
            ..column("masked_ip", varchar(256), "ip")
        },
        Column {
            required: true,
            mask: Some(mask("device_id", None)),
            ..column("masked_device_id", varchar(256), "device_id")
        },
        column("locale", varchar(32), "locale"),
        Column {
            conversion: Conversion::VersionDigits,
            ..column("app_version", ColumnType::Int4, "app_version")
        },
        Column {
            source: ColumnSource::SentAt,
            ..column("create_date", ColumnType::Date, "")
        },
    ];
    let builtin = Configuration::builtin();
    assert_eq!(builtin.pipeline.columns, expected);
    assert_eq!(builtin.pipeline.name, "logins");
    assert_eq!(builtin.pipeline.table.to_string(), "user_logins");
    assert_eq!(builtin.queue, Queue::default());
    assert_eq!(builtin.database, Database::default());
    assert_eq!(builtin.keyset, None);
}

#[test]
fn the_lines_to_fill_in_of_the_builtin_file_are_settings_as_they_stand() {
    let filled: String = LOGINS_TOML
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(setting) if !setting.starts_with(' ') => format!("{setting}\n"),
            Some(_) | None => format!("{line}\n"),
        })
        .collect();
    let configuration = read(&filled).unwrap();
    let builtin = Configuration::builtin().pipeline;
    assert_ne!(configuration.pipeline.identity, builtin.identity);
    assert_eq!(configuration.pipeline.on_reject, OnReject::Leave);
    assert_eq!(
        Pipeline {
            identity: builtin.identity.clone(),
            on_reject: builtin.on_reject,
            ..configuration.pipeline
        },
        builtin
    );
    assert!(configuration.queue.url.unwrap().ends_with("/login-queue"));
    assert_eq!(
        configuration.queue.endpoint_url.as_deref(),
        Some("http://localhost:4566")
    );
    assert_eq!(configuration.queue.region.as_deref(), Some("eu-central-1"));
    assert!(
        configuration
            .database
            .url
            .unwrap()
            .starts_with("postgresql://")
    );
    assert_eq!(
        configuration.keyset,
        Some(PathBuf::from("/etc/veilstream/keyset.json"))
    );
}

#[test]
fn a_file_without_pipeline_and_columns_lays_its_sections_over_the_builtin_one() {
    let configuration =
        read("[keyset]\nfile = \"/run/secrets/keys\"\npassphrase_file = \"passphrase\"").unwrap();
    assert_eq!(
        configuration.passphrase_file,
        Some(PathBuf::from("/etc/veilstream/passphrase"))
    );
    assert_eq!(
        configuration.keyset,
        Some(PathBuf::from("/run/secrets/keys"))
    );
    assert_eq!(configuration.pipeline, Configuration::builtin().pipeline);
    assert_eq!(read("").unwrap(), Configuration::builtin());
}
