//! What declared schemas make of a batch's changes: the last step before they are planned.
//!
//! Pure but for the telling. A change that is refused becomes a dead letter of the kind `drift`; where the policy says `stop`, its lane is cut before
//! the record. What was done is counted once the batch is carried out.
//!
//! An update whose document a filter may keep away is not refused before the document has come: perhaps nobody wants it.

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
    /// Whether its document may be one that a filter keeps away.
    pub(super) is_kept: bool,
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
        let Judging { declared, ns, number, place, is_kept } = judging;
        let (at, policy) = (declared.at(), drift.sort.word());
        let reason = Reason { kind: "drift", text: format!("{policy}: {drift} ({at})") };
        if *is_kept {
            return Left::Asks(reason);
        }
        self.done.push((*place, *number, tally));
        if drift.deed == Deed::Stop {
            let context = format!(
                "{ns}: {drift}, and {at}.{policy} says `stop`. Change the declared schema or the policy, then start the worker again; it goes on here"
            );
            self.stops.push((*place, Error::new(Kind::Misconfigured, context)));
        }
        Left::Unclear(reason)
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

#[cfg(test)]
mod tests {
    use bson::{Document, doc};
    use common::{config::Config, event::ChangeEvent, raw};
    use shape::{Rules, declared::Schemas};

    use super::super::{
        open::{Event, Place},
        shaped::{Names, Ways, shape},
    };
    use crate::targets::Targets;

    /// What becomes of an event where only documents with `n` beyond 5 are carried, and an unknown field is a reason to refuse or to stop: whether its
    /// document is asked for, it is refused, the worker stops.
    fn judged(event: &Document, policy: &str) -> (bool, bool, bool) {
        let declared = serde_json::json!({"properties": {"_id": {}, "n": {"bsonType": "int"}, "x": {}}});
        let config = serde_json::json!({
            "pipeline": "p", "kafka": {"brokers": "k:1"},
            "rules": [{"namespace": "d.c", "filter": "{\"n\": {\"$gt\": 5}}"}],
            "schemas": [{"namespace": "d.c", "declared": declared, "new_field": policy}],
        });
        let config: Config = serde_json::from_value(config).unwrap();
        let (rules, schemas) = (Rules::compile(&config.rules, None), Schemas::compile(&config.schemas));
        let (rules, schemas, targets) = (rules.unwrap(), schemas.unwrap(), Targets::new(&config));
        let bytes = event.to_vec().unwrap();
        let change = ChangeEvent::parse(raw::Document::new(&bytes).unwrap()).unwrap();
        let events = [Event { place: Place { lane: 0, record: 0 }, change, ruled: None }];
        let names = Names::of(&events, Ways { rules: &rules, schemas: &schemas, targets: &targets }).unwrap();
        let shaped = shape(&events, &names);
        let stops = !shaped.departures.stops.is_empty();
        let is_counted = !shaped.departures.done.is_empty();
        let is_refused = shaped.entries().any(|shape| shape.change.is_err());
        assert_eq!(is_counted, is_refused, "what is asked for is judged again");
        (shaped.asks().count() > 0, is_refused, stops)
    }

    #[test]
    fn an_update_is_not_refused_before_the_filter_can_tell_whether_its_document_is_wanted() {
        let event = |operation: &str, more: Document| {
            let mut event = doc! {
                "_id": {}, "operationType": operation, "ns": {"db": "d", "coll": "c"}, "documentKey": {"_id": 1},
            };
            event.extend(more);
            event
        };
        let update = |updated: Document| {
            let delta = doc! {"updatedFields": updated, "removedFields": [], "truncatedArrays": []};
            event("update", doc! {"updateDescription": delta})
        };
        for (policy, stops) in [("quarantine", false), ("stop", true)] {
            assert_eq!(judged(&update(doc! {"sex": 1}), policy), (true, false, false));
            assert_eq!(judged(&update(doc! {"x": 1}), policy), (false, false, false));
            let out = event("insert", doc! {"fullDocument": {"_id": 1, "n": 1, "sex": 1}});
            assert_eq!(judged(&out, policy), (false, false, false));
            let carried = event("insert", doc! {"fullDocument": {"_id": 1, "n": 9, "sex": 1}});
            assert_eq!(judged(&carried, policy), (false, true, stops));
        }
    }
}
