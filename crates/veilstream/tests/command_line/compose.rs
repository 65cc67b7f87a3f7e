//! The files for Docker Compose are YAML, and what they run are commands.

use std::process::Command;

use serde_json::Value;
use testkit::{Binary, python};

use crate::{VEILSTREAM, readme::calls};

/// Prints a YAML file as JSON, its anchors resolved. `PyYAML` comes with the AWS CLI.
const TO_JSON: &str =
    "import json, sys, yaml; print(json.dumps(yaml.safe_load(open(sys.argv[1]))))";

fn read(name: &str) -> Value {
    let path = format!("{}/../../{name}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(python())
        .args(["-c", TO_JSON, &path])
        .output()
        .expect("Python runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{name}: {errors}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// The calls of veilstream that a service makes.
fn calls_of(service: &Value) -> Vec<Vec<String>> {
    let words = service["command"].as_array().into_iter().flatten();
    let words: Vec<_> = words
        .map(|word| word.as_str().expect("a text").to_owned())
        .collect();
    match service.get("entrypoint") {
        // The image's own entry point is veilstream.
        None => vec![words],
        Some(_) => words.iter().flat_map(|line| calls(line)).collect(),
    }
}

#[tokio::test]
async fn every_command_of_the_compose_files_is_understood() {
    for name in ["compose.yaml", "compose.takehome.yaml"] {
        let file = read(name);
        let services = file["services"].as_object().unwrap();
        let ours = services
            .values()
            .filter(|service| service["image"] == "veilstream");
        let mut seen = 0;
        for mut arguments in ours.flat_map(calls_of) {
            arguments.push("--help".to_owned());
            let arguments: Vec<_> = arguments.iter().map(String::as_str).collect();
            let printed = Binary::new(VEILSTREAM).run(&arguments).await;
            assert_eq!(printed.code, Some(0), "{name}\n{printed:#?}");
            assert!(printed.stdout.contains("Usage: veilstream"), "{name}");
            seen += 1;
        }
        assert!(seen >= 3, "{name}: only {seen} commands were found");
        for service in services.values() {
            let before = service["depends_on"].as_object().into_iter().flatten();
            for (other, _) in before {
                assert!(services.contains_key(other), "{name}: {other}");
            }
            for volume in service["volumes"].as_array().into_iter().flatten() {
                let volume = volume.as_str().unwrap().split(':').next().unwrap();
                assert!(file["volumes"].get(volume).is_some(), "{name}: {volume}");
            }
        }
    }
}
