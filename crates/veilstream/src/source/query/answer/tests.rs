//! Answers as services give them, and as nobody should.

use std::fmt::Write;

use proptest::prelude::*;

use super::*;

/// An answer to a receive with these entries in it.
fn receive(entries: &[impl AsRef<str>]) -> String {
    let entries: String = entries.iter().map(AsRef::as_ref).collect();
    format!(
        "<?xml version=\"1.0\"?>\n<ReceiveMessageResponse \
         xmlns=\"http://queue.amazonaws.com/doc/2012-11-05/\">\n  <ReceiveMessageResult>{entries}\
         </ReceiveMessageResult>\n  <ResponseMetadata><RequestId>b6633655</RequestId>\
         </ResponseMetadata>\n</ReceiveMessageResponse>\n"
    )
}

/// A message whose body stands in XML like this.
fn message(body: &str) -> String {
    format!(
        "<Message><MessageId>m</MessageId><ReceiptHandle>r</ReceiptHandle><Body>{body}</Body>\
         </Message>"
    )
}

fn bodies(answer: &[u8]) -> Vec<Option<String>> {
    let messages = messages(answer).unwrap().into_iter();
    messages
        .map(|message| message.map(|message| message.body.into_owned()))
        .collect()
}

/// The example of the API reference (`ReceiveMessage`, Query protocol), with an attribute more.
#[test]
fn everything_of_a_message_is_read() {
    let answer = receive(&[
        "<Message>
           <MessageId>5fea7756-0ea4-451a-a703-a558b933e274</MessageId>
           <ReceiptHandle>MbZj6wDWli+JvwwJaBV+3dcjk2YW2vA3+STFFljTM8tJJg6HRG6PYSasuWXPJB+Cw</ReceiptHandle>
           <MD5OfBody>fafb00f5732ab283681e124bf8747ed1</MD5OfBody>
           <Body>This is a test message</Body>
           <Attribute><Name>SenderId</Name><Value>195004372649</Value></Attribute>
           <Attribute><Name>SentTimestamp</Name><Value>1238099229000</Value></Attribute>
           <MessageAttribute><Name>a</Name><Value><DataType>String</DataType></Value></MessageAttribute>
         </Message>",
    ]);
    let messages = messages(answer.as_bytes()).unwrap();
    let message = messages[0].as_ref().unwrap();
    assert_eq!(message.message_id, "5fea7756-0ea4-451a-a703-a558b933e274");
    assert_eq!(message.receipt_handle.len(), 65);
    let md5 = message.md5_of_body.as_deref();
    assert_eq!(md5, Some("fafb00f5732ab283681e124bf8747ed1"));
    assert_eq!(message.body, "This is a test message");
    assert_eq!(message.sent_at_millis(), Some(1_238_099_229_000));
    assert_eq!(messages.len(), 1);
}

#[test]
fn a_body_is_what_its_references_and_sections_stand_for() {
    for (xml, body) in [
        ("{&quot;a&quot;:&apos;&lt;&amp;&gt;&apos;}", "{\"a\":'<&>'}"),
        (
            "&#13;&#xD;\r\n\t&#128512;&#x1F600;",
            "\r\r\r\n\t\u{1f600}\u{1f600}",
        ),
        (
            "<![CDATA[<a>&amp;]]>&amp;<![CDATA[]]]]><![CDATA[>]]>",
            "<a>&amp;&]]>",
        ),
        ("  a<!-- no -->b <?no no?>", "  ab "),
        ("&amp;amp;&#38;lt;", "&amp;&lt;"),
        ("", ""),
    ] {
        let answer = receive(&[message(xml)]);
        assert_eq!(bodies(answer.as_bytes()), [Some(body.to_owned())], "{xml}");
    }
    let empty = receive(&[
        "<Message><MessageId>m</MessageId><ReceiptHandle>r</ReceiptHandle><Body/></Message>",
    ]);
    assert_eq!(bodies(empty.as_bytes()), [Some(String::new())]);
}

