//! Decimal text, exactly: into the binary form of PostgreSQL's `numeric`, or into a whole number.
//!
//! Source of limits, rounding and wire format: `src/backend/utils/adt/numeric.c` of PostgreSQL
//! (`set_var_from_str`, `apply_typmod`, `make_result`, `numeric_recv`).

/// Digits after the point that `numeric` can hold (`NUMERIC_DSCALE_MASK`).
const MAX_SCALE: i64 = 16_383;
/// Digits before the point that `numeric` can hold: its weight is a 16-bit count of groups of four.
const MAX_INTEGER_DIGITS: i64 = 131_072;
/// PostgreSQL refuses exponents from here on (`INT_MAX / 2`).
const EXPONENT_LIMIT: i64 = 1_073_741_823;
/// Decimal digits in one digit of `numeric`.
const GROUP: i64 = 4;
/// The sign field of a negative `numeric`.
const NEGATIVE: u16 = 0x4000;

/// The parts of a number's text: `-?digits(.digits)?([eE][+-]?digits)?`, which is JSON's grammar
/// with leading zeros allowed.
#[derive(Clone, Copy)]
pub(super) struct Spelling<'a> {
    negative: bool,
    integer: &'a str,
    fraction: &'a str,
    exponent: &'a str,
}

impl<'a> Spelling<'a> {
    /// The parts of `text`, or `None` if it is no number.
    pub(super) fn of(text: &'a str) -> Option<Self> {
        let (negative, rest) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (integer, rest) = split_digits(rest);
        let (fraction, rest) = match rest.strip_prefix('.').map(split_digits) {
            Some(("", _)) => return None,
            Some((fraction, rest)) => (fraction, rest),
            None => ("", rest),
        };
        let (exponent, rest) = match rest.strip_prefix(['e', 'E']) {
            Some(rest) => {
                let sign = usize::from(rest.starts_with(['+', '-']));
                match split_digits(&rest[sign..]).0 {
                    "" => return None,
                    digits => rest.split_at(sign + digits.len()),
                }
            }
            None => ("", rest),
        };
        let complete = !integer.is_empty() && rest.is_empty();
        complete.then_some(Self {
            negative,
            integer,
            fraction,
            exponent,
        })
    }

    /// Whether every digit before the exponent is 0.
    pub(super) fn is_zero(self) -> bool {
        self.integer
            .bytes()
            .chain(self.fraction.bytes())
            .all(|digit| digit == b'0')
    }

    /// The exponent, if PostgreSQL would take it.
    fn exponent(self) -> Option<i64> {
        // A number too long for i64 is beyond the limit, unless the length is leading zeros.
        let digits = self
            .exponent
            .trim_start_matches(['+', '-'])
            .trim_start_matches('0');
        let magnitude = if digits.is_empty() {
            0
        } else {
            digits.parse::<i64>().ok()?
        };
        let exponent = if self.exponent.starts_with('-') {
            -magnitude
        } else {
            magnitude
        };
        (magnitude < EXPONENT_LIMIT).then_some(exponent)
    }
}

fn split_digits(text: &str) -> (&str, &str) {
    text.split_at(text.bytes().take_while(u8::is_ascii_digit).count())
}

/// A decimal number, as long as its text but never as long as its exponent is large.
pub(super) struct Decimal {
    negative: bool,
    /// The digits 0 to 9 without leading or trailing zeros; empty for zero. They stand behind a
    /// point: the value is `0.digits * 10^point`.
    digits: Vec<u8>,
    point: i64,
    /// How many digits after the point are shown, trailing zeros included.
    scale: i64,
}

