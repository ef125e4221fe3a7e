//! The two vocabularies that a host may extend: [`Region`] and [`Currency`], and the [`Vocabulary`] that knows them.

use std::{fmt, str::FromStr};

use iso_currency::IntoEnumIterator;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Reason, Result};

macro_rules! codes {
    ($( $(#[$doc:meta])* $name:ident, $bytes:literal, $unknown:ident, $field:literal, $form:literal, $least:literal, $fold:expr; )*) => { $(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $bytes]);

        impl $name {
            /// The code.
            #[must_use]
            pub fn as_str(&self) -> &str {
                let length = self.0.iter().position(|byte| *byte == 0).unwrap_or($bytes);
                self.0.get(..length).and_then(|code| std::str::from_utf8(code).ok()).unwrap_or_default()
            }
        }

        impl FromStr for $name {
            type Err = Error;

            /// Reads the form alone; whether the code is known is asked of the [`Vocabulary`].
            fn from_str(text: &str) -> Result<Self> {
                let unknown = || Error::new(Reason::$unknown, concat!("must be ", $form)).field($field);
                let mut code = [0; $bytes];
                let place = code.get_mut(..text.len()).filter(|place| place.len() >= $least).ok_or_else(unknown)?;
                let fold: fn(u8) -> u8 = $fold;
                for (into, byte) in place.iter_mut().zip(text.bytes()) {
                    *into = fold(byte);
                }
                let first = code.first().is_some_and(u8::is_ascii_uppercase);
                let rest = code.iter().take(text.len()).all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || *b == b'_');
                if first && rest { Ok(Self(code)) } else { Err(unknown()) }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(self.as_str())
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )* };
}

codes! {
    /// A region: `US`, `EU_UK`, `SG`, `UAE`, or one that the host configured. 2 to 16 of `A-Z 0-9 _`, a letter first.
    Region, 16, UnknownRegion, "region", "a region code, 2 to 16 of A-Z 0-9 _ beginning with a letter", 2, |byte| byte;
    /// A currency: an ISO 4217 code, or one that the host configured. 3 to 8 of `A-Z 0-9 _`; read without regard to case.
    Currency, 8, UnknownCurrency, "currency", "a currency code, 3 to 8 of A-Z 0-9 _ beginning with a letter", 3, |byte| byte.to_ascii_uppercase();
}

impl Currency {
    /// The code as one word, by which currencies are told apart.
    #[inline]
    pub(crate) fn word(self) -> u64 {
        u64::from_le_bytes(self.0)
    }

    /// Where the bit of a code of three letters lies among those of all such codes.
    #[inline]
    fn place(self) -> Option<(usize, u64)> {
        let [letters @ .., 0, 0, 0, 0, 0] = self.0 else { return None };
        let index = letters.iter().try_fold(0_usize, |index, letter| {
            let letter = letter.wrapping_sub(b'A');
            (letter < 26).then(|| index.wrapping_mul(26).wrapping_add(usize::from(letter)))
        })?;
        Some((index / 64, 1 << (index % 64)))
    }
}

impl Region {
    /// The regions that are always known.
    pub const BUILT_IN: [Self; 4] = [
        Self(*b"US\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        Self(*b"EU_UK\0\0\0\0\0\0\0\0\0\0\0"),
        Self(*b"SG\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        Self(*b"UAE\0\0\0\0\0\0\0\0\0\0\0\0\0"),
    ];
}

/// The regions and currencies that are known: the built-in ones and those that the host configured.
#[derive(Clone, PartialEq, Eq)]
pub struct Vocabulary {
    regions: Vec<Region>,
    currencies: Vec<Currency>,
    /// One bit for each code of three letters: set for those of ISO 4217. Asked with every position.
    iso: Box<[u64]>,
}

impl Default for Vocabulary {
    fn default() -> Self {
        Self::new(Vec::new(), Vec::new())
    }
}

impl fmt::Debug for Vocabulary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vocabulary").field("regions", &self.regions).field("currencies", &self.currencies).finish_non_exhaustive()
    }
}

impl Vocabulary {
    /// The built-in regions and ISO 4217, and these further ones.
    #[must_use]
    pub fn new(regions: Vec<Region>, currencies: Vec<Currency>) -> Self {
        let mut iso = vec![0; 26_usize.pow(3).div_ceil(64)];
        for code in iso_currency::Currency::iter().filter_map(|currency| currency.code().parse::<Currency>().ok()) {
            if let Some((word, bit)) = code.place().and_then(|(word, bit)| Some((iso.get_mut(word)?, bit))) {
                *word |= bit;
            }
        }
        Self { regions, currencies, iso: iso.into() }
    }

    /// Whether the region is known.
    #[must_use]
    #[inline]
    pub fn knows_region(&self, region: Region) -> bool {
        Region::BUILT_IN.contains(&region) || self.regions.contains(&region)
    }

    /// Whether the currency is known.
    #[must_use]
    #[inline]
    pub fn knows_currency(&self, currency: Currency) -> bool {
        self.is_iso(currency) || self.currencies.contains(&currency)
    }

    #[inline]
    fn is_iso(&self, currency: Currency) -> bool {
        currency.place().is_some_and(|(word, bit)| self.iso.get(word).is_some_and(|word| word & bit != 0))
    }

    /// # Errors
    /// `Validation` / `unknown_region`.
    #[inline]
    pub fn check_region(&self, region: Region) -> Result<()> {
        if self.knows_region(region) {
            return Ok(());
        }
        Err(Error::new(Reason::UnknownRegion, format!("{region} is not a known region")).field("region"))
    }

    /// # Errors
    /// `Validation` / `unknown_currency`.
    #[inline]
    pub fn check_currency(&self, currency: Currency) -> Result<()> {
        if self.knows_currency(currency) {
            return Ok(());
        }
        Err(Error::new(Reason::UnknownCurrency, format!("{currency} is not a known currency")).field("currency"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_regions_are_known_and_others_only_when_configured() {
        let plain = Vocabulary::default();
        for code in ["US", "EU_UK", "SG", "UAE"] {
            plain.check_region(code.parse().unwrap()).unwrap();
        }
        let brazil: Region = "BR".parse().unwrap();
        assert_eq!(plain.check_region(brazil).unwrap_err().reason(), Reason::UnknownRegion);
        Vocabulary::new(vec![brazil], vec![]).check_region(brazil).unwrap();
    }

    #[test]
    fn currencies_are_iso_4217_without_regard_to_case() {
        let plain = Vocabulary::default();
        let dollar: Currency = "usd".parse().unwrap();
        assert_eq!(dollar.as_str(), "USD");
        plain.check_currency(dollar).unwrap();
        let coin: Currency = "USDT".parse().unwrap();
        assert_eq!(plain.check_currency(coin).unwrap_err().reason(), Reason::UnknownCurrency);
        Vocabulary::new(vec![], vec![coin]).check_currency(coin).unwrap();
    }

    #[test]
    fn every_iso_code_is_known_and_nothing_else_of_three_letters() {
        let plain = Vocabulary::default();
        let letters = || 'A'..='Z';
        let mut known = 0;
        for (a, b, c) in letters().flat_map(|a| letters().flat_map(move |b| letters().map(move |c| (a, b, c)))) {
            let code = format!("{a}{b}{c}");
            let expected = iso_currency::Currency::from_code(&code).is_some();
            assert_eq!(plain.knows_currency(code.parse().unwrap()), expected, "{code}");
            known += usize::from(expected);
        }
        assert!(known > 150, "{known}");
    }

    #[test]
    fn texts_that_are_no_codes_are_refused() {
        for text in ["", "U", "us", "U S", "1US", "ÜS", "ABCDEFGHIJKLMNOPQ"] {
            assert_eq!(text.parse::<Region>().unwrap_err().reason(), Reason::UnknownRegion, "{text}");
        }
        for text in ["", "US", "U$D", "123", "ABCDEFGHI"] {
            assert_eq!(text.parse::<Currency>().unwrap_err().reason(), Reason::UnknownCurrency, "{text}");
        }
    }
}
