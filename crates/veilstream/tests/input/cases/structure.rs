//! Bodies whose form is not that of an event, or strange.

use super::{CANARY, Case, Outcome, loaded, not_json, sent, with};

const MEBIBYTE: usize = 1 << 20;
/// Deeper than any stack.
const DEEP: usize = 100_000;
/// How deep a body may nest (docs/configuration.md, "Why a message is in quarantine").
const DEEPEST: usize = 128;

/// No JSON text (RFC 8259).
const NOT_JSON: &[&str] = &[
    " ",
    "\n",
    "\t\r\n",
    "}",
    "]",
    ",",
    ":",
    "\"",
    "oops",
    "nul",
    "NULL",
    "True",
    "undefined",
    "NaN",
    "-",
    "+1",
    "01",
    "1.",
    ".5",
    "1e",
    "0x10",
    "1 2",
    "{} {}",
    "{}{}",
    "{},",
    "[1,]",
    "[,1]",
    "[1 2]",
    "{,}",
    "{:}",
    "{\"id\"}",
    "{\"id\":}",
    "{\"id\" 1}",
    "{\"id\":1,}",
    "{\"id\":1,,\"a\":2}",
    "{id:1}",
    "{'id':'x'}",
    "{1:1}",
    "{null:1}",
    "{\"id\":1]",
    "[1}",
    "{\"id\":1}}",
    "{\"id\":1}//",
    "{\"id\":/**/1}",
    "{\"id\":1}x",
    "{\"id\":1_0}",
    "{\"id\":1,5}",
    "{\"id\":NaN}",
    "{\"id\":Infinity}",
    "{\"id\":-Infinity}",
    "{\"id\":01}",
    "{\"id\":+1}",
    "{\"id\":１}",
    "{\"id\":tru}",
    "{\"id\":\"\\x41\"}",
    "{\"id\":\"\\u{41}\"}",
    "{\"id\":\"\\u00g0\"}",
    "{\"id\":\"\\'\"}",
    "{\"id\":\"\\ud800\"}",
    "{\"id\":\"\\udc00\"}",
    "{\"id\":\"\\ud800\\u0041\"}",
    "{\"id\":\"\\udc00\\ud800\"}",
    "{\"id\":\"\\uD83D\"}",
    "{\"\\ud800\":1}",
    "{\"id\":\"a\",\"x\":\"\\ud800\"}",
    "{\"id\":\"a\",\"x\":{\"\\udfff\":1}}",
    "{\"id\":\"a\nb\"}",
    "{\"id\":\"a\tb\"}",
    "\u{feff}{\"id\":\"a\"}",
    "\u{a0}{\"id\":\"a\"}",
    "{\"id\":\u{2028}\"a\"}",
    "\u{200b}{}",
    "<xml/>",
    "id=1&note=2",
    "---\nid: 1",
    "{\"id\":\"a\"}\n{\"id\":\"b\"}",
    "eyJpZCI6ImEifQ==",
    "\u{1f600}",
    "“id”",
];

const NOT_AN_OBJECT: &[&str] = &[
    "[]",
    "[{\"id\":\"a\"}]",
    "0",
    "-0",
    "1e999",
    "123",
    "-0.5e3",
    "\"\"",
    "\"text\"",
    "\"{}\"",
    "true",
    " false\n",
    "null",
    "[[[[[[1]]]]]]",
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases: Vec<Case> = NOT_JSON
        .iter()
        .map(|body| sent(format!("{body:?}"), *body, not_json()))
        .collect();
    let not_an_object = || Outcome::Quarantined("not_an_object", None);
    cases.extend(
        NOT_AN_OBJECT
            .iter()
            .map(|body| sent(*body, *body, not_an_object())),
    );
    cases.extend(deep());
    cases.extend(keys());
    cases.extend(members());
    cases.extend(large());
    cases
}

/// So many arrays or objects in each other.
fn nested(open: &str, close: &str, depth: usize) -> String {
    open.repeat(depth) + "1" + &close.repeat(depth)
}