impl Decimal {
    /// The number that `text` spells; see [`Spelling`]. `None` as well where the exponent is
    /// beyond PostgreSQL's.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let spelling = Spelling::of(text)?;
        let exponent = spelling.exponent()?;
        let all = || spelling.integer.bytes().chain(spelling.fraction.bytes());
        let leading_zeros = all().take_while(|digit| *digit == b'0').count();
        let mut decimal = Self {
            negative: spelling.negative,
            digits: all()
                .skip(leading_zeros)
                .map(|digit| digit - b'0')
                .collect(),
            point: signed(spelling.integer.len()) - signed(leading_zeros) + exponent,
            scale: (signed(spelling.fraction.len()) - exponent).max(0),
        };
        decimal.normalise();
        Some(decimal)
    }

    /// Rounds to `scale` digits after the point (before it, if negative), half away from zero.
    fn round(&mut self, scale: i64) {
        self.scale = scale.max(0);
        let Ok(keep) = usize::try_from(self.point + scale) else {
            self.digits.clear();
            self.normalise();
            return;
        };
        let up = self.digits.get(keep).is_some_and(|digit| *digit >= 5);
        self.digits.truncate(keep);
        if up {
            while self.digits.pop_if(|digit| *digit == 9).is_some() {}
            if let Some(last) = self.digits.last_mut() {
                *last += 1;
            } else {
                self.digits.push(1);
                self.point += 1;
            }
        }
        self.normalise();
    }

    fn normalise(&mut self) {
        while self.digits.pop_if(|digit| *digit == 0).is_some() {}
        if self.digits.is_empty() {
            self.negative = false;
            self.point = 0;
        }
    }

    /// The number times ten to the `power`, rounded half away from zero, if an `i64` holds it.
    pub(super) fn scaled(mut self, power: u8) -> Option<i64> {
        self.round(i64::from(power));
        let places = usize::try_from(self.point + i64::from(power)).ok()?;
        if places > 19 {
            return None;
        }
        let digits = self
            .digits
            .iter()
            .copied()
            .chain(std::iter::repeat(0))
            .take(places);
        let magnitude = digits.fold(0_i128, |sum, digit| sum * 10 + i128::from(digit));
        i64::try_from(if self.negative { -magnitude } else { magnitude }).ok()
    }

    /// Whether `numeric` without precision can hold it.
    pub(super) fn fits(&self) -> bool {
        self.scale <= MAX_SCALE && self.point <= MAX_INTEGER_DIGITS
    }

    /// The binary form of `numeric`, rounded to the column's scale if it has one; `None` if there
    /// are more digits before the point than the column takes.
    pub(super) fn encode(mut self, precision_and_scale: Option<(u16, i16)>) -> Option<Vec<u8>> {
        if let Some((precision, scale)) = precision_and_scale {
            self.round(i64::from(scale));
            if !self.digits.is_empty() && self.point > i64::from(precision) - i64::from(scale) {
                return None;
            }
        }
        if !self.fits() {
            return None;
        }
        // Groups of four digits, aligned to the point; the first one has the weight 10000^weight.
        let weight = (self.point + GROUP - 1).div_euclid(GROUP) - 1;
        let padding = usize::try_from((weight + 1) * GROUP - self.point).ok()?;
        let digits: Vec<u8> = std::iter::repeat_n(0, padding)
            .chain(self.digits.iter().copied())
            .collect();
        let (weight, groups) = if self.digits.is_empty() {
            (0, 0)
        } else {
            (weight, digits.len().div_ceil(4))
        };

        let mut encoded = Vec::with_capacity(8 + 2 * groups);
        encoded.extend_from_slice(&u16::try_from(groups).ok()?.to_be_bytes());
        encoded.extend_from_slice(&i16::try_from(weight).ok()?.to_be_bytes());
        encoded.extend_from_slice(&(if self.negative { NEGATIVE } else { 0 }).to_be_bytes());
        encoded.extend_from_slice(&u16::try_from(self.scale).ok()?.to_be_bytes());
        for group in digits.chunks(4).take(groups) {
            let padded = group.iter().copied().chain(std::iter::repeat(0)).take(4);
            let value = padded.fold(0_u16, |sum, digit| sum * 10 + u16::from(digit));
            encoded.extend_from_slice(&value.to_be_bytes());
        }
        Some(encoded)
    }
}

fn signed(length: usize) -> i64 {
    i64::try_from(length).expect("a length in memory fits in 63 bits")
}

#[cfg(test)]
mod tests;
