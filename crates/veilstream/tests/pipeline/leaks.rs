//! `veilstream inspect` of a queue: nothing is taken away, and no value is shown.

use std::{
    collections::BTreeSet,
    sync::atomic::{AtomicU32, Ordering},
};

use serde_json::{Value, json};
use testkit::{Finished, Meddling, Proxy, QUEUE, Scene, call, eventually};

use crate::{
    BINARY,
    both_queues::{Stage, on_both_queues},
    event, login,
};

const INSPECT: [&str; 3] = ["inspect", "--output", "json"];

/// The report's entry of a field or a column.
pub(crate) fn field(inspected: &Finished, name: &str) -> Value {
    assert_eq!(inspected.code, Some(0), "{inspected:#?}");
    let report = inspected.summary();
    let fields = report["fields"].as_array().unwrap();
    let found = fields.iter().find(|field| field["field"] == name);
    found
        .unwrap_or_else(|| panic!("no {name} in {report:#}"))
        .clone()
}

/// The messages of the scene's queue that are visible, and those in flight.
fn counts(scene: &Scene) -> [usize; 2] {
    let counts = scene.queue.counts(QUEUE).unwrap();
    [counts.visible, counts.in_flight]
}

on_both_queues!(
    a_sample_leaves_every_message_where_it_was,
    a_sample_is_of_at_most_so_many_messages,
);

async fn a_sample_leaves_every_message_where_it_was(stage: &Stage) {
    let mut sent = BTreeSet::new();
    for number in 0..25 {
        sent.insert(stage.send(&login(&format!("user-{number}"))).await);
    }
    let inspected = stage.binary().run(&INSPECT).await;
    assert_eq!(inspected.code, Some(0), "{inspected:#?}");
    assert_eq!(inspected.total("sampled"), 25);
    assert_eq!(inspected.summary()["source"]["not_given_back"], 0);

    // All of them are there at once, and were received once before.
    let mut received = BTreeSet::new();
    for _ in 0..3 {
        for (id, times) in stage.receive().await {
            assert_eq!(times, 2, "{id}");
            received.insert(id);
        }
    }
    assert_eq!(received, sent);
}

async fn a_sample_is_of_at_most_so_many_messages(stage: &Stage) {
    for number in 0..25 {
        stage.send(&login(&format!("user-{number}"))).await;
    }
    let inspected = stage
        .binary()
        .run(&["inspect", "--output", "json", "--sample", "7"])
        .await;
    assert_eq!(inspected.total("sampled"), 7, "{inspected:#?}");
    let mut again = Vec::new();
    for _ in 0..3 {
        again.extend(stage.receive().await);
    }
    let [once, twice] = [1, 2].map(|times| again.iter().filter(|one| one.1 == times).count());
    assert_eq!(once + twice, 25, "{again:?}");
    // One receive asks for ten.
    assert_eq!(twice, 10, "{again:?}");
}

#[tokio::test]
async fn what_is_in_the_queue_is_said_and_not_one_value_of_it() {
    // GIVEN canaries in values, in keys and in what is no event
    let scene = Scene::new(BINARY).await;
    for number in 0..30 {
        let (a, b) = (number / 10, number % 10);
        let contact = format!("canary{number}@example.com");
        let login = format!(
            "canary{}",
            ["ab", "cd", "ef", "gh", "ij", "kl"][number % 6].repeat(1 + number / 6)
        );
        let details = json!({
            "balances": {format!("Canary Smith {login}"): 1}, "handles": {&login: 1},
            "logins": {format!("canary.{login}"): {"since": 1}},
            "contact": contact, "note": format!("canary said nothing {number}"),
            "keys": {&contact: 1, format!("4d0{a}bca{b}77"): [{"born": format!("19{a}{b}-01-02")}]},
            "card": format!("canary-4111-{number}"), "level": "canary-level",
        });
        scene.send(&event(&[
            ("user_id", json!(format!("canary-user-{number}"))),
            ("ip", json!(format!("203.0.113.{number}"))),
            ("details", details),
        ]));
    }
    scene.send("canary-body");
    scene.send("[\"canary-array\"]");

    // WHEN
    let debug = scene.binary().with("VEILSTREAM_LOG", "debug");
    let inspected = debug.run(&INSPECT).await;
    let drawn = debug.run(&["inspect"]).await;

    // THEN the report is right
    assert_eq!(inspected.total("sampled"), 32);
    assert_eq!(inspected.total("not_objects"), 2);
    assert_eq!(inspected.total("personal_in_clear"), 0);
    assert_eq!(inspected.total("pseudonyms_in_clear"), 1);
    let contact = field(&inspected, "/details/contact");
    assert_eq!(contact["looks_like"]["kind"], "email", "{contact:#}");
    assert_eq!(contact["loading"]["state"], "not_loaded");
    assert_eq!(contact["concern"], "personal");
    assert_eq!(contact["advice"]["method"], "siv");
    assert_eq!(contact["advice"]["canonical"], "email");
    assert_eq!(contact["distinct_rate"], 1.0);
    assert_eq!(contact["entropy_bits"], contact["entropy_bound_bits"]);
    let ip = field(&inspected, "/ip");
    assert_eq!(
        ip["loading"],
        json!({"state": "masked", "columns": ["masked_ip"], "method": "domain ip"})
    );
    let user = field(&inspected, "/user_id");
    assert_eq!(
        user["loading"],
        json!({"state": "clear", "columns": ["user_id"]})
    );
    let level = field(&inspected, "/details/level");
    assert_eq!(
        (&level["top_share"], &level["entropy_bits"]),
        (&json!(1.0), &json!(0.0))
    );
    assert_eq!(field(&inspected, "/details/keys/*")["values"], 30);
    assert_eq!(field(&inspected, "/details/balances/*")["values"], 30);
    assert_eq!(field(&inspected, "/details/handles/*")["seen_in"], 30);
    assert_eq!(field(&inspected, "/details/logins/*/since")["values"], 30);
    assert_eq!(
        field(&inspected, "/details/keys/*/*/born")["name_says"],
        "birth"
    );
    for words in [
        "masked (domain ip): masked_ip",
        "/details/contact",
        "email address 100 %",
    ] {
        assert!(drawn.stdout.contains(words), "{drawn:#?}");
    }
    // AND shows none of it
    for run in [&inspected, &drawn] {
        assert_eq!(run.code, Some(0), "{run:#?}");
        for canary in ["canary", "Canary", "203.0.113", "4d0", "4111", "-01-02"] {
            assert!(!run.stdout.contains(canary), "{canary}: {run:#?}");
            assert!(!run.stderr.contains(canary), "{canary}: {run:#?}");
        }
    }
    assert_eq!(counts(&scene), [32, 0]);
}

