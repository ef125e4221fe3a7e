//! scaffolding
pub mod error;
pub mod fork;
pub mod model;
pub mod reply;
pub mod store;
pub mod token;
pub use error::*;
pub use reply::*;
