//! Which documents the records are about that cannot be understood.
//!
//! Pure. The value is of no use, but key and headers may still tell: then the document is marked, and its deltas follow the record into the
//! dead letters instead of being applied to a document that lacks a change. Foreign records have neither, and mark nothing.

use std::ops::Range;

use common::{
    codec,
    raw::{Document, Element},
};

use super::open::Place;
use crate::{consume::intake::Taken, dead_letter::Reason, decode};

/// Keys that were read, as BSON.
#[derive(Debug, Default)]
pub(super) struct Keys {
    arena: Vec<u8>,
    keys: Vec<(Place, Range<usize>)>,
}

/// A refused record whose document is known.
#[derive(Debug, Clone, Copy)]
pub(super) struct Poisoned<'p> {
    pub(super) place: Place,
    pub(super) db: &'p str,
    pub(super) coll: &'p str,
    pub(super) id: Element<'p>,
    pub(super) reason: &'p Reason,
}

impl Keys {
    /// Reads the keys of refused records.
    pub(super) fn of(taken: &[Taken], refused: &[(Place, Reason)]) -> Self {
        let mut keys = Self::default();
        for (place, reason) in refused {
            // What is refused for where it wants to be written stands nowhere.
            if reason.kind != "poison" {
                continue;
            }
            let Some(key) = taken[place.lane].records[place.record].key() else { continue };
            let from = keys.arena.len();
            // A key without an exact text is the document itself.
            if codec::decode::document(key, &mut keys.arena).is_err() {
                keys.arena.truncate(from);
                keys.arena.extend_from_slice(key);
            }
            keys.keys.push((*place, from..keys.arena.len()));
        }
        keys
    }

    /// The records whose documents they tell.
    pub(super) fn documents<'p>(
        &'p self,
        taken: &'p [Taken],
        refused: &'p [(Place, Reason)],
    ) -> Vec<Poisoned<'p>> {
        let mut refused = refused.iter();
        let document = |(place, key): &(Place, Range<usize>)| {
            let (_, reason) = refused.find(|(refused, _)| refused == place)?;
            let headers = decode::headers(&taken[place.lane].records[place.record]).ok()?;
            let (db, coll) = headers.ns?.split_once('.')?;
            let id = Document::new(&self.arena[key.clone()]).ok()?.get("_id").ok()??;
            Some(Poisoned { place: *place, db, coll, id, reason })
        };
        self.keys.iter().filter_map(document).collect()
    }
}
