//! The dashboard as a person uses it.

use http::StatusCode;
use serde_json::json;
use testkit::{Scene, eventually, member};

use crate::{
    Admin, BINARY, DEVICE, IP, TOKEN,
    browser::{Browser, LOOKS},
    end, login, settled,
};

const RUN: [&str; 3] = ["run", "--output", "json"];
const NO_TABLETS: &str =
    "ALTER TABLE user_logins ADD CONSTRAINT no_tablets CHECK (device_type <> 'tablet')";
const TABLETS: &str = "ALTER TABLE user_logins DROP CONSTRAINT no_tablets";
const ROWS: &str = "SELECT count(*) FROM user_logins";
const OPEN: &str = "SELECT count(*) FROM veilstream.quarantine WHERE state = 'open'";

/// A worker over a table that refuses some events, and the page that shows it.
async fn set_up() -> (Scene, Admin, Browser) {
    let scene = Scene::new(BINARY).await;
    scene.database.execute(NO_TABLETS).await;
    (scene, Admin::local(), Browser::start().await)
}

fn page(admin: &Admin) -> String {
    format!("http://127.0.0.1:{}/", admin.port())
}

/// Nobody is kept out by how the page is made.
async fn is_accessible(browser: &Browser, state: &str) {
    let violations = browser.violations().await;
    assert!(violations.is_empty(), "{state}: {violations:#?}");
}

/// What a browser says of a token that is none.
fn is_refusal(message: &str, path: &str) -> bool {
    message.contains(path) && message.contains("status of 401")
}

/// What a browser says of a worker that ends, or is away.
fn is_away(message: &str) -> bool {
    let ways = ["net::ERR_CONNECTION_", "net::ERR_EMPTY_RESPONSE"];
    message.contains("/api/status") && ways.iter().any(|way| message.contains(way))
}

