//! Whatever comes as a body: it is rejected, or is a row that says what another JSON parser reads.

#![no_main]

use std::{cell::RefCell, collections::HashMap};

use fuzz::{columns, every_method, fields};
use libfuzzer_sys::fuzz_target;
use masking::Unmasker;
use serde_json::value::RawValue;
use veilstream::{
    decode::{Decoder, Envelope, RejectionCode},
    mask::Masking,
};

const ENVELOPE: Envelope<'_> = Envelope {
    message_id: "0f3a",
    sent_at_millis: 946_684_800_000,
};

/// Columns that any scalar fits.
const TEXTS: &[(&str, &str)] = &[
    ("s", "type = 'text', path = '/s'"),
    ("v", "type = 'varchar(5)', path = '/v'"),
    ("b", "type = 'text', path = '/a/b'"),
];

/// Types that take some values and refuse others, each in a table of its own.
const TYPED: &[&str] = &[
    "type = 'jsonb'",
    "type = 'smallint'",
    "type = 'integer'",
    "type = 'bigint'",
    "type = 'double precision'",
    "type = 'numeric'",
    "type = 'numeric(5,2)'",
    "type = 'boolean'",
    "type = 'date'",
    "type = 'timestamp'",
    "type = 'timestamptz'",
    "type = 'uuid'",
    "type = 'inet'",
    "type = 'bytea'",
    "type = 'bytea', convert = 'hex'",
    "type = 'bigint', convert = 'version_digits'",
    "type = 'integer', convert = 'version_ordered'",
    "type = 'timestamptz', convert = 'unix_seconds'",
    "type = 'date', convert = 'unix_millis'",
    "type = 'text', mask = { domain = 'exact' }",
    "type = 'inet', mask = { domain = 'peer' }",
    "type = 'text', mask = { domain = 'email' }",
    "type = 'text', mask = { domain = 'phone' }",
    "type = 'uuid', mask = { domain = 'visitor' }",
];

struct Table {
    decoder: Decoder,
    masking: Masking,
}

impl Table {
    fn new(stated: &[(&str, &str)]) -> Self {
        let columns = columns(stated);
        Self {
            decoder: Decoder::new(&columns),
            masking: Masking::new(&columns, &every_method()).expect("domains of this key set"),
        }
    }

    /// The row of a body.
    fn row(&mut self, body: &str) -> Result<Vec<u8>, RejectionCode> {
        let decoded = self.decoder.decode(body, &ENVELOPE);
        let masked = decoded.and_then(|decoded| self.masking.apply(decoded));
        masked.map(|masked| masked.row().to_vec()).map_err(|rejection| rejection.code)
    }
}

struct Tables {
    texts: Table,
    typed: Vec<Table>,
    exact: Table,
    unmasker: Unmasker,
}

thread_local! {
    static TABLES: RefCell<Tables> = RefCell::new(Tables {
        texts: Table::new(TEXTS),
        typed: TYPED.iter().map(|stated| Table::new(&[("v", &format!("{stated}, path = '/v'"))])).collect(),
        exact: Table::new(&[("s", "type = 'text', path = '/s', mask = { domain = 'exact' }")]),
        unmasker: every_method().unmasker(),
    });
}

fuzz_target!(|body: &str| {
    TABLES.with_borrow_mut(|tables| {
        let is_json = serde_json::from_str::<&RawValue>(body).is_ok();
        let texts = tables.texts.row(body);
        assert!(is_json || texts == Err(RejectionCode::NotJson));
        if let Ok(row) = texts {
            let expected = [text_at(body, &["s"]), text_at(body, &["v"]), text_at(body, &["a", "b"])];
            assert_eq!(fields(&row), expected.each_ref().map(|text| text.as_deref().map(str::as_bytes)));
        }
        for (place, table) in tables.typed.iter_mut().enumerate() {
            let Ok(row) = table.row(body) else { continue };
            let fields = fields(&row);
            let value = raw_at(body, &["v"]);
            assert_eq!(fields.len(), 1);
            assert_eq!(fields[0].is_some(), value.is_some());
            if let (0, [Some(jsonb)], Some(value)) = (place, &fields[..], value) {
                assert_eq!(*jsonb, [b"\x01", value.get().as_bytes()].concat());
            }
        }
        if let Ok(row) = tables.exact.row(body)
            && let [Some(token)] = fields(&row)[..]
        {
            let token = str::from_utf8(token).expect("text tokens are UTF-8");
            let opened = tables.unmasker.unmask(token).expect("our own token");
            assert_eq!(Some(&**opened.value), text_at(body, &["s"]).as_deref());
        }
    });
});

/// The value at a path as another parser finds it; `None` if it is null or not there.
fn raw_at<'b>(body: &'b str, path: &[&str]) -> Option<&'b RawValue> {
    let mut value: &RawValue = serde_json::from_str(body).expect("JSON");
    for key in path {
        let object: HashMap<String, &RawValue> = serde_json::from_str(value.get()).ok()?;
        value = object.get(*key)?;
    }
    (value.get() != "null").then_some(value)
}

fn text_at(body: &str, path: &[&str]) -> Option<String> {
    let value = raw_at(body, path)?.get();
    let string = value.starts_with('"');
    Some(if string { serde_json::from_str(value).expect("a string") } else { value.to_owned() })
}
