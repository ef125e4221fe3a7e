//! Client addresses and the lists that allow them.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

use ipnet::{IpNet, Ipv4Net};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::error::{Error, Reason, Result};

/// A list of addresses and CIDR ranges. Whoever is on none of them is not allowed; so is an address that is not known.
///
/// IPv4-mapped IPv6 addresses (`::ffff:10.1.2.3`) count as their IPv4 form, in the list and in what is asked.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct AddressList(Vec<IpNet>);

impl AddressList {
    /// The most entries of one list.
    pub const MAX_ENTRIES: usize = 100;

    /// A list of addresses (`192.168.1.7`) and ranges (`10.0.0.0/8`, `2001:db8::/32`).
    ///
    /// # Errors
    /// `Validation`: `invalid_format`, `too_long`; the error names the entry.
    pub fn new<S: AsRef<str>>(entries: impl IntoIterator<Item = S>) -> Result<Self> {
        let mut list = Vec::new();
        for (index, entry) in entries.into_iter().enumerate() {
            if index >= Self::MAX_ENTRIES {
                return Err(Error::new(Reason::TooLong, "must have at most 100 entries"));
            }
            let range = parse_range(entry.as_ref()).ok_or_else(|| {
                Error::new(Reason::InvalidFormat, "must be an address or a CIDR range like 10.0.0.0/8")
                    .field(format!("[{index}]"))
            })?;
            if !list.contains(&range) {
                list.push(range);
            }
        }
        Ok(Self(list))
    }

    /// Whether the address is on the list.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|range| range.contains(&address))
    }

    /// Whether the list has no entries. What that means is for its owner to say.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries as text, whole-address ranges without their prefix length.
    pub fn entries(&self) -> impl Iterator<Item = String> + '_ {
        self.0
            .iter()
            .map(|range| if range.prefix_len() == range.max_prefix_len() { range.addr().to_string() } else { range.to_string() })
    }
}

/// Reads a client address as a socket or a proxy gives it: one address, nothing else.
#[must_use]
pub fn parse_address(text: &str) -> Option<IpAddr> {
    text.trim().parse::<IpAddr>().ok().map(|address| address.to_canonical())
}

fn parse_range(text: &str) -> Option<IpNet> {
    let range = match text.parse::<IpNet>() {
        Ok(range) => range.trunc(),
        Err(_) => IpNet::from(text.parse::<IpAddr>().ok()?),
    };
    // `::ffff:10.0.0.0/104` means `10.0.0.0/8`.
    match range {
        IpNet::V6(v6) if v6.prefix_len() >= 96 => match v6.addr().to_ipv4_mapped() {
            Some(v4) => Ipv4Net::new(v4, v6.prefix_len().saturating_sub(96)).ok().map(IpNet::from),
            None => Some(range),
        },
        _ => Some(range),
    }
}

/// The address with its host part cut off, as the audit trail groups refused callers: IPv4 whole, IPv6 its /64.
#[must_use]
pub(crate) fn prefix(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(v4) => IpAddr::V4(Ipv4Addr::from(v4.octets())),
        IpAddr::V6(v6) => {
            let [a, b, c, d, ..] = v6.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

impl FromStr for AddressList {
    type Err = Error;

    /// Reads a comma-separated list.
    fn from_str(text: &str) -> Result<Self> {
        Self::new(text.split(',').map(str::trim).filter(|entry| !entry.is_empty()))
    }
}

impl fmt::Debug for AddressList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.entries()).finish()
    }
}

impl Serialize for AddressList {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.entries())
    }
}

impl<'de> Deserialize<'de> for AddressList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::<String>::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mapped_ranges_mean_their_ipv4_form() {
        let list = AddressList::new(["::ffff:10.0.0.0/104", "10.1.2.3/8"]).unwrap();
        assert_eq!(list.entries().collect::<Vec<_>>(), ["10.0.0.0/8"]);
        assert!(list.contains("::ffff:10.9.9.9".parse().unwrap()));
    }

    #[test]
    fn an_error_names_the_entry() {
        let error = AddressList::new(["10.0.0.0/8", "nowhere"]).unwrap_err();
        assert_eq!(error.blamed_field(), Some("[1]"));
        assert_eq!(AddressList::new(vec!["::1"; 101]).unwrap_err().reason(), Reason::TooLong);
    }

    #[test]
    fn prefixes_group_an_ipv6_network_and_one_ipv4_host() {
        assert_eq!(prefix("2001:db8:1:2:3:4:5:6".parse().unwrap()).to_string(), "2001:db8:1:2::");
        assert_eq!(prefix("::ffff:10.1.2.3".parse().unwrap()).to_string(), "10.1.2.3");
    }
}
