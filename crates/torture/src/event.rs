//! The messages of a run: login events that are all different, and strays. What has to become of
//! each is known before it is sent.

use std::net::{Ipv4Addr, Ipv6Addr};

use fastrand::Rng;
use serde_json::{Map, Value, json};

/// One message in so many is a stray, in the long run.
const STRAY_ONE_IN: u32 = 66;
/// One in so many carries a field that nobody asked for, of up to [`LARGEST`] characters.
const LARGE_ONE_IN: u32 = 400;
const LARGEST: usize = 150_000;
/// What stands in every device id and in every user id.
const DEVICE_MARK: &str = "torture-device";
const USER_MARK: &str = "torture-user";
/// What must never appear in a log: every device id, user id and address holds one of these, as it is
/// sent and in its canonical form (up to 131,072 messages).
pub(crate) const PERSONAL_MARKS: [&str; 6] = [
    DEVICE_MARK,
    USER_MARK,
    "11.0.",
    "11.1.",
    "2001:db8:",
    "2001:0DB8:",
];

/// A type of device that only the target table itself refuses, and the constraint that does.
pub(crate) const REFUSED_TYPE: &str = "refused";
pub(crate) const REFUSED_BY: &str = "no_refused_type";

/// A message and what has to become of it.
pub(crate) struct Event {
    pub(crate) body: String,
    /// The number of its group, on a FIFO queue.
    pub(crate) group: Option<usize>,
    pub(crate) expected: Expected,
}

/// Where a message has to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expected {
    Row(Login),
    Quarantine {
        reason: &'static str,
        column: Option<&'static str>,
    },
}

/// The values of a row, before masking and in their canonical forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Login {
    pub(crate) user_id: String,
    pub(crate) device_type: Option<&'static str>,
    pub(crate) ip: String,
    pub(crate) device_id: String,
    pub(crate) locale: Option<&'static str>,
    pub(crate) app_version: Option<i32>,
}

/// The events of a run, in the order in which they are sent.
pub(crate) struct Events {
    random: Rng,
    groups: Option<usize>,
    run: u32,
    next: u32,
}

impl Events {
    pub(crate) fn new(mut random: Rng, groups: Option<usize>) -> Self {
        let run = random.u32(..);
        Self {
            random,
            groups,
            run,
            next: 0,
        }
    }

    fn login(&mut self) -> (Map<String, Value>, Login) {
        let (random, number) = (&mut self.random, self.next);
        let address = u32::from(Ipv4Addr::new(11, 0, 0, 0)) + number;
        let address = Ipv4Addr::from(address);
        // As it is sent, and in its canonical form.
        let (sent_ip, ip) = match random.u8(..10) {
            0 => {
                let address = Ipv6Addr::from(0x2001_0db8_u128 << 96 | u128::from(number));
                let upper = address.segments().map(|part| format!("{part:04X}"));
                (upper.join(":"), address.to_string())
            }
            1 => (format!("::ffff:{address}"), address.to_string()),
            _ => (address.to_string(), address.to_string()),
        };
        let version = [random.u8(0..10), random.u8(0..10), random.u8(0..100)];
        let digits: String = version.iter().map(u8::to_string).collect();
        let version = version.map(|part| part.to_string()).join(".");
        let versioned = random.u8(..20) > 0;
        let login = Login {
            user_id: format!("{USER_MARK}-{:08x}-{number:08}", self.run),
            device_type: random.choice(["android", "iOS"].map(Some)).flatten(),
            ip,
            device_id: format!("{DEVICE_MARK}-{:08x}-{number}", self.run),
            locale: random
                .choice([None, Some("RU"), Some("US"), Some("DE"), Some("FR")])
                .flatten(),
            app_version: versioned.then(|| digits.parse().expect("four digits at the most")),
        };
        let body = json!({
            "user_id": login.user_id,
            "app_version": versioned.then_some(version),
            "device_type": login.device_type,
            "ip": sent_ip,
            "locale": login.locale,
            "device_id": login.device_id,
        });
        let Value::Object(body) = body else {
            unreachable!("it is written as an object")
        };
        (body, login)
    }

    /// A login event made wrong, or something else altogether.
    fn stray(&mut self, mut login: Map<String, Value>) -> (String, Expected) {
        let number = self.next;
        let mut change = |field: &str, value: Value| {
            login.insert(field.to_owned(), value);
            Value::Object(login.clone()).to_string()
        };
        let (body, reason, column) = match self.random.u8(..10) {
            0 => {
                let body = json!({"foo": "oops_wrong_msg_type", "bar": number.to_string()});
                (body.to_string(), "missing_field", Some("user_id"))
            }
            1 => (format!("no JSON at all {number}"), "not_json", None),
            2 => (format!("[{number}]"), "not_an_object", None),
            3 => {
                let body = change("ip", "no address".into());
                (body, "not_canonical", Some("masked_ip"))
            }
            4 => {
                let body = change("device_id", Value::Null);
                (body, "missing_field", Some("masked_device_id"))
            }
            5 => {
                let body = change("locale", "x".repeat(33).into());
                (body, "too_long", Some("locale"))
            }
            6 => {
                let body = change("app_version", "two".into());
                (body, "bad_conversion", Some("app_version"))
            }
            7 => {
                let body = change("locale", "R\0U".into());
                (body, "nul_in_text", Some("locale"))
            }
            8 => {
                let body = change("device_type", REFUSED_TYPE.into());
                (body, "refused_by_database", Some(REFUSED_BY))
            }
            _ => {
                let body = change("device_id", "x".repeat(1_000).into());
                (body, "too_long", Some("masked_device_id"))
            }
        };
        (body, Expected::Quarantine { reason, column })
    }
}

impl Iterator for Events {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.next += 1;
        let (mut fields, login) = self.login();
        if self.random.u32(..LARGE_ONE_IN) == 0 {
            let size = self.random.usize(1_000..LARGEST);
            fields.insert("note".to_owned(), "n".repeat(size).into());
        }
        let (body, expected) = if self.random.u32(..STRAY_ONE_IN) == 0 {
            self.stray(fields)
        } else {
            (Value::Object(fields).to_string(), Expected::Row(login))
        };
        let group = self.groups.map(|groups| self.random.usize(..groups));
        Some(Event {
            body,
            group,
            expected,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_that_must_not_be_logged_has_a_mark() {
        let has_mark = |text: &str| PERSONAL_MARKS.iter().any(|mark| text.contains(mark));
        for event in Events::new(Rng::with_seed(7), None).take(2_000) {
            let Expected::Row(login) = event.expected else {
                continue;
            };
            let body: Value = serde_json::from_str(&event.body).expect("a login is JSON");
            let sent = body["ip"].as_str().expect("an address");
            for value in [&*login.user_id, &login.device_id, &login.ip, sent] {
                assert!(has_mark(value), "{value}");
            }
        }
    }

    #[test]
    fn the_same_seed_gives_the_same_messages() {
        let events = || {
            let events = Events::new(Rng::with_seed(7), Some(5)).take(2_000);
            events.map(|event| (event.body, event.group, event.expected))
        };
        let (first, again): (Vec<_>, Vec<_>) = (events().collect(), events().collect());
        assert_eq!(first, again);
        let strays = first
            .iter()
            .filter(|(_, _, expected)| matches!(expected, Expected::Quarantine { .. }))
            .count();
        assert!((10..80).contains(&strays), "{strays} strays");
    }
}
