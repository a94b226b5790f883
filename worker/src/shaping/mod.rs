//! Shaping and updating commute: proven here, where both are at hand.

mod declared_law;
mod deltas;
mod law;
