//! Login events for the demo, the development queue and the benchmarks; the same seed gives the
//! same events.

use fastrand::Rng;
use uuid::Uuid;

const SEED: u64 = 0x7665_696c;
/// The event that the documentation shows.
const EXAMPLE: &str = r#"{"user_id": "424cdd21-063a-43a7-b91b-7ca1a833afae", "app_version": "2.3.0", "device_type": "android", "ip": "199.172.111.135", "locale": "RU", "device_id": "593-47-5928"}"#;
/// What real queues of this kind hold now and then.
const STRAY: &str = r#"{"foo": "oops_wrong_msg_type", "bar": "123"}"#;
/// One event in so many is a stray one.
const STRAY_EVERY: usize = 100;
const STRAY_AT: usize = 57;
/// One event in so many has no locale.
const NO_LOCALE_EVERY: usize = 5;
const LOCALES: [&str; 8] = ["RU", "US", "DE", "FR", "JP", "BR", "IN", "GB"];
const VERSIONS: [&str; 5] = ["2.3.0", "2.4.1", "3.0.0", "0.96", "3.1.12"];

/// An endless row of login events: first the documentation's example, a fifth without a locale,
/// one in a hundred of a wrong kind (the 58th, the 158th, …), some people coming several times.
pub fn login_events() -> impl Iterator<Item = String> {
    let mut random = Rng::with_seed(SEED);
    let mut people: Vec<Person> = Vec::new();
    (0..).map(move |place: usize| {
        if place == 0 {
            return EXAMPLE.to_owned();
        }
        if place % STRAY_EVERY == STRAY_AT {
            return STRAY.to_owned();
        }
        // Every third is somebody who has been there before, with the same device and address.
        let comes_back = !people.is_empty() && random.usize(..3) == 0;
        if !comes_back {
            let person = Person::new(&mut random);
            // Enough people for repetition, few enough to stay small however many events are made.
            if people.len() < 1_000 {
                people.push(person);
            } else {
                let someone = random.usize(..people.len());
                people[someone] = person;
            }
        }
        let who = if comes_back {
            random.usize(..people.len())
        } else {
            people.len() - 1
        };
        people[who].logs_in(&mut random, place % NO_LOCALE_EVERY == NO_LOCALE_EVERY - 1)
    })
}

struct Person {
    user_id: Uuid,
    ip: String,
    device_id: String,
    device_type: &'static str,
    locale: &'static str,
}

impl Person {
    fn new(random: &mut Rng) -> Self {
        let [a, b, c, d] = [
            random.u8(1..224),
            random.u8(..),
            random.u8(..),
            random.u8(1..255),
        ];
        Self {
            user_id: uuid::Builder::from_random_bytes(random.u128(..).to_be_bytes()).into_uuid(),
            ip: format!("{a}.{b}.{c}.{d}"),
            device_id: format!(
                "{:03}-{:02}-{:04}",
                random.u16(..1000),
                random.u16(..100),
                random.u16(..10_000)
            ),
            device_type: if random.bool() { "android" } else { "iOS" },
            locale: LOCALES[random.usize(..LOCALES.len())],
        }
    }

    fn logs_in(&self, random: &mut Rng, without_locale: bool) -> String {
        let Self {
            user_id,
            ip,
            device_id,
            device_type,
            locale,
        } = self;
        let version = VERSIONS[random.usize(..VERSIONS.len())];
        let locale = if without_locale {
            "null".to_owned()
        } else {
            format!("\"{locale}\"")
        };
        format!(
            r#"{{"user_id": "{user_id}", "app_version": "{version}", "device_type": "{device_type}", "ip": "{ip}", "locale": {locale}, "device_id": "{device_id}"}}"#
        )
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn a_hundred_events_are_as_the_documentation_says() {
        let events: Vec<_> = login_events().take(100).collect();
        assert_eq!(events[0], EXAMPLE);
        assert_eq!(events.iter().filter(|event| *event == STRAY).count(), 1);
        assert_eq!(
            events
                .iter()
                .filter(|event| event.contains("\"locale\": null"))
                .count(),
            20
        );
        let devices: HashSet<_> = events
            .iter()
            .filter_map(|event| event.split("device_id").nth(1))
            .collect();
        assert!(devices.len() < 90, "{} devices", devices.len());
        assert_eq!(events, login_events().take(100).collect::<Vec<_>>());
    }
}
