//! Which fields a sample has, and which keys are shown.

use super::*;
use crate::config::Configuration;

fn sample<'b>(bodies: impl IntoIterator<Item = &'b str>) -> Sample {
    let mut sample = Sample::new(&Configuration::builtin().pipeline);
    for body in bodies {
        sample.add_event(body);
    }
    sample
}

fn paths(mut sample: Sample) -> Vec<String> {
    let fields = sample.fields();
    fields.into_iter().map(|field| field.path).collect()
}

#[test]
fn nested_fields_have_pointers() {
    let mut sample = sample([
        r#"{"user": {"e_mail": "x", "tags": ["a", "b"]}, "n": 1}"#,
        r#"{"user": {"tags": []}, "n": null}"#,
    ]);
    let fields = sample.fields();
    let [n, _, tags] = &fields[..] else {
        panic!("there are three fields")
    };
    assert_eq!(
        (n.path.as_str(), n.seen.seen_in(), n.seen.nulls),
        ("/n", 2, 1)
    );
    assert_eq!(n.seen.statistics.values(), 1);
    let values = tags.seen.statistics.values();
    assert_eq!((tags.seen.seen_in(), values), (1, 2));
    assert_eq!(paths(sample), ["/n", "/user/e_mail", "/user/tags/*"]);
}

#[test]
fn a_key_that_the_configuration_names_is_shown_escaped() {
    let mut pipeline = Configuration::builtin().pipeline;
    let tokens = ["Län/der", "e~mail"].map(str::to_owned).to_vec();
    pipeline.columns[0].source = ColumnSource::Field(tokens);
    let mut sample = Sample::new(&pipeline);
    sample.add_event(r#"{"Län/der": {"e~mail": 1, "e~mails": 1}}"#);
    assert_eq!(paths(sample), ["/Län~1der/*", "/Län~1der/e~0mail"]);
}

#[test]
fn what_is_no_object_is_counted() {
    let sample = sample(["{}", "[1]", "\"text\"", "{", ""]);
    assert_eq!((sample.records(), sample.not_objects()), (1, 4));
}

#[test]
fn keys_that_are_data_are_not_shown() {
    let sample = sample([
        r#"{"by": {"anna@example.com": 1, "424cdd21-063a-43a7-b91b-7ca1a833afae": 1,
            "10.0.0.1": 1, "2026-11-22": 1, "17": 1, "a83f0091b2": 1}}"#,
        r#"{"device_id": 1, "user": {"first_name": 1}}"#,
    ]);
    assert_eq!(paths(sample), ["/by/*", "/device_id", "/user/first_name"]);
    let many: Vec<_> = (0..60).map(|n| format!("\"name{n}\": {n}")).collect();
    let body = format!("{{\"people\": {{{}}}}}", many.join(","));
    assert_eq!(paths(self::sample([body.as_str()])), ["/people/*"]);
}

#[test]
fn only_identifiers_are_shown() {
    let sample = sample([
        r#"{"by": {"Anna Schmidt": 1, "anna.schmidt": 1, "Zoë": 1, "-anna": 1, "7anna": 1},
            "$ref": 1, "@type": 1, "_id": 1, "x-amzn-trace": 1, "camelCase2": 1}"#,
    ]);
    let shown = [
        "/$ref",
        "/@type",
        "/_id",
        "/by/*",
        "/camelCase2",
        "/x-amzn-trace",
    ];
    assert_eq!(paths(sample), shown);
}

fn word(n: usize) -> String {
    let letter = |n: usize| char::from(b'a' + u8::try_from(n % 26).unwrap());
    [letter(n / 26 / 26), letter(n / 26), letter(n)]
        .iter()
        .collect()
}

fn of(bodies: impl IntoIterator<Item = String>) -> Sample {
    let bodies: Vec<_> = bodies.into_iter().collect();
    sample(bodies.iter().map(String::as_str))
}

