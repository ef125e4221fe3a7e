//! The operations on institutions, keys and policies, and the audit trail; see [`crate::faces`].

mod institutions;
mod keys;
mod policies;
mod trail;
