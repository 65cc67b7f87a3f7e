//! Dates and times: from text and Unix time to PostgreSQL's days and microseconds since 2000.
//!
//! The years 0001 to 9999 are taken, which is what RFC 3339 can spell.

use jiff::civil::Date;

use super::numeric::Decimal;

/// Day 0 of PostgreSQL.
const EPOCH: Date = Date::constant(2000, 1, 1);

/// From 1970-01-01, the epoch of Unix time, to 2000-01-01, PostgreSQL's.
const UNIX_TO_EPOCH_MICROS: i64 = 946_684_800 * SECOND;
const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// 0001-01-01T00:00:00 in microseconds since 2000-01-01.
const FIRST: i64 = -730_119 * DAY;
/// 9999-12-31T23:59:59.999999 in microseconds since 2000-01-01.
const LAST: i64 = 2_921_940 * DAY - 1;

/// What a time's text may say of its offset from UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Offset {
    /// It must be there, as in RFC 3339.
    Required,
    /// Without one the clock is taken as it is.
    Optional,
}

/// Microseconds since 2000-01-01 UTC, within the years that are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Instant(i64);

impl Instant {
    fn checked(micros: i64) -> Option<Self> {
        (FIRST..=LAST).contains(&micros).then_some(Self(micros))
    }

    /// `YYYY-MM-DDThh:mm:ss[.fraction][offset]` with `Z` or `±hh:mm` (RFC 3339, section 5.6: a
    /// small `t` or a space may stand for the `T`, a small `z` for the `Z`).
    ///
    /// A fraction is rounded to microseconds, half up. Second 60 is second 0 of the next minute, as
    /// PostgreSQL has it.
    pub(super) fn parse(text: &str, offset: Offset) -> Option<Self> {
        let (date, rest) = text.as_bytes().split_at_checked(10)?;
        let (clock, rest) = rest.split_at_checked(9)?;
        let &[b'T' | b't' | b' ', h1, h2, b':', m1, m2, b':', s1, s2] = clock else {
            return None;
        };
        let (hour, minute, second) = (pair(h1, h2)?, pair(m1, m2)?, pair(s1, s2)?);
        if hour > 23 || minute > 59 || second > 60 {
            return None;
        }
        let (fraction, zone) = fraction_micros(rest)?;
        let offset_seconds = match (zone, offset) {
            ([], Offset::Optional) => 0,
            _ => offset_seconds(zone)?,
        };
        let midnight = i64::from(parse_days(date)?) * DAY;
        let seconds = (hour * 60 + minute) * 60 + second - offset_seconds;
        Self::checked(midnight + seconds * SECOND + fraction)
    }

    /// Milliseconds since 1970-01-01 UTC.
    pub(super) fn from_unix_millis(millis: i64) -> Option<Self> {
        Self::from_unix_micros(millis.checked_mul(1_000)?)
    }

    /// The text of a number of seconds (`power` 6) or milliseconds (`power` 3) since 1970-01-01
    /// UTC, rounded to microseconds.
    pub(super) fn from_unix_text(text: &str, power: u8) -> Option<Self> {
        Self::from_unix_micros(Decimal::parse(text)?.scaled(power)?)
    }

    fn from_unix_micros(micros: i64) -> Option<Self> {
        Self::checked(micros.checked_sub(UNIX_TO_EPOCH_MICROS)?)
    }

    /// What `timestamp` and `timestamptz` hold.
    pub(super) fn micros(self) -> i64 {
        self.0
    }

    /// What `date` holds: the day in UTC, counted from 2000-01-01.
    pub(super) fn days(self) -> i32 {
        i32::try_from(self.0.div_euclid(DAY)).expect("ten thousand years have under 2^31 days")
    }
}

/// `YYYY-MM-DD` as days since 2000-01-01.
pub(super) fn parse_date(text: &str) -> Option<i32> {
    parse_days(text.as_bytes())
}

