//! Planning in the order of the records, for namespaces whose unique indexes make the order between documents count.
//!
//! ```text
//!   records      value        steps
//!   0 delta  A   x ▸ z        update  A ⟨0⟩, B ⟨1⟩, A ⟨2⟩      one after the other, as at the source:
//!   1 delta  B   y ▸ x        delete  C ⟨3⟩                    a value is free when it is taken
//!   2 delta  A   z ▸ y        insert  D ⟨4⟩
//!   3 delete C   v
//!   4 insert D   v
//! ```
//!
//! Every state in between is one that the source had, so no unique index can be in the way, if the target's collection stood as the
//! source's before. Where it did not, because it was ahead in some documents, a value may look taken that another document has by what
//! comes later. The document that is refused it will give it up itself before that: its changes are then folded and written at the end
//! (*late*), so that it never has to hold it.

use std::collections::{HashMap, HashSet};

use super::{
    Group, Kind, NamespaceId, Options, Plan, Record, Statement, Step,
    fold::{Chain, Outcome, Planned},
};

/// Documents that are written last, by namespace and key.
pub type Late = HashSet<(NamespaceId, Vec<u8>)>;

/// Plans the writes of a batch whose records are in source order.
#[must_use]
pub fn in_order<'a>(records: &[Record<'a>], options: &Options, late: &Late) -> Plan<'a> {
    let mut runs = Runs::default();
    let mut chains: Vec<Option<(&Record<'a>, Chain<'a>)>> = Vec::new();
    let mut places: HashMap<(NamespaceId, &[u8]), usize> = HashMap::new();
    for (index, record) in records.iter().enumerate() {
        if late.is_empty() || !late.contains(&(record.namespace, record.key.to_vec())) {
            let mut chain = Chain::new();
            chain.push(index, record.change, false);
            runs.add(record, chain.finish(options));
            continue;
        }
        // By the last of its records: what frees a value for another one comes first.
        let before = places.insert((record.namespace, record.key), chains.len());
        let before = before.and_then(|place| chains[place].take());
        let mut chain = before.map_or_else(Chain::new, |(_, chain)| chain);
        chain.push(index, record.change, true);
        chains.push(Some((record, chain)));
    }
    for (record, chain) in chains.into_iter().flatten() {
        runs.add(record, chain.finish(options));
    }
    runs.finish()
}

/// Statements on their way into runs of one kind and namespace.
#[derive(Default)]
struct Runs<'a> {
    plan: Plan<'a>,
    /// Documents of the last run.
    keys: HashSet<&'a [u8]>,
}

impl<'a> Runs<'a> {
    fn add(&mut self, record: &Record<'a>, outcome: Outcome<'a>) {
        self.plan.untouched.extend(outcome.untouched);
        self.plan.refused.extend(outcome.refused);
        outcome.writes.into_iter().for_each(|planned| self.write(record, planned));
    }

    fn write(&mut self, record: &Record<'a>, planned: Planned<'a>) {
        let from = self.plan.records.len();
        self.plan.records.extend(planned.records);
        let records = from..self.plan.records.len();
        let statement = Statement { key: record.key, id: record.id, write: planned.write, records };
        let (kind, namespace) = (planned.kind, record.namespace);
        let is_new = self.keys.insert(record.key);
        // The server takes several updates of one document in their order; the others are one each.
        let may_repeat = matches!(kind, Kind::Update | Kind::Upsert | Kind::Replace);
        let last = self.plan.steps.last_mut().and_then(|step| step.groups.last_mut());
        match last.filter(|last| (last.kind, last.namespace) == (kind, namespace) && (is_new || may_repeat)) {
            Some(run) => run.statements.push(statement),
            None => {
                self.keys = HashSet::from([record.key]);
                let group = Group { kind, namespace, statements: vec![statement] };
                self.plan.steps.push(Step { groups: vec![group] });
            }
        }
    }

    fn finish(mut self) -> Plan<'a> {
        self.plan.untouched.sort_unstable();
        self.plan.refused.sort_unstable_by_key(|refused| refused.record);
        self.plan
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;
    use common::raw::Document;

    use super::*;
    use crate::plan::{
        Change,
        samples::{keep, record},
    };

    fn delta(id: i32, seat: i32) -> Record<'static> {
        let delta = common::event::UpdateDescription {
            updated_fields: keep(&doc! {"seat": seat}),
            removed_fields: Document::EMPTY,
            truncated_arrays: Document::EMPTY,
            is_diff: true,
            disambiguated_paths: None,
        };
        record(id, Change::Delta(delta))
    }

    fn insert(id: i32) -> Record<'static> {
        record(id, Change::Insert(keep(&doc! {"_id": id})))
    }

    /// Kind and records of each run.
    fn runs(plan: &Plan<'_>) -> Vec<(Kind, Vec<Vec<usize>>)> {
        let groups = plan.steps.iter().flat_map(|step| &step.groups);
        let records = |group: &Group<'_>| group.statements.iter().map(|s| plan.records(s).to_vec()).collect();
        groups.map(|group| (group.kind, records(group))).collect()
    }

    #[test]
    fn every_record_keeps_its_place_and_like_ones_share_a_command() {
        let gone = |id| record(id, Change::Delete);
        let records = [delta(1, 9), delta(2, 1), delta(1, 2), gone(3), gone(4), insert(3), insert(5)];
        let plan = in_order(&records, &Options::default(), &Late::new());
        let wanted = [
            (Kind::Update, vec![vec![0], vec![1], vec![2]]),
            (Kind::Delete, vec![vec![3], vec![4]]),
            (Kind::Insert, vec![vec![5], vec![6]]),
        ];
        assert_eq!(runs(&plan), wanted);
    }

    #[test]
    fn late_documents_are_folded_and_come_last_by_their_last_records() {
        let records = [insert(1), insert(2), delta(1, 5), delta(3, 1), delta(2, 7), delta(1, 8)];
        let key = |record: &Record<'_>| (record.namespace, record.key.to_vec());
        let late = Late::from([key(&records[0]), key(&records[1])]);
        let plan = in_order(&records, &Options::default(), &late);
        let wanted = [(Kind::Update, vec![vec![3]]), (Kind::Insert, vec![vec![1, 4], vec![0, 2, 5]])];
        assert_eq!(runs(&plan), wanted);
    }
}
