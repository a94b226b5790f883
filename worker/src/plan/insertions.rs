//! Planning for collections that keep their documents in the order in which they came: capped ones.
//!
//! There only the order of documents that are new counts. Everything else may move, as in any other plan, and has to: a capped collection that is full
//! drops one document for each that comes, and commands of one statement each would be all that is left.
//!
//! ```text
//!   records     0 insert A   1 delete X   2 insert B   3 delete Y   4 update A
//!   in order    insert A │ delete X │ insert B │ delete Y │ update A
//!   here        delete X, Y │ insert A+4, B
//! ```

use std::collections::HashSet;

use super::{
    Change, Kind, NamespaceId, Options, Plan, Record,
    in_order::{Late, in_order},
    steps::plan,
};

/// Plans the writes of a batch whose records are in source order, so that what is new comes in that order.
#[must_use]
pub fn by_insertion<'a>(records: &[Record<'a>], options: &Options) -> Plan<'a> {
    if !comes_again(records) {
        let plan = plan(records, options);
        if is_of_one_kind(&plan) {
            return plan;
        }
    }
    in_order(records, options, &Late::new())
}

/// Whether a document is deleted and then there again: behind those that came in between.
fn comes_again(records: &[Record<'_>]) -> bool {
    let mut gone: HashSet<(NamespaceId, &[u8])> = HashSet::new();
    records.iter().any(|record| {
        let document = (record.namespace, record.key);
        match record.change {
            Change::Delete => {
                gone.insert(document);
                false
            }
            Change::Insert(_) | Change::Image(_) => gone.contains(&document),
            Change::Delta(_) => false,
        }
    })
}

/// Whether all documents that may be new stand in one group of each namespace, which keeps their order.
fn is_of_one_kind(plan: &Plan<'_>) -> bool {
    let groups = plan.steps.iter().flat_map(|step| &step.groups);
    let new = groups.filter(|group| matches!(group.kind, Kind::Insert | Kind::Upsert));
    let mut seen = HashSet::new();
    let mut namespaces = new.map(|group| group.namespace);
    namespaces.all(|namespace| seen.insert(namespace))
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;
    use crate::plan::samples::{keep, record};

    fn insert(id: i32) -> Record<'static> {
        record(id, Change::Insert(keep(&doc! {"_id": id})))
    }

    fn image(id: i32) -> Record<'static> {
        record(id, Change::Image(keep(&doc! {"_id": id})))
    }

    fn gone(id: i32) -> Record<'static> {
        record(id, Change::Delete)
    }

    /// Kind and records of each group.
    fn groups(records: &[Record<'static>]) -> Vec<(Kind, Vec<usize>)> {
        let plan = by_insertion(records, &Options::default());
        let groups = plan.steps.iter().flat_map(|step| &step.groups);
        let records = groups.map(|group| {
            let records = group.statements.iter().flat_map(|statement| plan.records(statement));
            (group.kind, records.copied().collect())
        });
        records.collect()
    }

    #[test]
    fn what_a_full_collection_drops_shares_a_command() {
        let records = [insert(7), gone(1), insert(5), gone(2), insert(6), gone(3)];
        let wanted = [(Kind::Delete, vec![1, 3, 5]), (Kind::Insert, vec![0, 2, 4])];
        assert_eq!(groups(&records), wanted);
    }

    #[test]
    fn a_document_that_comes_again_comes_behind_those_in_between() {
        let records = [insert(1), insert(2), gone(1), insert(3), insert(1)];
        let wanted = [(Kind::Insert, vec![0, 1]), (Kind::Delete, vec![2]), (Kind::Insert, vec![3, 4])];
        assert_eq!(groups(&records), wanted);
    }

    #[test]
    fn documents_that_are_written_in_two_ways_keep_their_places() {
        let records = [insert(1), image(2), gone(9), insert(3)];
        let wanted = [
            (Kind::Insert, vec![0]),
            (Kind::Upsert, vec![1]),
            (Kind::Delete, vec![2]),
            (Kind::Insert, vec![3]),
        ];
        assert_eq!(groups(&records), wanted);
    }
}