#[tokio::test]
async fn a_message_that_comes_twice_counts_once() {
    let scene = Scene::new(BINARY).await;
    for number in 0..5 {
        scene.send(&login(&format!("user-{number}")));
    }
    let twice = |answer: &mut Value| {
        if let Some(messages) = answer["Messages"].as_array_mut() {
            messages.extend(messages.clone());
        }
    };
    let rule = move |action: &str| match action {
        "ReceiveMessage" => Meddling::Alter(twice),
        _ => Meddling::Pass,
    };
    let (inspected, _proxy) = inspected_through(&scene, rule).await;
    assert_eq!(inspected.total("sampled"), 5, "{inspected:#?}");
    assert_eq!(field(&inspected, "/user_id")["values"], 5);
    assert_eq!(counts(&scene), [5, 0]);
}

/// A report of the scene's queue, which is reached through a proxy.
async fn inspected_through(
    scene: &Scene,
    rule: impl Fn(&str) -> Meddling + Send + Sync + 'static,
) -> (Finished, Proxy) {
    let proxy = Proxy::start(&scene.queue.address().to_string(), rule).await;
    let url = proxy.before(&scene.queue.queue_url(QUEUE));
    let binary = scene.binary().with("VEILSTREAM_QUEUE_URL", &url);
    (binary.run(&INSPECT).await, proxy)
}

/// Refuses the calls of an action whose numbers, from 0 on, are in a range.
fn refusing(
    action: &'static str,
    range: std::ops::Range<u32>,
) -> impl Fn(&str) -> Meddling + Send + Sync {
    let calls = AtomicU32::new(0);
    move |called| {
        let refused = called == action && range.contains(&calls.fetch_add(1, Ordering::Relaxed));
        if refused {
            Meddling::Refuse
        } else {
            Meddling::Pass
        }
    }
}

#[tokio::test]
async fn a_queue_that_fails_on_the_way_has_its_messages_back() {
    let scene = Scene::new(BINARY).await;
    for number in 0..25 {
        scene.send(&login(&format!("user-{number}")));
    }
    let once = AtomicU32::new(0);
    let rule = move |called: &str| match called {
        "ReceiveMessage" if once.fetch_add(1, Ordering::Relaxed) >= 1 => Meddling::Refuse,
        _ => Meddling::Pass,
    };
    let (failed, _proxy) = inspected_through(&scene, rule).await;
    assert_eq!(failed.code, Some(3), "{failed:#?}");
    assert_eq!(failed.stdout, "");
    assert_eq!(counts(&scene), [25, 0]);
}

