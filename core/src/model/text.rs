//! The rule for the texts that people choose: names and labels.

use crate::error::{Error, Reason, Result};

/// The most characters that a name or label may have.
const MAX_TEXT: usize = 255;

/// Checks a name or label: 1 to 255 characters, none of them a control character.
pub(crate) fn check_text(field: &'static str, text: &str) -> Result<()> {
    if text.trim().is_empty() {
        return Err(Error::new(Reason::Empty, "must not be empty").field(field));
    }
    if text.chars().count() > MAX_TEXT {
        return Err(Error::new(Reason::TooLong, "must have at most 255 characters").field(field));
    }
    if text.chars().any(char::is_control) {
        return Err(Error::new(Reason::ControlCharacter, "must not contain control characters").field(field));
    }
    Ok(())
}
