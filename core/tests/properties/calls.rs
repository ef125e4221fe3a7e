//! The calls of which random sequences are made.

use proptest::{collection::vec, prelude::*};

/// One call. Institutions, hashes and keys are few, so that calls meet what others left.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    Found(u8),
    Import { institution: u8, hashes: Vec<u8> },
    Revoke(u8),
    Disable(u8),
    Enable(u8),
    Relabel { key: u8, expected: Option<u64> },
    Rotate(u8),
    RevokeAll(u8),
    Upsert { institution: u8, limit: u8, expected: Option<u64> },
    Delete { institution: u8, expected: Option<u64> },
}

pub(crate) fn call() -> impl Strategy<Value = Call> {
    let (institution, key, expected) = (0..3_u8, any::<u8>(), proptest::option::weighted(0.4, 0..4_u64));
    prop_oneof![
        2 => institution.clone().prop_map(Call::Found),
        6 => (institution.clone(), vec(0..30_u8, 1..4)).prop_map(|(institution, hashes)| Call::Import { institution, hashes }),
        2 => key.prop_map(Call::Revoke),
        2 => key.prop_map(Call::Disable),
        2 => key.prop_map(Call::Enable),
        2 => (key, expected.clone()).prop_map(|(key, expected)| Call::Relabel { key, expected }),
        2 => key.prop_map(Call::Rotate),
        1 => institution.clone().prop_map(Call::RevokeAll),
        4 => (institution.clone(), 0..9_u8, expected.clone())
            .prop_map(|(institution, limit, expected)| Call::Upsert { institution, limit, expected }),
        2 => (institution, expected).prop_map(|(institution, expected)| Call::Delete { institution, expected }),
    ]
}
