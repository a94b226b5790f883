//! Whether documents that came to be are sent as real inserts.
//!
//! A real insert costs the target a quarter of an upsert; one whose `_id` is there already costs twice as much and has to be sent
//! again (`limits.md`). Which of the two to expect is seen in what happens: after a restart, or over a target that
//! holds an earlier copy, `_id`s exist, so that namespace is sent upserts for a while.

use std::collections::HashMap;

use common::namespace::Namespace;

/// Batches for which a namespace keeps to upserts before inserts are tried again.
const UPSERT_BATCHES: u32 = 20;
/// An existing `_id` in so many inserts is too many.
const ONE_IN: u64 = 8;

/// What is expected of each namespace.
#[derive(Debug, Default)]
pub(super) struct Habits {
    /// Batches of upserts that are left.
    upserts: HashMap<Namespace, u32>,
}

impl Habits {
    /// Whether the next batch sends real inserts.
    pub(super) fn inserts(&mut self, ns: &Namespace) -> bool {
        let Some(left) = self.upserts.get_mut(ns) else { return true };
        *left -= 1;
        if *left == 0 {
            self.upserts.remove(ns);
        }
        false
    }

    /// Learns from a batch: of `sent` inserts so many `met` an existing `_id`.
    pub(super) fn learn(&mut self, ns: &Namespace, sent: u64, met: u64) {
        if met * ONE_IN > sent {
            self.upserts.insert(ns.clone(), UPSERT_BATCHES);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inserts_until_too_many_met_something_then_upserts_for_a_while() {
        let (mut habits, ns) = (Habits::default(), Namespace::new("a", "b"));
        assert!(habits.inserts(&ns));
        habits.learn(&ns, 1000, 100);
        assert!(habits.inserts(&ns));
        habits.learn(&ns, 1000, 200);
        let answers: Vec<_> = (0..=UPSERT_BATCHES).map(|_| habits.inserts(&ns)).collect();
        assert_eq!(answers.iter().filter(|inserts| !**inserts).count(), UPSERT_BATCHES as usize);
        assert!(answers[UPSERT_BATCHES as usize]);
        assert!(habits.inserts(&Namespace::new("a", "c")));
    }
}
