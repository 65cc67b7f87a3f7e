//! The command line, as its users see it: what it prints, where it ends, what it leaves behind.

mod completions;
mod compose;
mod database;
mod demo;
mod deploy;
mod dev_queue;
mod keys;
mod live;
mod readme;
mod tokens;
mod usage;

/// The binary under test.
const VEILSTREAM: &str = env!("CARGO_BIN_EXE_veilstream");

/// The value and the masked columns of the documentation's example.
const EXAMPLE_IP: &str = "199.172.111.135";
const EXAMPLE: &str = r#"{"user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0", "device_type": "android", "ip": "199.172.111.135", "locale": "RU", "device_id": "593-47-5928"}"#;
