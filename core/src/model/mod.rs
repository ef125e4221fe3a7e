//! What doorward keeps and decides on: plain data and its rules, without I/O.

pub mod address;
pub mod amount;
pub mod api_key;
pub mod audit;
pub mod code;
pub mod decision;
pub mod id;
pub mod institution;
pub mod json;
pub mod page;
pub mod policy;
pub mod rate_limit;
pub(crate) mod text;
pub mod time;