#[test]
fn what_is_no_message_does_not_hold_up_the_others() {
    for damaged in [
        message("&unknown;"),
        message("&#0;"),
        message("&#xD800;"),
        message("&#x110000;"),
        message("a<b>c</b>"),
        message("a</Body><Body>b"),
        "<Message/>".to_owned(),
        "<Message>text</Message>".to_owned(),
        "<Message><MessageId>m</MessageId><Body>b</Body></Message>".to_owned(),
    ] {
        let answer = receive(&[message("a"), damaged, message("é")]);
        let expected = [Some("a".to_owned()), None, Some("é".to_owned())];
        assert_eq!(bodies(answer.as_bytes()), expected, "{answer}");
    }
    for bytes in [&b"\xff"[..], b"cut \xf0\x9f\x98"] {
        let answer = receive(&[message("a"), message("HERE"), message("é")]);
        let (before, after) = answer.split_once("HERE").unwrap();
        let answer = [before.as_bytes(), bytes, after.as_bytes()].concat();
        let expected = [Some("a".to_owned()), None, Some("é".to_owned())];
        assert_eq!(bodies(&answer), expected);
    }
}

#[test]
fn an_answer_without_messages_is_empty_and_another_is_none_of_sqs() {
    for empty in [
        receive(&[""]),
        "<ReceiveMessageResponse><ReceiveMessageResult/></ReceiveMessageResponse>".to_owned(),
        "<ReceiveMessageResponse/>".to_owned(),
        "<s:ReceiveMessageResponse xmlns:s='u'></s:ReceiveMessageResponse>".to_owned(),
    ] {
        assert_eq!(bodies(empty.as_bytes()), [], "{empty}");
    }
    let whole = receive(&[message("secret")]);
    let cut = (0..whole.trim_end().len()).map(|length| whole[..length].to_owned());
    let others = [
        "{\"Messages\":[]}",
        "<html><body>secret</body></html>",
        "<!DOCTYPE html><html/>",
        "<ErrorResponse><Error><Code>secret</Code></Error></ErrorResponse>",
        "<DeleteMessageBatchResponse/>",
        "<ReceiveMessageResponse></ReceiveMessageResult>",
        "<ReceiveMessageResponse/><ReceiveMessageResponse/>",
        "<!DOCTYPE a [<!ENTITY b \"secret\">]><ReceiveMessageResponse/>",
        "<ReceiveMessageResponse a='\"></ReceiveMessageResponse>",
    ];
    for other in cut.chain(others.map(str::to_owned)) {
        let error = messages(other.as_bytes()).err();
        assert!(
            error.is_some_and(|error| !error.to_string().contains("secret")),
            "{other}"
        );
    }
}

#[test]
fn what_is_built_to_use_up_memory_is_refused() {
    let bomb = "<!DOCTYPE a [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\">]>\n";
    let bomb = bomb.to_owned() + &receive(&[message("&b;")]);
    assert!(messages(bomb.as_bytes()).is_err());
    let deep = receive(&["<a>".repeat(1_000_000)]);
    let error = messages(deep.as_bytes()).err().unwrap();
    assert!(error.to_string().contains("in each other"), "{error}");
}

#[test]
fn an_entry_has_failed_unless_it_is_said_to_have_succeeded() {
    let action = "DeleteMessageBatch";
    let answer = "<DeleteMessageBatchResponse><DeleteMessageBatchResult>\
        <DeleteMessageBatchResultEntry><Id>1</Id></DeleteMessageBatchResultEntry>\
        <BatchResultErrorEntry><Id>2</Id><Code>Receipt\nHandle: x</Code><Message>no</Message>\
        <SenderFault>true</SenderFault></BatchResultErrorEntry>\
        <BatchResultErrorEntry><Id>9</Id><Code>y</Code></BatchResultErrorEntry>\
        </DeleteMessageBatchResult></DeleteMessageBatchResponse>";
    let failed = failures(action, answer.as_bytes(), 3).unwrap();
    let told: Vec<_> = failed
        .iter()
        .map(|one| (one.id.0, &*one.code, one.sender_fault))
        .collect();
    let expected = [(0, "NotInResponse", false), (2, "ReceiptHandlex", true)];
    assert_eq!(told, expected);
    assert_eq!(failures(action, b"", 2).unwrap().len(), 2);
    let other = "ChangeMessageVisibilityBatch";
    assert!(failures(other, answer.as_bytes(), 3).is_err());
    for wrong in [
        answer.replace("<Id>1</Id>", ""),
        answer.replace("<Id>1</Id>", "<Id>one</Id>"),
        answer.replace("</DeleteMessageBatchResponse>", ""),
    ] {
        assert!(failures(action, wrong.as_bytes(), 3).is_err(), "{wrong}");
    }
}