fn deep() -> Vec<Case> {
    let mut cases = vec![
        sent("arrays without an end", "[".repeat(DEEP), not_json()),
        sent(
            "objects without an end",
            r#"{"a":"#.repeat(DEEP),
            not_json(),
        ),
        sent("arrays", nested("[", "]", DEEP), not_json()),
        sent("objects", nested(r#"{"a":"#, "}", DEEP), not_json()),
        sent("both", nested(r#"[{"a":"#, "}]", DEEP / 2), not_json()),
        sent("a MiB of arrays", "[".repeat(MEBIBYTE), not_json()),
        sent("a MiB of ends", "]".repeat(MEBIBYTE), not_json()),
    ];
    for field in ["unlisted", "doc", "note", "outer", "id"] {
        let body = |depth| with(&format!(r#""{field}":{}"#, nested("[", "]", depth)));
        cases.push(sent(format!("deep in {field}"), body(DEEP), not_json()));
        cases.push(sent(
            format!("just too deep in {field}"),
            body(DEEPEST),
            not_json(),
        ));
    }
    // The object itself counts.
    let deepest = nested("[", "]", DEEPEST - 1);
    let spaced = deepest.clone();
    cases.push(sent(
        "as deep as may be, in a field that goes nowhere",
        with(&format!(r#""unlisted":{deepest}"#)),
        loaded(&[]),
    ));
    cases.push(sent(
        "as deep as may be, in jsonb",
        with(&format!(r#""doc":{deepest}"#)),
        loaded(&[("doc", &spaced)]),
    ));
    let keys = format!(
        r#"{{"outer":{},"id":"{CANARY}"}}"#,
        nested(r#"{"inner":"#, "}", DEEP)
    );
    cases.push(sent("deep along the path of a field", keys, not_json()));
    cases
}

fn keys() -> Vec<Case> {
    let missing = || Outcome::Quarantined("missing_field", Some("id"));
    let with_id = |body: &str| body.replace('@', CANARY);
    let bare = |name: &str, body: &str| sent(name, with_id(body), loaded(&[]));
    vec![
        bare("a key in escapes", r#"{"\u0069\u0064":"@"}"#),
        bare("a key half in escapes", r#"{"i\u0064":"@"}"#),
        bare("a key twice: the last counts", r#"{"id":"first","id":"@"}"#),
        bare(
            "a key twice, once in escapes",
            r#"{"id":"first","\u0069d":"@"}"#,
        ),
        bare(
            "a key twice, the first of another type",
            r#"{"id":[1,{"id":2}],"id":"@"}"#,
        ),
        bare("a key that has NUL", r#"{"id":"@","id\u0000":"other"}"#),
        bare("an empty key", r#"{"":"other","id":"@"}"#),
        bare(
            "keys that resemble it",
            r#"{"ID":1,"Id":2,"id ":3," id":4,"ıd":5,"id":"@"}"#,
        ),
        bare(
            "keys of other languages' objects",
            r#"{"__proto__":{"id":1},"constructor":2,"id":"@"}"#,
        ),
        bare(
            "a key of SQL",
            r#"{"id\"; DROP TABLE corpus; --":1,"id":"@"}"#,
        ),
        bare(
            "white space everywhere",
            "\r\n\t { \n\"id\"\t:\r\"@\" \n} \t\r\n",
        ),
        sent(
            "a key of quotes, backslashes and accents",
            with(r#""a\"b\\c\u00e9":"x""#),
            loaded(&[("escaped", "x")]),
        ),
        sent(
            "the same with the accent as it is",
            with("\"a\\u0022b\\u005ccé\":\"x\""),
            loaded(&[("escaped", "x")]),
        ),
        sent(
            "the accent as two characters",
            with("\"a\\\"b\\\\ce\u{301}\":\"x\""),
            loaded(&[]),
        ),
        sent("no key", "{}", missing()),
        sent(
            "another key",
            r#"{"foo":"oops_wrong_msg_type","bar":"123"}"#,
            missing(),
        ),
        sent("null", r#"{"id":null}"#, missing()),
        sent(
            "a key twice, at last null",
            r#"{"id":"x","id":null}"#,
            missing(),
        ),
        sent("capitals", r#"{"ID":"x"}"#, missing()),
        sent("the key in an array", r#"{"x":[{"id":"x"}]}"#, missing()),
        sent("the key one deeper", r#"{"id2":{"id":"x"}}"#, missing()),
        sent("a Cyrillic look-alike", "{\"іd\":\"x\"}", missing()),
    ]
}

fn members() -> Vec<Case> {
    let inner = |name: &str, members: &str, text: Option<&str>| {
        let fields: Vec<_> = text.map(|text| ("inner", text)).into_iter().collect();
        sent(format!("nested: {name}"), with(members), loaded(&fields))
    };
    let mut cases = vec![
        inner("as it should be", r#""outer":{"inner":"x"}"#, Some("x")),
        inner(
            "an array where an object is due",
            r#""outer":[{"inner":"x"}]"#,
            None,
        ),
        inner(
            "text where an object is due",
            r#""outer":"{\"inner\":\"x\"}""#,
            None,
        ),
        inner("a number where an object is due", r#""outer":7"#, None),
        inner("null where an object is due", r#""outer":null"#, None),
        inner(
            "twice, the last empty",
            r#""outer":{"inner":"x"},"outer":{}"#,
            None,
        ),
        inner(
            "twice, the last null",
            r#""outer":{"inner":"x"},"outer":null"#,
            None,
        ),
        inner(
            "twice, the last an array",
            r#""outer":{"inner":"x"},"outer":[]"#,
            None,
        ),
        inner(
            "twice",
            r#""outer":{"inner":"x"},"outer":{"inner":"y"}"#,
            Some("y"),
        ),
        inner(
            "twice inside",
            r#""outer":{"inner":"x","inner":"y"}"#,
            Some("y"),
        ),
        inner("a key with a dot", r#""outer.inner":"x""#, None),
        inner("a key with a slash", r#""outer/inner":"x""#, None),
    ];
    for field in [
        "id", "note", "short", "small", "real", "number", "flag", "day", "at", "key", "net", "raw",
        "secret", "address",
    ] {
        for value in ["[]", "{}", r#"["x"]"#, r#"{"x":1}"#] {
            let body = format!(r#"{{"id":"{CANARY}","{field}":{value}}}"#);
            let outcome = Outcome::Quarantined("bad_conversion", Some(field));
            cases.push(sent(format!("{value} in {field}"), body, outcome));
        }
    }
    cases
}

/// As large as SQS takes them.
fn large() -> Vec<Case> {
    let fill = |head: &str, unit: &str, tail: &str| {
        let frame = with(&format!("{head}{tail}")).len();
        let units = (MEBIBYTE - frame) / unit.len();
        (with(&format!("{head}{}{tail}", unit.repeat(units))), units)
    };
    let (letters, count) = fill(r#""note":""#, "n", "\"");
    let (escapes, escaped) = fill(r#""note":""#, "\\u00e9", "\"");
    let (emoji, faces) = fill(r#""secret":""#, "😀", "\"");
    let (digits, long) = fill(r#""note":"#, "7", "");
    let (unlisted, _) = fill(r#""unlisted":"#, "7", "");
    let (too_long, _) = fill(r#""short":""#, "s", "\"");
    let (huge, _) = fill(r#""number":"#, "7", "");
    let many_keys: Vec<_> = (0..70_000).map(|key| format!("\"k{key}\":0")).collect();
    let same_key = vec![r#""note":"x""#; 80_000].join(",");
    let long_key = format!("\"{}\":1", "k".repeat(MEBIBYTE - 100));
    vec![
        sent(
            "a MiB of text",
            letters,
            loaded(&[("note", &"n".repeat(count))]),
        ),
        sent(
            "a MiB of escapes",
            escapes,
            loaded(&[("note", &"é".repeat(escaped))]),
        ),
        sent(
            "a MiB of emoji to be masked",
            emoji,
            loaded(&[("secret", &"😀".repeat(faces))]),
        ),
        sent(
            "a MiB of digits as text",
            digits,
            loaded(&[("note", &"7".repeat(long))]),
        ),
        sent("a MiB of digits that go nowhere", unlisted, loaded(&[])),
        sent(
            "a MiB where five characters fit",
            too_long,
            Outcome::Quarantined("too_long", Some("short")),
        ),
        sent(
            "a MiB of digits as a number",
            huge,
            Outcome::Quarantined("bad_conversion", Some("number")),
        ),
        sent("a MiB of spaces", " ".repeat(MEBIBYTE), not_json()),
        sent(
            "a MiB of letters",
            CANARY.repeat(MEBIBYTE / CANARY.len()),
            not_json(),
        ),
        sent("70,000 keys", with(&many_keys.join(",")), loaded(&[])),
        sent(
            "a key 80,000 times",
            with(&same_key),
            loaded(&[("note", "x")]),
        ),
        sent("a key of a MiB", with(&long_key), loaded(&[])),
    ]
}