fn parse_days(text: &[u8]) -> Option<i32> {
    let &[y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = text else {
        return None;
    };
    let year = pair(y1, y2)? * 100 + pair(y3, y4)?;
    if year == 0 {
        return None;
    }
    let year = i16::try_from(year).ok()?;
    let (month, day) = (
        i8::try_from(pair(m1, m2)?).ok()?,
        i8::try_from(pair(d1, d2)?).ok()?,
    );
    let date = Date::new(year, month, day).ok()?;
    i32::try_from(date.duration_since(EPOCH).as_hours() / 24).ok()
}

/// The fraction of a second, if there is one, and what follows it.
fn fraction_micros(text: &[u8]) -> Option<(i64, &[u8])> {
    let Some((b'.', rest)) = text.split_first() else {
        return Some((0, text));
    };
    let length = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
    if length == 0 {
        return None;
    }
    let (digits, rest) = rest.split_at(length);
    let shown = digits
        .iter()
        .copied()
        .chain(std::iter::repeat(b'0'))
        .take(6);
    let micros = shown.fold(0, |sum, digit| sum * 10 + i64::from(digit - b'0'));
    let up = digits.get(6).is_some_and(|digit| *digit >= b'5');
    Some((micros + i64::from(up), rest))
}

fn offset_seconds(zone: &[u8]) -> Option<i64> {
    match *zone {
        [b'Z' | b'z'] => Some(0),
        [sign @ (b'+' | b'-'), h1, h2, b':', m1, m2] => {
            let (hours, minutes) = (pair(h1, h2)?, pair(m1, m2)?);
            let seconds = (hours * 60 + minutes) * 60;
            (hours <= 23 && minutes <= 59).then_some(if sign == b'-' { -seconds } else { seconds })
        }
        _ => None,
    }
}

fn pair(tens: u8, ones: u8) -> Option<i64> {
    (tens.is_ascii_digit() && ones.is_ascii_digit())
        .then(|| i64::from(tens - b'0') * 10 + i64::from(ones - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn micros(text: &str) -> Option<i64> {
        Instant::parse(text, Offset::Required).map(Instant::micros)
    }

    #[test]
    fn the_range_is_the_years_1_to_9999() {
        assert_eq!(micros("0001-01-01T00:00:00Z"), Some(FIRST));
        assert_eq!(micros("9999-12-31T23:59:59.999999Z"), Some(LAST));
        assert_eq!(parse_date("0001-01-01").map(i64::from), Some(FIRST / DAY));
        assert_eq!(parse_date("9999-12-31").map(i64::from), Some(LAST / DAY));
        for outside in [
            "0000-12-31T23:59:59Z",
            "0001-01-01T00:00:00+00:01",
            "9999-12-31T23:59:59.9999996Z",
            "9999-12-31T23:59:59-00:01",
        ] {
            assert_eq!(micros(outside), None, "{outside}");
        }
        assert_eq!(parse_date("0000-12-31"), None);
    }

    #[test]
    fn offsets_lead_to_utc() {
        assert_eq!(micros("2000-01-01T00:00:00Z"), Some(0));
        assert_eq!(micros("2000-01-01t02:30:00+02:30"), Some(0));
        assert_eq!(micros("1999-12-31 20:00:00-04:00"), Some(0));
        assert_eq!(micros("2000-01-01T00:00:00-00:00"), Some(0));
        assert_eq!(micros("2000-01-01T00:00:00"), None);
        let clock = Instant::parse("2000-01-01T00:00:00", Offset::Optional);
        assert_eq!(clock, Some(Instant(0)));
    }

    #[test]
    fn fractions_are_rounded_to_microseconds() {
        assert_eq!(micros("2000-01-01T00:00:00.5Z"), Some(500_000));
        assert_eq!(micros("2000-01-01T00:00:00.0000014Z"), Some(1));
        assert_eq!(micros("2000-01-01T00:00:00.0000015Z"), Some(2));
        assert_eq!(micros("1999-12-31T23:59:59.9999999Z"), Some(0));
        assert_eq!(micros("1999-12-31T23:59:60Z"), Some(0));
    }

    #[test]
    fn other_spellings_are_refused() {
        for text in [
            "",
            "2000-01-01",
            "2000-01-01T",
            "2000-01-01T00:00Z",
            "2000-01-01T00:00:00.Z",
            "2000-01-01T00:00:00,5Z",
            "2000-01-01T24:00:00Z",
            "2000-01-01T00:60:00Z",
            "2000-01-01T00:00:61Z",
            "2000-02-30T00:00:00Z",
            "2000-13-01T00:00:00Z",
            "2000-01-01T00:00:00+0000",
            "2000-01-01T00:00:00+24:00",
            "2000-01-01T00:00:00+00:60",
            "2000-01-01T00:00:00Z ",
            " 2000-01-01T00:00:00Z",
            "2000-01-01T00:00:00 Z",
            "20000-01-01T00:00:00Z",
            "2000-1-1T00:00:00Z",
            "２０００-01-01T00:00:00Z",
            "2000-01-01T00:00:00[UTC]",
            "infinity",
            "now",
        ] {
            assert_eq!(micros(text), None, "{text}");
        }
        for text in [
            "",
            "2000-1-1",
            "20000101",
            "2000-02-30",
            "2000-01-01T00:00:00Z",
            "today",
        ] {
            assert_eq!(parse_date(text), None, "{text}");
        }
    }

    #[test]
    fn unix_time_is_exact_in_every_spelling() {
        let of = |text, power| Instant::from_unix_text(text, power).map(Instant::micros);
        assert_eq!(of("946684800", 6), Some(0));
        assert_eq!(of("946684800.0000005", 6), Some(1));
        assert_eq!(of("9.466848e8", 6), Some(0));
        assert_eq!(of("946684800001", 3), Some(1_000));
        assert_eq!(of("-1e-9", 6), Some(-UNIX_TO_EPOCH_MICROS));
        assert_eq!(of("1e999999999", 6), None);
        assert_eq!(of("", 6), None);
        assert_eq!(Instant::from_unix_millis(i64::MAX), None);
        let before = Instant::from_unix_millis(946_684_799_999).unwrap();
        assert_eq!((before.micros(), before.days()), (-1_000, -1));
    }
}
