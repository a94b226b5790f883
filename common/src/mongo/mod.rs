//! MongoDB clients: how they are built, what the server is, how its errors are classified.

mod client;
mod error;
mod server;

pub use client::connect;
pub use error::{classify, code, failed};
pub use server::{Server, Version, operation_time};
