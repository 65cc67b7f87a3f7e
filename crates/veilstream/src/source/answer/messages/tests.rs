use proptest::prelude::*;

use super::*;

fn bodies(answer: &[u8]) -> Vec<Option<String>> {
    let messages = messages(answer).unwrap().into_iter();
    messages
        .map(|message| message.map(|message| message.body.into_owned()))
        .collect()
}

#[test]
fn what_is_no_message_does_not_hold_up_the_others() {
    let message = |body: &[u8]| {
        let head = br#"{"MessageId":"m","ReceiptHandle":"r","Body":""#;
        [head, body, b"\"}"].concat()
    };
    for damaged in [
        message(b"\xff"),
        message(b"cut \xf0\x9f\x98"),
        message(br"\ud800"),
        b"{}".to_vec(),
        b"null".to_vec(),
        br#"["m","r",null,"a"]"#.to_vec(),
        b"7".to_vec(),
    ] {
        let entries = [message(b"a"), damaged, message("é".as_bytes())].join(&b',');
        let answer = [&b"{\"Messages\":["[..], &entries, b"]}"].concat();
        let expected = [Some("a".to_owned()), None, Some("é".to_owned())];
        let shown = String::from_utf8_lossy(&answer).into_owned();
        assert_eq!(bodies(&answer), expected, "{shown}");
    }
}

#[test]
fn an_answer_without_messages_is_empty_and_another_is_none_of_sqs() {
    for empty in ["{}", r#"{"Messages":null}"#, r#"{"Messages":[]}"#] {
        assert_eq!(bodies(empty.as_bytes()), [], "{empty}");
    }
    for other in [
        "",
        "[",
        "<html>",
        "[]",
        "7",
        r#"{"Messages":7}"#,
        "\u{feff}{}",
    ] {
        let error = messages(other.as_bytes()).err();
        assert!(
            error.is_some_and(|error| !error.to_string().contains("html")),
            "{other}"
        );
    }
}

#[test]
fn of_two_lists_the_last_one_counts() {
    let list = r#"[{"MessageId":"m","ReceiptHandle":"r","Body":"a"}]"#;
    let lists = |first: &str, last: &str| format!(r#"{{"Messages":{first},"Messages":{last}}}"#);
    assert_eq!(
        bodies(lists("[null,7]", list).as_bytes()),
        [Some("a".to_owned())]
    );
    for last in ["[]", "null"] {
        assert_eq!(bodies(lists(list, last).as_bytes()), [], "{last}");
    }
}

#[test]
fn a_field_that_is_there_twice_or_no_text_makes_it_no_message() {
    let message = |more: &str| {
        let answer =
            format!(r#"{{"Messages":[{{"MessageId":"m","ReceiptHandle":"r","Body":"b"{more}}}]}}"#);
        bodies(answer.as_bytes()) == [Some("b".to_owned())]
    };
    for good in [
        "",
        r#","MD5OfBody":null,"Attributes":null"#,
        r#","Attributes":{"SentTimestamp":null,"x":[{"\ud800":["\udc00"]}]}"#,
        r#","MessageAttributes":{"a":{"StringValue":"\ud800"}},"Other":[1,2.5e3,true]"#,
    ] {
        assert!(message(good), "{good}");
    }
    for bad in [
        r#","Body":"c""#,
        r#","\u0042ody":"c""#,
        r#","MD5OfBody":1"#,
        r#","Attributes":[]"#,
        r#","Attributes":{"SentTimestamp":1700000000000}"#,
        r#","Attributes":{"SentTimestamp":"1","SentTimestamp":"2"}"#,
    ] {
        assert!(!message(bad), "{bad}");
    }
}

/// A string with some of its characters escaped, each in one of the ways that JSON has.
fn spelled(text: &str, ways: &[u8]) -> String {
    let mut ways = ways.iter().copied().cycle();
    let mut spelling = String::from("\"");
    for character in text.chars() {
        let mut units = [0; 2];
        let units = character.encode_utf16(&mut units);
        if ways.next().unwrap_or_default() % 3 == 0 {
            spelling.extend(units.iter().map(|unit| format!("\\u{unit:04X}")));
        } else {
            let quoted = serde_json::to_string(&character).unwrap();
            spelling += &quoted[1..quoted.len() - 1];
        }
    }
    spelling + "\""
}

proptest! {
    #[test]
    fn a_message_is_what_was_spelled(
        texts in proptest::collection::vec(any::<String>(), 5),
        ways in proptest::collection::vec(any::<u8>(), 1..20),
        space in "[ \t\r\n]{0,3}",
    ) {
        let [id, handle, md5, body, sent] = [0, 1, 2, 3, 4].map(|place| spelled(&texts[place], &ways));
        let answer = format!(
            r#"{space}{{"Messages":{space}[{{"MessageId":{id},"Attributes":{{"SentTimestamp"{space}:{sent}}},"Body":{body}
                ,"ReceiptHandle":{handle},"MD5OfBody":{md5}}},null{space}]}}{space}"#
        );
        let read = messages(answer.as_bytes()).unwrap();
        let message = read[0].as_ref().unwrap();
        let found = [
            Some(&message.message_id),
            Some(&message.receipt_handle),
            message.md5_of_body.as_ref(),
            Some(&message.body),
            message.sent_timestamp.as_ref(),
        ];
        prop_assert_eq!(found.map(|text| text.unwrap().as_ref()), [0, 1, 2, 3, 4].map(|place| &*texts[place]));
        prop_assert!(read[1].is_none());
        for (end, _) in answer.trim_end().char_indices() {
            prop_assert!(messages(&answer.as_bytes()[..end]).is_err());
        }
    }
}
