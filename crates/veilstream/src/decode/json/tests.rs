use proptest::prelude::*;
use serde_json::Value;

use super::*;
use crate::json::MAX_DEPTH;

/// The fields that the properties look at; the generated keys are mostly these.
const PATHS: [&[&str]; 7] = [
    &["a"],
    &["b"],
    &["c"],
    &["a", "b"],
    &["a", "b", "c"],
    &["b", "a"],
    &["c", "a"],
];

fn keys(path: &[&str]) -> Vec<String> {
    path.iter().map(ToString::to_string).collect()
}

fn paths() -> Paths {
    let list: Vec<Vec<String>> = PATHS.iter().map(|path| keys(path)).collect();
    Paths::new(list.iter().map(Vec::as_slice))
}

/// A field as `serde_json` sees it: absent where it is null, or lies in what is no object.
fn seen_by_serde<'v>(mut value: &'v Value, path: &[&str]) -> Option<&'v Value> {
    for key in path {
        value = value.as_object()?.get(*key)?;
    }
    (!value.is_null()).then_some(value)
}

fn assert_same(found: Option<Json<'_>>, expected: Option<&Value>) {
    let Some(found) = found else {
        assert_eq!(expected, None);
        return;
    };
    let kind = match expected {
        Some(Value::Bool(_)) => Kind::Bool,
        Some(Value::Number(_)) => Kind::Number,
        Some(Value::String(_)) => Kind::String,
        Some(Value::Array(_) | Value::Object(_)) => Kind::Container,
        Some(Value::Null) | None => panic!("a field that serde_json does not have"),
    };
    assert_eq!(found.kind(), kind);
    assert_eq!(
        serde_json::from_str::<Value>(found.raw()).ok().as_ref(),
        expected
    );
    if let Some(Value::String(text)) = expected {
        assert_eq!(found.text(), text.as_str());
    }
}

/// What `serde_json` says, unless the text has a number that it finds too large.
fn judged_by_serde(text: &str) -> Option<Result<Value, ()>> {
    match serde_json::from_str(text) {
        Err(error) if error.to_string().starts_with("number out of range") => None,
        judgement => Some(judgement.map_err(|_| ())),
    }
}

fn check_against_serde(text: &str) {
    let paths = paths();
    let found = pick(text, &paths);
    match judged_by_serde(text) {
        None => {}
        Some(Err(())) => assert_eq!(found.err(), Some(RejectionCode::NotJson), "{text}"),
        Some(Ok(value)) if !value.is_object() => {
            assert_eq!(found.err(), Some(RejectionCode::NotAnObject), "{text}");
        }
        Some(Ok(value)) => {
            let fields = found.unwrap_or_else(|code| panic!("{code}: {text}"));
            for path in PATHS {
                let slot = paths.slot(&keys(path)).unwrap();
                assert_same(fields[slot], seen_by_serde(&value, path));
            }
        }
    }
}

fn string() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => "[^\"\\\\\\p{Cc}]{0,20}",
        1 => prop::sample::select(vec![
            r"\n", r"\/", r"\\", r#"\""#, r"\u0061", r"\u00E9", r"\ud83d\ude00", r"\u0000", r"\b",
        ]).prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..4).prop_map(|pieces| format!("\"{}\"", pieces.concat()))
}

fn key() -> impl Strategy<Value = String> {
    prop_oneof![
        6 => prop::sample::select(vec![r#""a""#, r#""b""#, r#""c""#, r#""\u0061""#, r#""ab""#])
            .prop_map(str::to_owned),
        1 => string(),
    ]
}

fn object(value: impl Strategy<Value = String> + Clone) -> impl Strategy<Value = String> {
    let member = (key(), "[ \t\r\n]{0,2}", value)
        .prop_map(|(key, space, value)| format!("{space}{key}{space}:{space}{value}{space}"));
    prop::collection::vec(member, 0..7).prop_map(|members| format!("{{{}}}", members.join(",")))
}

fn value() -> impl Strategy<Value = String> + Clone {
    let scalar = prop_oneof![
        prop::sample::select(vec!["null", "true", "false"]).prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,12})(\\.[0-9]{1,8})?([eE][+-]?[0-9]{1,2})?",
        string(),
    ];
    scalar
        .prop_recursive(4, 48, 6, |inner| {
            prop_oneof![
                1 => prop::collection::vec(inner.clone(), 0..4)
                    .prop_map(|elements| format!("[{}]", elements.join(" , "))),
                3 => object(inner),
            ]
        })
        .boxed()
}

