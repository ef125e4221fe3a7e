//! Lengths of time as people write them: `500ms`, `90s`, `30m`, `24h`, `90d`, `2w`.

use std::time::Duration;

use doorward::{Error, Reason};

/// The units, each with its milliseconds, from the longest on.
const UNITS: [(&str, u64); 6] =
    [("w", 7 * 24 * 3_600_000), ("d", 24 * 3_600_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a whole number and its unit.
pub(crate) fn parse(field: &'static str, text: &str) -> Result<Duration, Error> {
    let split = text.find(|character: char| !character.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(split).unwrap_or((text, ""));
    let unit = UNITS.iter().find(|(name, _)| *name == unit);
    let total = number.parse::<u64>().ok().zip(unit).and_then(|(number, (_, millis))| number.checked_mul(*millis));
    total.map(Duration::from_millis).ok_or_else(|| {
        Error::new(Reason::InvalidFormat, "must be a whole number with ms, s, m, h, d or w, like 24h").field(field)
    })
}

/// Writes whole milliseconds so that [`parse`] reads them, in the longest unit that divides them.
pub(crate) fn written(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let number = |(unit, each): &(&str, u64)| match millis.checked_rem(*each)? {
        0 => Some(format!("{}{unit}", millis.checked_div(*each)?)),
        _ => None,
    };
    UNITS.iter().find_map(number).unwrap_or_default()
}
