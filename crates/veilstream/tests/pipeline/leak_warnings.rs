//! What `run` and `check` say of columns that look personal and are loaded in clear.

use std::fs;

use serde_json::json;
use testkit::{Binary, Scene};

use crate::{BINARY, RUN_ONCE, assert_counted, login};

const CLEAR: &str = r#"
[pipeline]
name = "people"
table = "people"
[[columns]]
name = "surname"
type = "text"
path = "/surname"
[[columns]]
name = "reach"
type = "text"
path = "/reach"
[[columns]]
name = "payload"
type = "jsonb"
path = "/payload"
[[columns]]
name = "day"
type = "date"
path = "/day"
[[columns]]
name = "masked_email"
type = "text"
path = "/email"
mask = { domain = "device_id" }
"#;

/// The binary with the configuration above, the table migrated.
async fn with_clear_columns(scene: &Scene) -> Binary {
    let path = scene.folder.path().join("people.toml");
    fs::write(&path, CLEAR).unwrap();
    let binary = scene
        .binary()
        .with("VEILSTREAM_CONFIG", path.to_str().unwrap());
    let migrated = binary.run(&["migrate"]).await;
    assert_eq!(migrated.code, Some(0), "{migrated:#?}");
    binary
}

#[tokio::test]
async fn a_run_warns_once_of_each_column_that_looks_personal() {
    for messages in [30, 450] {
        // GIVEN more messages than are watched, or fewer
        let scene = Scene::new(BINARY).await;
        let binary = with_clear_columns(&scene).await;
        for number in 0..messages {
            let (year, month) = (1940 + number % 60, number % 9 + 1);
            let event = json!({
                "surname": format!("Canary{number}"), "reach": format!("canary{number}@example.com"),
                "payload": {"canarykey": {"ip": format!("203.0.{}.{}", number / 250, number % 250)}},
                "day": format!("{year}-0{month}-11"), "email": format!("canary{number}@example.com"),
            });
            scene.send(&event.to_string());
        }

        // WHEN
        let run = binary.run(&["run", "--once"]).await;

        // THEN
        assert_eq!(run.code, Some(0), "{run:#?}");
        let warned: Vec<_> = run
            .stderr
            .lines()
            .filter(|line| line.contains("in clear"))
            .collect();
        assert_eq!(warned.len(), 4, "{run:#?}");
        for (column, why) in [
            ("surname", "its name says a person's name"),
            ("reach", "look like this: email address"),
            ("payload", "look like this: ip address"),
            ("day", "look like this: date of birth"),
        ] {
            let of_column = format!("column {column} is loaded in clear");
            let line = warned
                .iter()
                .find(|line| line.contains(&of_column))
                .unwrap();
            assert!(
                line.contains("WARN") && line.contains("veilstream inspect"),
                "{line}"
            );
            assert!(line.contains(why), "{line}");
        }
        assert!(!run.stderr.to_lowercase().contains("canary"), "{run:#?}");
        assert!(!run.stderr.contains("203.0."), "{run:#?}");
    }
}

#[tokio::test]
async fn a_few_emails_among_many_other_values_are_warned_of() {
    let scene = Scene::new(BINARY).await;
    let binary = with_clear_columns(&scene).await;
    for number in 0..200 {
        let reach = match number % 23 {
            7 => format!("canary{number}@example.com"),
            _ => format!("handle-{number}"),
        };
        scene.send(&json!({"reach": reach}).to_string());
    }
    let run = binary.run(&["run", "--once"]).await;
    assert_eq!(run.code, Some(0), "{run:#?}");
    let of_column = "column reach is loaded in clear";
    let warned: Vec<_> = run
        .stderr
        .lines()
        .filter(|line| line.contains(of_column))
        .collect();
    assert_eq!(warned.len(), 1, "{run:#?}");
    assert!(
        warned[0].contains("look like this: email address"),
        "{run:#?}"
    );
    assert!(!run.stderr.contains("canary"), "{run:#?}");
}

#[tokio::test]
async fn a_check_warns_by_name() {
    let scene = Scene::new(BINARY).await;
    let binary = with_clear_columns(&scene).await;
    let checked = binary.run(&["check"]).await;
    assert_eq!(checked.code, Some(0), "{checked:#?}");
    let warned = checked
        .stdout
        .lines()
        .filter(|line| line.contains("in clear"));
    let warned: Vec<_> = warned.collect();
    assert_eq!(warned.len(), 1, "{checked:#?}");
    let named = warned[0].contains("warn   personal data: column surname");
    assert!(named, "{checked:#?}");
}

#[tokio::test]
async fn the_built_in_pipeline_is_not_warned_of() {
    let scene = Scene::new(BINARY).await;
    for number in 0..30_u128 {
        let user = uuid::Uuid::from_u128(number).to_string();
        scene.send(&login(&user));
    }
    let run = scene.binary().run(&RUN_ONCE).await;
    assert_counted(&run, [30, 30, 0, 0, 0, 30]);
    assert!(!run.stderr.contains("in clear"), "{run:#?}");
    let checked = scene.binary().run(&["check"]).await;
    assert!(!checked.stdout.contains("in clear"), "{checked:#?}");
}
