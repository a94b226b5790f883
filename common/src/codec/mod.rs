//! codec
pub mod decode;
pub mod encode;

mod decimal128;
mod hex;
mod number;
mod text;
mod wrapper;
