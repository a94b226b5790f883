//! MongoDB clients: how they are built, what the server is, how its errors are classified.

mod client;
mod error;
mod reason;
mod server;

pub use client::{close, connect};
pub use error::{classify, code, failed};
pub use reason::Reason;
pub use server::{Server, Version, operation_time};
