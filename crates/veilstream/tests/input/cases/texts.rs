//! Texts that are nothing but texts: each is loaded as it is, in clear and through a token.

use serde_json::{Value, json};

use super::{CANARY, Case, Outcome, loaded, sent, with};

const TEXTS: &[&str] = &[
    "",
    " ",
    "  both ends  ",
    "\n",
    "\r\n",
    "\t",
    "a\nb\nc",
    "\\",
    "\\\\",
    "\"",
    "'",
    "''",
    "`",
    "\\n",
    "\\u0041",
    // COPY, in text and CSV form.
    "\\.",
    "\n\\.\n",
    "\\N",
    "\\n\\t",
    "a\tb\tc",
    "a,b;c|d",
    "\"a\",\"b\"",
    "PGCOPY\n\u{ff}\r\n",
    "\\x00",
    "\\001",
    // SQL and shells.
    "'; DROP TABLE corpus; --",
    "\"; DROP TABLE corpus; --",
    "Robert'); DROP TABLE corpus;--",
    "$1",
    "$$",
    "$tag$",
    "1 OR 1=1",
    "/* */",
    "--",
    "%",
    "_",
    "E'\\''",
    "U&'\\0041'",
    "NULL",
    "null",
    "DEFAULT",
    "true",
    "0",
    "$(touch /tmp/x)",
    "`id`",
    "| cat",
    "; id",
    "&& id",
    "> /dev/null",
    "../../etc/passwd",
    "~",
    "%PATH%",
    "${HOME}",
    "-rf",
    "\u{1b}[31mred\u{1b}[0m",
    "a\rb",
    "INFO forged=\"line\"\n2026-01-01T00:00:00Z ERROR",
    // Formats and templates.
    "%s%s%n",
    "%d",
    "{}",
    "{0}",
    "{user}",
    "{{7*7}}",
    "#{7*7}",
    "<script>alert(1)</script>",
    "&amp;",
    "<![CDATA[",
    "${jndi:x}",
    // Unicode.
    "\u{202e}abc\u{202c}",
    "\u{5d0}\u{5d1}\u{5d2}",
    "\u{627}\u{644}\u{639}",
    "\u{2066}a\u{2069}",
    "é",
    "e\u{301}",
    "Å",
    "Å",
    "ﬁ",
    "Z\u{351}\u{36b}\u{343}\u{36a}a\u{322}\u{31b}",
    "\u{200b}",
    "a\u{200d}b",
    "\u{feff}",
    "\u{ad}",
    "\u{2060}",
    "\u{180e}",
    "\u{2028}\u{2029}",
    "\u{85}",
    "\u{a0}",
    "\u{3000}",
    "\u{7f}",
    "\u{80}\u{9f}",
    "😀",
    "👩‍👩‍👧",
    "🇩🇪",
    "👍🏿",
    "𝕳𝖊𝖑𝖑𝖔",
    "\u{10ffff}",
    "\u{fffd}",
    "\u{fffc}",
    "\u{fdd0}",
    "\u{1fffe}",
    "\u{e000}",
    "ß",
    "İ",
    "ı",
    "ǅ",
    "日本語",
    "한국어",
    "ไทย",
    "ﷺ",
    "\u{1}\u{2}\u{1f}",
    "\u{8}\u{c}",
    "\u{ffff}",
    "\u{fffe}",
];

/// JSON strings and what they say: the escapes of RFC 8259, section 7.
const ESCAPES: &[(&str, &str)] = &[
    (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
    (r#""\u00e9\u00E9""#, "éé"),
    (r#""\ud83d\ude00""#, "😀"),
    (r#""\uD83D\uDE00!""#, "😀!"),
    (r#""\uffff\uFFFE""#, "\u{ffff}\u{fffe}"),
    (r#""\u202eabc""#, "\u{202e}abc"),
    (r#""\u001b[2J""#, "\u{1b}[2J"),
    (r#""\\u0000""#, "\\u0000"),
    (r#""\\\\u0000""#, "\\\\u0000"),
    (r#""\u005cu0000""#, "\\u0000"),
    (r#""\u0022""#, "\""),
    (r#""\ufeff""#, "\u{feff}"),
    (r#""\u007f\u0080""#, "\u{7f}\u{80}"),
    (r#""\/\/""#, "//"),
];

/// Strings with U+0000.
const NUL: &[&str] = &[
    r#""\u0000""#,
    r#""a\u0000b""#,
    r#""\\\u0000""#,
    r#""\u00000""#,
    r#""\n\u0000\n""#,
];

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for text in TEXTS {
        let body = json!({"id": CANARY, "note": text, "secret": text, "doc": text});
        let doc = doc(text);
        let row = loaded(&[("note", text), ("secret", text), ("doc", &doc)]);
        cases.push(sent(format!("text {text:?}"), escaped(&body), row));
    }
    for (json, text) in ESCAPES {
        let body = with(&format!(r#""note":{json},"secret":{json}"#));
        let row = loaded(&[("note", text), ("secret", text)]);
        cases.push(sent(format!("escapes {json}"), body, row));
    }
    for json in NUL {
        for field in ["note", "short", "secret", "address", "doc"] {
            let body = with(&format!(r#""{field}":{json}"#));
            let outcome = Outcome::Quarantined("nul_in_text", Some(field));
            cases.push(sent(format!("NUL: {json} in {field}"), body, outcome));
        }
        let nowhere = with(&format!(r#""unlisted":{{{json}:{json}}}"#));
        cases.push(sent(
            format!("NUL: {json} in a field that goes nowhere"),
            nowhere,
            loaded(&[]),
        ));
    }
    cases
}

/// As JSON, with an escape for what SQS does not take as it is.
fn escaped(body: &Value) -> String {
    body.to_string()
        .replace('\u{fffe}', "\\ufffe")
        .replace('\u{ffff}', "\\uffff")
}

/// As PostgreSQL prints a jsonb string: as JSON with the short escapes only, others in small letters.
fn doc(text: &str) -> String {
    json!(text).to_string()
}
