//! Lengths of time as people write them: `90s`, `30m`, `24h`, `90d`, `2w`.

use std::time::Duration;

use doorward::{Error, Reason};

/// Reads a whole number and its unit.
pub(crate) fn parse(field: &'static str, text: &str) -> Result<Duration, Error> {
    let split = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split).unwrap_or((text, ""));
    let seconds = match unit {
        "s" => Some(1),
        "m" => Some(60),
        "h" => Some(3600),
        "d" => Some(24 * 3600),
        "w" => Some(7 * 24 * 3600),
        _ => None,
    };
    let total = number.parse::<u64>().ok().zip(seconds).and_then(|(number, seconds)| number.checked_mul(seconds));
    total
        .map(Duration::from_secs)
        .ok_or_else(|| Error::new(Reason::InvalidFormat, "must be a whole number with s, m, h, d or w, like 24h").field(field))
}
