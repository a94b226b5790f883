//! Shaping and updating commute: proven here, where both are at hand.

mod deltas;
mod law;