#[tokio::test(flavor = "multi_thread")]
async fn numbers_move_and_an_entry_is_replayed_by_clicking_with_the_token_only() {
    // GIVEN a worker that has quarantined two events, and its page
    let (scene, admin, browser) = set_up().await;
    for number in 0..20 {
        scene.send(&login(number, "android"));
    }
    scene.send(&login(20, "tablet"));
    scene.send(&login(21, "tablet"));
    let operator = member(&scene.database, "operator").await;
    let running = admin.with_operator(&scene, &operator).start(&RUN);
    settled(&scene).await;
    browser.open(&page(&admin)).await;
    browser.waits_for("#loaded", |loaded| loaded == "20").await;
    browser
        .waits_for("#quarantined", |quarantined| quarantined == "2")
        .await;
    eventually("both entries are shown", || async {
        browser.count("[data-entry]").await == 2
    })
    .await;

    // THEN its numbers move with what comes
    for number in 100..130 {
        scene.send(&login(number, "ios"));
    }
    browser.waits_for("#loaded", |loaded| loaded == "50").await;

    // AND it can be read by everybody, on a phone as well, by day and by night
    for look in LOOKS {
        browser.look(look).await;
        browser.keep_picture(look.name).await;
        assert!(!browser.scrolls_sideways().await, "{}", look.name);
        is_accessible(&browser, look.name).await;
    }

    // WHEN somebody replays without the token
    scene.database.execute(TABLETS).await;
    browser.click("[data-entry] [data-action=replay]").await;
    browser.keep_picture("replay").await;
    is_accessible(&browser, "replay").await;
    browser.write("#token", "a-guess-at-the-token").await;
    browser.click("#confirm-ok").await;

    // THEN nothing is done
    browser
        .waits_for("#confirm-error", |error| {
            error.contains("not the admin token")
        })
        .await;
    assert_eq!(scene.database.count(OPEN).await, 2);
    assert_eq!(scene.database.count(ROWS).await, 50);

    // WHEN it is given, the row appears
    browser.write("#token", TOKEN).await;
    browser.click("#confirm-ok").await;
    browser
        .waits_for("#outcome", |outcome| outcome.contains("its row is loaded"))
        .await;
    assert_eq!(scene.database.count(ROWS).await, 51);
    eventually("one entry is left", || async {
        browser.count("[data-entry]").await == 1
    })
    .await;

    // WHEN the other is discarded
    browser.click("[data-entry] [data-action=discard]").await;
    browser.keep_picture("discard").await;
    is_accessible(&browser, "discard").await;
    browser.write("#token", TOKEN).await;
    browser.click("#confirm-ok").await;

    // THEN it is gone
    browser
        .waits_for("#outcome", |outcome| outcome.contains("discarded"))
        .await;
    eventually("none is left", || async {
        browser.count("[data-entry]").await == 0
    })
    .await;
    assert_eq!(scene.database.count(OPEN).await, 0);

    // AND the page had no error but the token that was refused, and shows nobody's values
    let errors = browser.console_errors(|message| is_refusal(message, "/replay"));
    assert_eq!(errors.await, Vec::<String>::new());
    let text = browser.value("body").await.unwrap();
    assert!(
        !text.contains(IP) && !text.contains(DEVICE) && !text.contains(TOKEN),
        "{text}"
    );
    browser.close().await;
    end(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_page_goes_on_after_a_restart_and_offers_nothing_that_it_may_not_do() {
    // GIVEN a page on a worker
    let (scene, admin, browser) = set_up().await;
    let running = admin.of(&scene).start(&RUN);
    admin.is_up().await;
    scene.send(&login(1, "tablet"));
    settled(&scene).await;
    browser.open(&page(&admin)).await;
    browser
        .waits_for("#quarantined", |quarantined| quarantined == "1")
        .await;

    // THEN without an operator it shows the number, and says how to get more
    assert_eq!(browser.count("[data-action]").await, 0);
    let text = browser.value("body").await.unwrap();
    assert!(text.contains("admin.database_url"), "{text}");

    // WHEN the worker ends
    end(running).await;

    // THEN the page says that it has no connection
    let connection = async || browser.attribute("#connection", "data-connection").await;
    eventually("the connection is lost", || async {
        connection().await == Some("lost".into())
    })
    .await;
    browser.keep_picture("connection-lost").await;
    is_accessible(&browser, "connection-lost").await;

    // WHEN it is back, the page goes on by itself
    let running = admin.of(&scene).start(&RUN);
    eventually("the connection is back", || async {
        connection().await == Some("live".into())
    })
    .await;
    scene.send(&login(2, "android"));
    browser.waits_for("#loaded", |loaded| loaded == "1").await;
    assert_eq!(browser.console_errors(is_away).await, Vec::<String>::new());
    assert_eq!(admin.status().await["totals"]["loaded"], json!(1));
    assert_eq!(admin.get("/readyz").await.status, StatusCode::OK);
    browser.close().await;
    end(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_entry_is_replayed_by_keyboard_alone() {
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";

    // GIVEN an entry that would be loaded now
    let (scene, admin, browser) = set_up().await;
    scene.send(&login(1, "tablet"));
    let operator = member(&scene.database, "operator").await;
    let running = admin.with_operator(&scene, &operator).start(&RUN);
    settled(&scene).await;
    scene.database.execute(TABLETS).await;
    browser.open(&page(&admin)).await;
    eventually("the entry is shown", || async {
        browser.count("[data-entry]").await == 1
    })
    .await;

    // WHEN somebody who has no mouse goes to its button, and presses it
    let mut presses = 0;
    while browser
        .evaluate("document.activeElement.dataset.action ?? null")
        .await
        != "replay"
    {
        presses += 1;
        assert!(presses < 30, "no key leads there");
        browser.press(TAB).await;
    }
    browser.press(ENTER).await;

    // THEN the token is asked for, where the focus is
    let focus = "document.activeElement.id";
    eventually("the token is asked for", || async {
        browser.evaluate(focus).await == "token"
    })
    .await;
    browser.press(TOKEN).await;
    browser.press(ENTER).await;

    // AND the row is loaded, and the focus stays with the quarantine
    browser
        .waits_for("#outcome", |outcome| outcome.contains("its row is loaded"))
        .await;
    assert_eq!(scene.database.count(ROWS).await, 1);
    eventually("the focus is where the entry was", || async {
        browser.evaluate(focus).await == "quarantine-title"
    })
    .await;
    let errors = browser.console_errors(|_| false).await;
    assert_eq!(errors, Vec::<String>::new());
    browser.close().await;
    end(running).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn off_this_machine_the_page_asks_for_the_token_before_it_shows_anything() {
    // GIVEN a worker that other machines reach
    let (scene, _, browser) = set_up().await;
    let admin = Admin::on("0.0.0.0");
    let running = admin
        .with_operator(&scene, &scene.database.url())
        .start(&RUN);
    scene.send(&login(1, "android"));
    settled(&scene).await;

    // WHEN its page is opened
    browser.open(&page(&admin)).await;
    eventually("the token is asked for", || async {
        browser.count("#sign-in[open]").await == 1
    })
    .await;

    // THEN it shows nothing, and can be used by everybody
    assert_eq!(browser.value("#queue").await.as_deref(), Some("–"));
    for look in LOOKS {
        browser.look(look).await;
        browser
            .keep_picture(&format!("sign-in-{}", look.name))
            .await;
        assert!(!browser.scrolls_sideways().await, "{}", look.name);
        is_accessible(&browser, look.name).await;
    }

    // WHEN the token is wrong, it says so; with the right one there are numbers
    browser.write("#read-token", "a-guess-at-the-token").await;
    browser.click("#sign-in-ok").await;
    browser
        .waits_for("#sign-in-error", |error| error.contains("refused"))
        .await;
    browser.write("#read-token", TOKEN).await;
    browser.click("#sign-in-ok").await;
    browser.waits_for("#loaded", |loaded| loaded == "1").await;
    let errors = browser.console_errors(|message| is_refusal(message, "/api/status"));
    assert_eq!(errors.await, Vec::<String>::new());
    browser.close().await;
    end(running).await;
}
