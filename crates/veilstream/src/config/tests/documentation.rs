//! The documented files are files that are taken.

use super::read;
use crate::config::{ColumnSource, ColumnType, Configuration, Conversion};

const DOCUMENTATION: &str = include_str!("../../../../../docs/configuration.md");

/// The blocks of the page that are marked as TOML.
fn examples() -> Vec<&'static str> {
    let blocks = DOCUMENTATION.split("```toml\n").skip(1);
    blocks
        .map(|rest| rest.split_once("\n```").unwrap().0)
        .collect()
}

#[test]
fn every_example_of_the_page_is_taken() {
    assert!(examples().len() >= 3);
    for example in examples() {
        assert!(
            read(example).is_ok(),
            "{example}\n{}",
            read(example).unwrap_err()
        );
    }
}

#[test]
fn the_first_example_is_the_builtin_pipeline_and_the_orders_say_what_the_page_says() {
    let examples: Vec<Configuration> = examples()
        .into_iter()
        .map(|example| read(example).unwrap())
        .collect();
    assert_eq!(examples[0].pipeline, Configuration::builtin().pipeline);
    let orders = examples
        .iter()
        .find(|example| example.pipeline.name == "orders")
        .unwrap();
    let column = |name: &str| {
        orders
            .pipeline
            .columns
            .iter()
            .find(|column| column.name == name)
            .unwrap()
    };
    assert_eq!(
        column("total").column_type,
        ColumnType::Numeric(Some((12, 2)))
    );
    assert_eq!(column("ordered_at").conversion, Conversion::UnixMillis);
    let email = vec!["customer".to_owned(), "email".to_owned()];
    assert_eq!(column("customer_email").source, ColumnSource::Field(email));
    assert!(column("customer_email").mask.is_some());
}

#[test]
fn the_page_tells_of_every_conversion() {
    for (name, _) in crate::config::conversion::NAMES {
        assert!(
            DOCUMENTATION.contains(&format!("\n| `{name}` | ")),
            "{name}"
        );
    }
}
