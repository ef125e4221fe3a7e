//! Programs to start from: `cargo run --release --example quickstart`.
