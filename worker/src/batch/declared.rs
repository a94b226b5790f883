//! What declared schemas make of a batch's changes: the last step before they are planned.
//!
//! Pure but for the telling. A change that is refused becomes a dead letter of the kind `drift`; where the policy says `stop`, its lane is cut before
//! the record. What was done is counted once the batch is carried out.

use common::{
    error::{Error, Kind},
    namespace::Namespace,
    raw::{Document, Writer},
    telemetry::names,
};
use metrics::counter;
use shape::{
    Unclear,
    declared::{Declared, Deed, Drift, Judged, JudgedDelta, Tally},
};

use super::{
    left::Left,
    open::{Notes, Place},
};
use crate::{consume::intake::Taken, dead_letter::Reason, plan::NamespaceId};

/// What was done about departures in a batch.
#[derive(Debug, Default)]
pub(super) struct Departures {
    done: Vec<(Place, NamespaceId, Tally)>,
    /// Records before which the worker stops, in the order of the batch.
    stops: Vec<(Place, Error)>,
}

/// A change on its way through a declared schema.
pub(super) struct Judging<'j, 's> {
    pub(super) declared: &'s Declared,
    pub(super) ns: &'j Namespace,
    pub(super) number: NamespaceId,
    pub(super) place: Place,
}

impl Departures {
    /// Judges what the field rules have left of a change; documents lie in the arena.
    ///
    /// # Errors
    /// It cannot be read.
    pub(super) fn judge<'a>(
        &mut self,
        judging: &Judging<'_, '_>,
        left: Left<'a>,
        arena: &mut Vec<u8>,
        writer: &mut Writer,
    ) -> Result<Option<Left<'a>>, Unclear> {
        writer.clear();
        let judged = match &left {
            Left::Whole(document) => judging.declared.document(*document, writer)?,
            Left::Shaped(range) => {
                let document = Document::new(&arena[range.clone()])?;
                judging.declared.document(document, writer)?
            }
            Left::Delta(delta) => {
                let judged = judging.declared.delta(&delta.view())?;
                return Ok(self.delta(judging, judged, left));
            }
            Left::WholeDelta(delta) => {
                let judged = judging.declared.delta(delta)?;
                return Ok(self.delta(judging, judged, left));
            }
            Left::Delete | Left::Asks(_) | Left::Unclear(_) => return Ok(Some(left)),
        };
        Ok(Some(match judged {
            Judged::Same => left,
            Judged::Changed(tally) => {
                self.done.push((judging.place, judging.number, tally));
                let from = arena.len();
                arena.extend_from_slice(writer.as_bytes());
                Left::Shaped(from..arena.len())
            }
            Judged::Refused(drift, tally) => self.refuse(judging, &drift, tally),
        }))
    }

    fn delta<'a>(
        &mut self,
        judging: &Judging<'_, '_>,
        judged: JudgedDelta,
        left: Left<'a>,
    ) -> Option<Left<'a>> {
        match judged {
            JudgedDelta::Same => Some(left),
            JudgedDelta::Changed(delta, tally) => {
                self.done.push((judging.place, judging.number, tally));
                Some(Left::Delta(delta))
            }
            JudgedDelta::Nothing(tally) => {
                self.done.push((judging.place, judging.number, tally));
                None
            }
            JudgedDelta::Refused(drift, tally) => Some(self.refuse(judging, &drift, tally)),
        }
    }

    fn refuse<'a>(&mut self, judging: &Judging<'_, '_>, drift: &Drift, tally: Tally) -> Left<'a> {
        let Judging { declared, ns, number, place } = judging;
        self.done.push((*place, *number, tally));
        let (at, policy) = (declared.at(), drift.sort.word());
        if drift.deed == Deed::Stop {
            let context = format!(
                "{ns}: {drift}, and {at}.{policy} says `stop`. Change the declared schema or the policy, then start the worker again; it goes on here"
            );
            self.stops.push((*place, Error::new(Kind::Misconfigured, context)));
        }
        Left::Unclear(Reason { kind: "drift", text: format!("{policy}: {drift} ({at})") })
    }

    /// Cuts the lanes before the records at which the worker stops.
    pub(super) fn stop(&mut self, notes: &mut Notes, taken: &[Taken]) {
        for (place, error) in std::mem::take(&mut self.stops) {
            if place.record < notes.ends[place.lane] {
                notes.cut_earlier(place, error, taken);
            }
        }
    }

    /// Counts what was done about the records that were carried out; a record before which the worker stops is none of them.
    pub(super) fn tell(&self, names: &[Namespace], is_done: impl Fn(Place) -> bool) {
        for (_, number, tally) in self.done.iter().filter(|(place, ..)| is_done(*place)) {
            let ns = &names[number.0 as usize];
            for (sort, deed, count) in tally.iter() {
                let (kind, policy) = (sort.word(), deed.word());
                counter!(names::WORKER_SCHEMA_DEEDS, "ns" => ns.to_string(), "kind" => kind, "policy" => policy)
                    .increment(count);
            }
        }
    }
}
