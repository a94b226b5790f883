//! x
pub mod intake;
pub mod record;
