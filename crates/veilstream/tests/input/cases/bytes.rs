//! Bodies that end too early, and bytes that are no text.

use super::{Body, CANARY, Case, Outcome, forged, loaded, not_json, sent, with};
use crate::forger::{Forgery, md5};

/// A good event with something of every kind in it.
const WHOLE: &str = r#"{"id":"Canary-7f3a","note":"a\u00e9\"\\ é 😀","real":-1.5e3,"doc":{"k":[1,null,true]},"flag":false,"secret":"s"}"#;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = vec![sent(
        "the event that is cut, whole",
        WHOLE,
        loaded(&[
            ("note", "aé\"\\ é 😀"),
            ("real", "-1500"),
            ("doc", r#"{"k": [1, null, true]}"#),
            ("flag", "false"),
            ("secret", "s"),
        ]),
    )];
    cases.extend((0..WHOLE.len()).map(cut));
    cases.extend((0..0x20).map(raw_control));
    cases.extend(no_text());
    cases.extend(digests());
    cases.extend(unsendable());
    cases
}

/// Cut between characters it is no JSON; cut within one it is no text, and is left.
fn cut(length: usize) -> Case {
    let name = format!("cut after {length} bytes");
    let bytes = &WHOLE.as_bytes()[..length];
    match str::from_utf8(bytes) {
        Ok("") => forged(name, bytes, not_json()),
        Ok(text) => sent(name, text, not_json()),
        Err(_) => forged(name, bytes, Outcome::Left),
    }
}

/// RFC 8259, section 7: control characters are escaped.
fn raw_control(code: u8) -> Case {
    let body = with(&format!(r#""note":"a{}b""#, char::from(code)));
    forged(
        format!("raw control character {code:#04x}"),
        body.as_bytes(),
        not_json(),
    )
}

/// Byte sequences that are not UTF-8 (RFC 3629, section 3), under their own digest and under that of
/// what a lenient reader makes of them.
fn no_text() -> Vec<Case> {
    let sequences: [(&str, &[u8]); 12] = [
        ("0xff", b"\xff"),
        ("a continuation alone", b"\x80"),
        ("an overlong NUL", b"\xc0\x80"),
        ("an overlong slash", b"\xe0\x80\xaf"),
        ("a surrogate", b"\xed\xa0\x80"),
        ("a pair of surrogates", b"\xed\xa0\xbd\xed\xb8\x80"),
        ("beyond U+10FFFF", b"\xf4\x90\x80\x80"),
        ("five bytes", b"\xf8\x88\x80\x80\x80"),
        ("three of four bytes", b"\xf0\x9f\x98"),
        ("one of two bytes", b"\xc3"),
        ("Latin-1", b"caf\xe9"),
        ("UTF-16 with its mark", b"\xff\xfe\x61\x62"),
    ];
    let case = |(name, bytes): &(&str, &[u8])| {
        let head = format!(r#"{{"id":"{CANARY}","note":""#);
        let body = [head.as_bytes(), bytes, b"\"}"].concat();
        let lenient = String::from_utf8_lossy(&body).into_owned();
        let mut lying = forged(format!("{name}, its digest a lie"), &body, Outcome::Left);
        if let Body::Forged(forgery, _) = &mut lying.body {
            forgery.md5 = md5(lenient.as_bytes());
        }
        [
            forged(format!("{name}, its digest right"), &body, Outcome::Left),
            lying,
        ]
    };
    sequences.iter().flat_map(case).collect()
}

/// What `MD5OfBody` says of a good event.
fn digests() -> Vec<Case> {
    let right = md5(WHOLE.as_bytes());
    let digests = [
        ("zeros", "0".repeat(32)),
        ("that of nothing", md5(b"")),
        (
            "that of an event with another byte",
            md5(WHOLE.replace("1.5", "1.6").as_bytes()),
        ),
        ("one digit short", right[1..].to_owned()),
        ("one digit more", format!("{right}0")),
        ("with a sign", format!("+{}", &right[1..])),
        ("no hexadecimal digits", "g".repeat(32)),
        ("empty", String::new()),
    ];
    let case = |(name, md5): (&str, String)| Case {
        name: format!("digest: {name}"),
        body: Body::Forged(
            Forgery {
                md5,
                ..Forgery::of(WHOLE.as_bytes())
            },
            Vec::new(),
        ),
        outcome: Outcome::Left,
    };
    let mut cases: Vec<_> = digests.into_iter().map(case).collect();
    let body = with(r#""short":"MD5""#);
    let mut capitals = forged(
        "digest: in capitals",
        body.as_bytes(),
        loaded(&[("short", "MD5")]),
    );
    if let Body::Forged(forgery, _) = &mut capitals.body {
        forgery.md5 = forgery.md5.to_uppercase();
    }
    cases.push(capitals);
    cases
}

/// Text that SQS does not take, and escapes that JSON does not.
fn unsendable() -> Vec<Case> {
    let half = |json: &str, digest: &str| Case {
        name: format!("{json} in the answer itself"),
        body: Body::Forged(
            Forgery {
                json: json.as_bytes().to_vec(),
                md5: md5(digest.as_bytes()),
            },
            Vec::new(),
        ),
        outcome: Outcome::Left,
    };
    let utf_16: Vec<u8> = WHOLE
        .bytes()
        .filter(u8::is_ascii)
        .flat_map(|byte| [byte, 0])
        .collect();
    let noncharacters = with("\"note\":\"\u{ffff}\u{fffe}\"");
    vec![
        half(r"\ud800", "\u{fffd}"),
        half(r"\udc00\ud800", "\u{fffd}\u{fffd}"),
        forged(
            "NUL behind the event",
            format!("{WHOLE}\0").as_bytes(),
            not_json(),
        ),
        forged(
            "NUL before the event",
            format!("\0{WHOLE}").as_bytes(),
            not_json(),
        ),
        forged("only NUL", b"\0", not_json()),
        forged("UTF-16 without its mark", &utf_16, not_json()),
        forged(
            "noncharacters",
            noncharacters.as_bytes(),
            loaded(&[("note", "\u{ffff}\u{fffe}")]),
        ),
    ]
}
