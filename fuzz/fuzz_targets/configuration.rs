//! Whatever text comes as a configuration: it is taken, or has mistakes, each at a place in it.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use veilstream::config::{Configuration, ConfigurationError};

fuzz_target!(|text: &str| {
    match Configuration::from_toml(text, Path::new("veilstream.toml")) {
        Ok(configuration) => assert!(!configuration.pipeline.columns.is_empty()),
        Err(error) => {
            // It is printed as well, for what that may come upon.
            let printed = error.to_string();
            let ConfigurationError::Mistakes { mistakes, .. } = error else {
                panic!("nothing was read from a file");
            };
            assert!(!mistakes.is_empty() && printed.lines().count() > mistakes.len());
            let lines: Vec<&str> = text.split('\n').collect();
            for mistake in mistakes {
                let line = mistake.line.checked_sub(1).and_then(|index| lines.get(index));
                let characters = line.expect("a line of the text").chars().count();
                assert!((1..=characters + 1).contains(&mistake.column), "{mistake}");
            }
        }
    }
});