fn broken() -> impl Strategy<Value = String> {
    let part = prop::sample::select(vec![
        "", "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u", "\\ud800", "0", "-", ".", "e", "+",
        "null", "NaN", "//", "\u{1}", "\u{feff}", "\u{7f}", "é",
    ]);
    (
        object(value()),
        any::<prop::sample::Index>(),
        0_usize..3,
        part,
    )
        .prop_map(|(text, at, cut, part)| {
            let mut characters: Vec<char> = text.chars().collect();
            let start = at.index(characters.len());
            let end = (start + cut).min(characters.len());
            characters.splice(start..end, part.chars());
            characters.into_iter().collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn fields_are_those_that_serde_json_sees(text in object(value())) {
        prop_assert!(judged_by_serde(&text).is_none_or(|judgement| judgement.is_ok()));
        check_against_serde(&text);
    }

    #[test]
    fn broken_text_is_refused_where_serde_json_refuses_it(text in broken()) {
        check_against_serde(&text);
    }

    #[test]
    fn no_text_makes_it_panic(text in any::<String>()) {
        check_against_serde(&text);
    }
}

#[test]
fn every_cut_of_a_body_is_refused() {
    let text = r#"{"a": {"b": ["x\n\ud83d\ude00", -1.5e+3, true, null]}, "c": "é"}"#;
    assert!(pick(text, &paths()).is_ok());
    for (end, _) in text.char_indices() {
        assert_eq!(
            pick(&text[..end], &paths()).err(),
            Some(RejectionCode::NotJson),
            "{end}"
        );
    }
}

#[test]
fn a_later_object_replaces_all_of_an_earlier_one() {
    let paths = paths();
    let field = |body: &str, path: &[&str]| {
        let fields = pick(body, &paths).unwrap();
        fields[paths.slot(&keys(path)).unwrap()].map(|json| json.text().into_owned())
    };
    let body = r#"{"a":{"b":{"c":1}},"a":{"x":2},"b":1,"b":null,"c":{"a":1},"c":{"a":"\u0032"}}"#;
    assert_eq!(field(body, &["a", "b", "c"]), None);
    assert_eq!(field(body, &["a", "b"]), None);
    assert_eq!(field(body, &["a"]).as_deref(), Some(r#"{"x":2}"#));
    assert_eq!(field(body, &["b"]), None);
    assert_eq!(field(body, &["c", "a"]).as_deref(), Some("2"));
    assert_eq!(field(r#"{"a":{"b":1},"a":3}"#, &["a", "b"]), None);
    assert_eq!(
        field(r#"{"a":{"b":1},"\u0061":{"b":4}}"#, &["a", "b"]).as_deref(),
        Some("4")
    );
    assert_eq!(field(r#"{"a":[{"b":1}]}"#, &["a", "b"]), None);
}

#[test]
fn numbers_of_any_length_are_read() {
    let paths = paths();
    let slot = paths.slot(&keys(&["b"])).unwrap();
    let digits = "7".repeat(4_301);
    for number in [
        digits.clone(),
        format!("-{digits}.5e-7"),
        format!("{digits}E+99"),
        format!("0.{digits}"),
        format!("1e{digits}"),
        "1".repeat(1 << 20),
    ] {
        for (before, behind) in [("", ""), ("[", "]"), ("{\"x\":", "}"), (" ", " \n")] {
            let body = format!(r#"{{"a":{before}{number}{behind},"b":{number},"c":[{number},1]}}"#);
            let fields = pick(&body, &paths).unwrap();
            assert_eq!(fields[slot].unwrap().raw(), number);
            assert_eq!(fields[slot].unwrap().kind(), Kind::Number);
        }
    }
    for number in [
        format!("{digits}."),
        format!("{digits}e"),
        format!("{digits}-1"),
        format!("-0{digits}"),
    ] {
        let body = format!(r#"{{"a":{number}}}"#);
        assert_eq!(pick(&body, &paths).err(), Some(RejectionCode::NotJson));
    }
}

#[test]
fn nesting_has_a_limit_wherever_it_is() {
    let nested = |open: &str, inner: &str, close: &str, depth: usize| {
        format!("{}{inner}{}", open.repeat(depth), close.repeat(depth))
    };
    let inside = usize::from(MAX_DEPTH) - 1; // the body is an object itself
    for (open, inner, close) in [
        ("[", "1", "]"),
        (r#"{"a":"#, "1", "}"),
        (r#"{"b":["#, "", "]}"),
    ] {
        let each = open.matches(['[', '{']).count();
        for field in ["a", "x"] {
            let body = |depth| format!(r#"{{"{field}":{}}}"#, nested(open, inner, close, depth));
            assert!(
                pick(&body(inside / each), &paths()).is_ok(),
                "{open} in {field}"
            );
            let refused = pick(&body(inside / each + 1), &paths()).err();
            assert_eq!(refused, Some(RejectionCode::NotJson), "{open} in {field}");
        }
    }
    let limit = usize::from(MAX_DEPTH);
    assert_eq!(
        pick(&nested("[", "", "]", limit), &paths()).err(),
        Some(RejectionCode::NotAnObject)
    );
    assert_eq!(
        pick(&nested("[", "", "]", limit + 1), &paths()).err(),
        Some(RejectionCode::NotJson)
    );
    for opening in ["[", r#"{"a":"#, r#"{"x":["#, r#"[{"":"#] {
        let body = opening.repeat((1 << 20) / opening.len());
        assert_eq!(pick(&body, &paths()).err(), Some(RejectionCode::NotJson));
    }
}