#[test]
fn keys_that_change_from_object_to_object_are_not_shown() {
    // Names, logins, and objects under them.
    let events = (0..60).map(|n| {
        let (a, b) = (word(n * 7), word(n * 11));
        format!(
            r#"{{"id": 1, "balances": {{"Anna {a}": 1}}, "handles": {{"{a}": "x"}},
                "people": {{"kind": 1, "{a}": {{"age": 1, "{b}": null}}, "{b}": {{"age": 2}}}}}}"#
        )
    });
    let mut sample = of(events);
    assert!(!sample.has_left_out());
    let fields = sample.fields();
    let handles = &fields[1];
    assert_eq!(
        (handles.path.as_str(), handles.seen.seen_in()),
        ("/handles/*", 60)
    );
    assert_eq!(handles.seen.statistics.values(), 60);
    assert_eq!(handles.seen.statistics.distinct(), 1);
    let expected = [
        "/balances/*",
        "/handles/*",
        "/id",
        "/people/*/*",
        "/people/*/age",
        "/people/kind",
    ];
    assert_eq!(paths(sample), expected);
    // In a few objects, of a few people, and in a column.
    let few = of((0..3).map(|n| format!(r#"{{"by": {{"{}": 1}}, "id": 1}}"#, word(n))));
    assert_eq!(paths(few), ["/by/*", "/id"]);
    let again = of((0..60).map(|n| format!(r#"{{"by": {{"{}": 1}}}}"#, word(n % 12))));
    assert_eq!(paths(again), ["/by/*"]);
    let mut rows = self::sample([]);
    for n in 0..60 {
        rows.begin_row();
        rows.add_column("data", Some(&format!(r#"{{"{}": 1}}"#, word(n))), true);
    }
    assert_eq!(paths(rows), ["data/*"]);
}

#[test]
fn fields_that_are_not_everywhere_are_shown() {
    // One of three variants, and fields that are often absent.
    let events = (0..60).map(|n| {
        let variant = ["card", "transfer", "cash"][n % 3];
        let coupon = if n % 20 == 0 { r#", "coupon": 1"# } else { "" };
        format!(r#"{{"id": 1, "pay": {{"{variant}": {{"amount": 1}}}}{coupon}}}"#)
    });
    let shown = [
        "/coupon",
        "/id",
        "/pay/card/amount",
        "/pay/cash/amount",
        "/pay/transfer/amount",
    ];
    assert_eq!(paths(of(events)), shown);
    // As many as there are in a wide event.
    let wide: Vec<_> = (0..40).map(|n| format!("\"{}\": 1", word(n))).collect();
    let wide = format!("{{{}}}", wide.join(","));
    assert_eq!(paths(of(std::iter::repeat_n(wide, 60))).len(), 40);
}

#[test]
fn depth_and_number_of_fields_are_bounded() {
    let deep = format!("{}1{}", "{\"a\":".repeat(100), "}".repeat(100));
    let deep = sample([deep.as_str()]);
    assert!(deep.has_left_out() && paths(deep).is_empty());
    let inner: Vec<_> = (0..40).map(|n| format!("\"{}\": 1", word(n))).collect();
    let inner = inner.join(",");
    let outer: Vec<_> = (0..8)
        .map(|n| format!("\"{}\": {{{inner}}}", word(n)))
        .collect();
    let wide = of([format!("{{{}}}", outer.join(","))]);
    assert!(wide.has_left_out());
    assert_eq!(paths(wide).len(), MOST_FIELDS);
}

#[test]
fn a_column_of_json_is_looked_into() {
    let mut sample = sample([]);
    sample.begin_row();
    sample.add_column("payload", Some(r#"{"email": "a@example.com"}"#), true);
    sample.add_column("note", Some(r#"{"email": "a@example.com"}"#), false);
    sample.add_column("empty", None, false);
    assert_eq!(paths(sample), ["empty", "note", "payload/email"]);
}