#[tokio::test]
async fn giving_back_is_tried_again_and_what_stays_hidden_is_said() {
    let scene = Scene::new(BINARY).await;
    for number in 0..5 {
        scene.send(&login(&format!("user-{number}")));
    }
    // The first call asks whether giving back is allowed.
    let (inspected, _proxy) =
        inspected_through(&scene, refusing("ChangeMessageVisibilityBatch", 1..3)).await;
    assert_eq!(inspected.total("sampled"), 5, "{inspected:#?}");
    assert_eq!(inspected.summary()["source"]["not_given_back"], 0);
    assert_eq!(counts(&scene), [5, 0]);

    let (inspected, _proxy) = inspected_through(
        &scene,
        refusing("ChangeMessageVisibilityBatch", 1..u32::MAX),
    )
    .await;
    assert_eq!(inspected.total("sampled"), 5, "{inspected:#?}");
    assert_eq!(inspected.summary()["source"]["not_given_back"], 5);
    assert!(inspected.stderr.contains("they reappear"), "{inspected:#?}");
    assert_eq!(counts(&scene), [0, 5]);
}

#[tokio::test]
async fn who_may_not_give_back_takes_nothing() {
    let scene = Scene::new(BINARY).await;
    scene.send(&login("user"));
    let denied = refusing("ChangeMessageVisibilityBatch", 0..u32::MAX);
    let (inspected, _proxy) = inspected_through(&scene, denied).await;
    assert_eq!(inspected.code, Some(3), "{inspected:#?}");
    let named = "sqs:ChangeMessageVisibility";
    assert!(inspected.stderr.contains(named), "{inspected:#?}");
    assert_eq!(counts(&scene), [1, 0]);
}

#[tokio::test]
async fn ctrl_c_gives_everything_back() {
    let scene = Scene::new(BINARY).await;
    for number in 0..5 {
        scene.send(&login(&format!("user-{number}")));
    }
    // It waits for more messages than there are.
    let inspecting = scene.binary().start(&INSPECT);
    eventually("all messages are looked at", || async {
        counts(&scene) == [0, 5]
    })
    .await;
    inspecting.signal("INT").await;
    let ended = inspecting.finish().await;
    assert_eq!(ended.code, Some(130), "{ended:#?}");
    assert_eq!(ended.stdout, "");
    assert_eq!(counts(&scene), [5, 0]);
}

#[tokio::test]
async fn queues_that_a_sample_can_harm_are_refused() {
    let scene = Scene::new(BINARY).await;
    scene.queue.create_queue("dead", &[]).unwrap();
    let fifo = "orders.fifo";
    scene
        .queue
        .create_queue(fifo, &[("FifoQueue", "true")])
        .unwrap();
    let address = scene.queue.address().to_string();
    for number in 0..3 {
        let message = json!({
            "QueueUrl": scene.queue.queue_url(fifo), "MessageBody": login("user"),
            "MessageGroupId": "one", "MessageDeduplicationId": number.to_string(),
        });
        call(&address, "SendMessage", &message).await;
    }
    for count in [3, 4] {
        let policy = json!({
            "deadLetterTargetArn": "arn:aws:sqs:us-east-1:000000000000:dead",
            "maxReceiveCount": count,
        });
        let name = format!("strict-{count}");
        let attributes = [("RedrivePolicy", &*policy.to_string())];
        scene.queue.create_queue(&name, &attributes).unwrap();
        for _ in 0..3 {
            scene.queue.send(&name, &login("user")).unwrap();
        }
    }
    let inspect = async |queue: &str, arguments: &[&str]| {
        let url = scene.queue.queue_url(queue);
        let binary = scene.binary().with("VEILSTREAM_QUEUE_URL", &url);
        let inspected = binary.run(&[&INSPECT[..], arguments].concat()).await;
        // Whatever it said, all is there.
        assert_eq!(
            scene.queue.counts(queue).unwrap().visible,
            3,
            "{queue}: {inspected:#?}"
        );
        inspected
    };
    for (queue, words) in [(fifo, "FIFO"), ("strict-3", "redrive policy")] {
        let refused = inspect(queue, &[]).await;
        assert_eq!(refused.code, Some(2), "{refused:#?}");
        assert!(refused.stderr.contains(words), "{refused:#?}");
        assert!(refused.stderr.contains("--force"), "{refused:#?}");
        let forced = inspect(queue, &["--force"]).await;
        assert_eq!(forced.total("sampled"), 3, "{forced:#?}");
    }
    assert_eq!(inspect("strict-4", &[]).await.total("sampled"), 3);
    assert_eq!(scene.queue.counts("dead").unwrap().visible, 0);
}

#[tokio::test]
async fn an_empty_queue_and_a_wish_for_too_much_are_told() {
    let scene = Scene::new(BINARY).await;
    let empty = scene.binary().run(&["inspect"]).await;
    assert_eq!(empty.code, Some(0), "{empty:#?}");
    assert!(
        empty.stdout.contains("There was nothing to look at."),
        "{empty:#?}"
    );
    let refused = scene.binary().run(&["inspect", "--sample", "1001"]).await;
    assert_eq!(refused.code, Some(2), "{refused:#?}");
    let refused = scene.binary().run(&["inspect", "--table", "a.b.c"]).await;
    assert_eq!(refused.code, Some(2), "{refused:#?}");
}
