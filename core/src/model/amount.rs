//! [`Amount`]: an exact decimal in major units, zero or more; never a binary float, never rounded.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;
use serde::{Serialize, Serializer};

use crate::error::{Error, Reason, Result};

/// An exact amount in major units: at most 28 significant digits, at most 8 of them after the point.
///
/// As JSON it is a number while it has at most 15 significant digits (a double carries those), else a string.
///
/// Held as a count of its last decimal place, below 10 to the power of 36, so that two amounts compare as two integers:
/// every decision compares some.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Amount(u128);

/// So many of the last decimal place are one major unit.
const ONE: u128 = 10_u128.pow(Amount::MAX_SCALE);

impl Amount {
    /// The most decimal places.
    pub const MAX_SCALE: u32 = 8;
    /// The most significant digits.
    pub const MAX_DIGITS: usize = 28;
    /// The most significant digits that are written as a JSON number.
    const MAX_JSON_NUMBER_DIGITS: usize = 15;

    /// The value.
    #[must_use]
    pub fn as_decimal(&self) -> Decimal {
        // The text has no more digits than a decimal holds.
        Decimal::from_str_exact(&self.to_string()).unwrap_or_default()
    }

    /// The count of the last decimal place.
    #[inline]
    pub(crate) fn units(self) -> u128 {
        self.0
    }

    /// Reads the text of a JSON number, which may have an exponent.
    ///
    /// # Errors
    /// `Validation`: `not_a_decimal`, `negative_amount`, `too_precise`, `out_of_range`.
    pub fn from_json_number(text: &str) -> Result<Self> {
        match text.split_once(['e', 'E']) {
            Some((number, exponent)) => {
                let digits = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                    return Err(not_a_decimal());
                }
                // An exponent of many digits is far outside every bound below; its sign is all that matters then.
                let far = if exponent.starts_with('-') { -100_000 } else { 100_000 };
                Self::read(number, exponent.parse().map_or(far, |exponent: i64| exponent.clamp(-100_000, 100_000)))
            }
            None => Self::read(text, 0),
        }
    }

    fn read(text: &str, exponent: i64) -> Result<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        let (negative, whole) = whole.strip_prefix('-').map_or((false, whole), |rest| (true, rest));
        let is_number = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        if !is_number(whole) || !is_number(fraction) {
            return Err(not_a_decimal());
        }
        // Digits without zeros at either end, and the power of ten of the last of them.
        let all = format!("{whole}{fraction}");
        let digits = all.trim_end_matches('0');
        let trailing = all.len().saturating_sub(digits.len());
        let digits = digits.trim_start_matches('0');
        // Zero has no sign: programs that compute in floats write it as -0 too.
        if digits.is_empty() {
            return Ok(Self::default());
        }
        if negative {
            return Err(Error::new(Reason::NegativeAmount, "must not be negative"));
        }
        let length = |n: usize| i64::try_from(n).unwrap_or(i64::MAX);
        let power = exponent.saturating_sub(length(fraction.len())).saturating_add(length(trailing));
        if digits.len() > Self::MAX_DIGITS || power.saturating_add(i64::from(Self::MAX_SCALE)) < 0 {
            return Err(Error::new(
                Reason::TooPrecise,
                "must have at most 28 significant digits and 8 decimal places; it is never rounded",
            ));
        }
        if length(digits.len()).saturating_add(power) > length(Self::MAX_DIGITS) {
            return Err(Error::new(Reason::OutOfRange, "must be less than 10 to the power of 28"));
        }
        // Both bounds above hold: the digits are few enough, and the power of ten makes no fraction of the last place.
        let places = power.saturating_add(i64::from(Self::MAX_SCALE));
        let factor = u32::try_from(places).ok().and_then(|places| 10_u128.checked_pow(places));
        let units = digits.parse::<u128>().ok().zip(factor).and_then(|(digits, factor)| digits.checked_mul(factor));
        units.map(Self).ok_or_else(not_a_decimal)
    }

    fn significant_digits(&self) -> usize {
        self.0.to_string().trim_end_matches('0').len()
    }
}

impl FromStr for Amount {
    type Err = Error;

    /// Reads plain decimal text (`1250.00`): ASCII digits, at most one point, no sign, no exponent, no separators.
    fn from_str(text: &str) -> Result<Self> {
        // Zeros carry no information: a text much longer than every amount is refused before it is copied.
        if text.len() > 128 {
            return Err(Error::new(Reason::TooPrecise, "must have at most 128 characters"));
        }
        Self::read(text, 0)
    }
}

impl TryFrom<Decimal> for Amount {
    type Error = Error;

    fn try_from(value: Decimal) -> Result<Self> {
        Self::read(&value.to_string(), 0)
    }
}

impl From<u64> for Amount {
    fn from(value: u64) -> Self {
        Self(u128::from(value).saturating_mul(ONE))
    }
}

impl fmt::Display for Amount {
    /// Plain decimal text without trailing zeros.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:0width$}", self.0 / ONE, self.0 % ONE, width = 8);
        f.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

impl fmt::Debug for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for Amount {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if self.significant_digits() > Self::MAX_JSON_NUMBER_DIGITS {
            return serializer.collect_str(self);
        }
        if let Some(integer) = u64::try_from(self.0 / ONE).ok().filter(|_| self.0.is_multiple_of(ONE)) {
            return serializer.serialize_u64(integer);
        }
        match self.to_string().parse::<f64>() {
            Ok(number) => serializer.serialize_f64(number),
            Err(_) => serializer.collect_str(self),
        }
    }
}

fn not_a_decimal() -> Error {
    Error::new(Reason::NotADecimal, "must be a decimal number like 1250.00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_is_a_number_up_to_15_digits_and_a_string_beyond() {
        let json = |text: &str| serde_json::to_string(&text.parse::<Amount>().unwrap()).unwrap();
        assert_eq!(json("5000"), "5000");
        assert_eq!(json("100.50"), "100.5");
        assert_eq!(json("1234567890123.45"), "1234567890123.45");
        assert_eq!(json("12345678901234.56"), "\"12345678901234.56\"");
        assert_eq!(json("1000000000000000000"), "1000000000000000000");
        assert_eq!(json("0"), "0");
        assert_eq!(json("0.00000001").parse::<f64>().unwrap(), 1e-8);
    }

    #[test]
    fn what_json_writes_it_reads_back() {
        for text in ["0", "0.00000001", "99999999999999.9", "100000000000000", "10000000000000000000000", "0.1"] {
            let amount: Amount = text.parse().unwrap();
            let json = serde_json::to_string(&amount).unwrap();
            let read = match json.strip_prefix('"') {
                Some(quoted) => quoted.trim_end_matches('"').parse().unwrap(),
                None => Amount::from_json_number(&json).unwrap(),
            };
            assert_eq!(read, amount, "{json}");
        }
    }

    #[test]
    fn exponents_beyond_all_bounds_are_refused_quickly() {
        for text in ["1e40", "1e99999999999999999999", "1e-9", "1e-99999999999999999999", "9e28"] {
            Amount::from_json_number(text).unwrap_err();
        }
        assert_eq!(Amount::from_json_number("0e99").unwrap(), Amount::default());
        assert_eq!(Amount::from_json_number("-1e2").unwrap_err().reason(), Reason::NegativeAmount);
        assert_eq!("NaN".parse::<Amount>().unwrap_err().reason(), Reason::NotADecimal);
    }
}