#[test]
fn a_refusal_is_known_by_its_code_and_by_nothing_else() {
    for (answer, code) in [
        (
            "<?xml version=\"1.0\"?><ErrorResponse xmlns='u'>\n<Error><Type>Sender</Type>\
             <Code>AWS.SimpleQueueService.NonExistentQueue</Code><Message>The specified queue does \
             not exist.</Message><Detail/></Error><RequestId>42</RequestId></ErrorResponse>",
            Some("AWS.SimpleQueueService.NonExistentQueue"),
        ),
        (
            "<ErrorResponse><RequestId>1</RequestId><Error><Code>ExpiredToken</Code></Error></ErrorResponse>",
            Some("ExpiredToken"),
        ),
        ("<html><Error><Code>no</Code></Error></html>", None),
        ("<ErrorResponse><Error>", None),
        ("{\"__type\":\"AccessDenied\"}", None),
        ("Bad Request", None),
        ("", None),
    ] {
        assert_eq!(error_code(answer.as_bytes()).as_deref(), code, "{answer}");
    }
}

#[test]
fn the_queue_is_found_and_described() {
    let url = "<GetQueueUrlResponse><GetQueueUrlResult><QueueUrl>http://q/0/a&amp;b</QueueUrl>\
               </GetQueueUrlResult></GetQueueUrlResponse>";
    assert_eq!(queue_url(url.as_bytes()).unwrap(), "http://q/0/a&b");
    assert!(queue_url(b"<GetQueueUrlResponse/>").is_err());
    let described = "<GetQueueAttributesResponse><GetQueueAttributesResult>\
        <Attribute><Name>VisibilityTimeout</Name><Value>30</Value></Attribute>\
        <Attribute><Name>RedrivePolicy</Name><Value>{&quot;maxReceiveCount&quot;:5}</Value></Attribute>\
        </GetQueueAttributesResult></GetQueueAttributesResponse>";
    let attributes = attributes(described.as_bytes()).unwrap();
    assert_eq!(attributes["VisibilityTimeout"], "30");
    assert_eq!(attributes["RedrivePolicy"], "{\"maxReceiveCount\":5}");
}

/// The ways in which a character can be written.
#[derive(Debug, Clone, Copy)]
enum Way {
    Plain,
    Named,
    Decimal,
    Hexadecimal,
    Section,
}

fn written(character: char, way: Way, xml: &mut String) {
    let number = u32::from(character);
    let name = match character {
        '<' => Some("lt"),
        '>' => Some("gt"),
        '&' => Some("amp"),
        '\'' => Some("apos"),
        '"' => Some("quot"),
        _ => None,
    };
    match (way, name) {
        (Way::Plain | Way::Named, None) => write!(xml, "{character}"),
        (Way::Plain | Way::Named, Some(name)) => write!(xml, "&{name};"),
        (Way::Decimal, _) => write!(xml, "&#{number};"),
        (Way::Hexadecimal, _) => write!(xml, "&#x{number:X};"),
        (Way::Section, _) => write!(xml, "<![CDATA[{character}]]>"),
    }
    .unwrap();
}

/// The characters that SQS takes (Amazon SQS API reference, `SendMessage`).
fn characters() -> impl Strategy<Value = char> {
    prop_oneof![
        Just('\t'),
        Just('\n'),
        Just('\r'),
        proptest::char::range(' ', '~'),
        proptest::char::range('\u{7f}', '\u{d7ff}'),
        proptest::char::range('\u{e000}', '\u{fffd}'),
        proptest::char::range('\u{10000}', '\u{10ffff}'),
    ]
}

fn ways() -> impl Strategy<Value = Way> {
    prop_oneof![
        Just(Way::Plain),
        Just(Way::Named),
        Just(Way::Decimal),
        Just(Way::Hexadecimal),
        Just(Way::Section)
    ]
}

proptest! {
    #[test]
    fn every_body_arrives_however_it_is_written(
        body in proptest::collection::vec((characters(), ways()), 0..200),
    ) {
        let mut xml = String::new();
        for (character, way) in &body {
            written(*character, *way, &mut xml);
        }
        let body: String = body.iter().map(|(character, _)| character).collect();
        prop_assert_eq!(bodies(receive(&[message(&xml)]).as_bytes()), [Some(body)]);
    }

    #[test]
    fn whatever_comes_is_refused_or_read_and_never_fails(
        answer in "(<(/|!\\[CDATA\\[|!--)?(ReceiveMessageRes(ponse|ult)|Message|Body|a)( b='c')?/?>|&#?[a-z0-9]{0,3};|]]>|-->|[a-z<>&;]){0,60}",
    ) {
        let whole = receive(&[&answer]);
        for bytes in [answer.as_bytes(), whole.as_bytes()] {
            let _ = messages(bytes);
            let _ = failures("Message", bytes, 10);
            let _ = error_code(bytes);
        }
    }
}
