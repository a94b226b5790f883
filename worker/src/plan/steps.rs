//! From chains, one per document, to steps in which every document occurs once.

use std::collections::{BTreeMap, HashMap, hash_map::Entry};

use super::{
    Group, Kind, NamespaceId, Options, Plan, Record, Statement, Step,
    fold::{Chain, Planned},
};

/// Plans the writes of a batch. The records of one document must be in source order; how documents mix does not matter.
#[must_use]
pub fn plan<'a>(records: &[Record<'a>], options: &Options) -> Plan<'a> {
    let mut chains: Vec<(&Record<'a>, Chain<'a>)> = Vec::new();
    let mut places = HashMap::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        let place = match places.entry((record.namespace, record.key)) {
            Entry::Occupied(entry) => *entry.get(),
            Entry::Vacant(entry) => {
                chains.push((record, Chain::new()));
                *entry.insert(chains.len() - 1)
            }
        };
        chains[place].1.push(index, record.change, options.fold);
    }
    let mut builder = Builder::default();
    for (record, chain) in chains {
        let outcome = chain.finish(options);
        builder.plan.untouched.extend(outcome.untouched);
        builder.plan.refused.extend(outcome.refused);
        for (step, write) in outcome.writes.into_iter().enumerate() {
            builder.add(step, record, write);
        }
    }
    builder.finish()
}

#[derive(Default)]
struct Builder<'a> {
    plan: Plan<'a>,
    steps: Vec<BTreeMap<(Kind, NamespaceId), Vec<Statement<'a>>>>,
}

impl<'a> Builder<'a> {
    fn add(&mut self, step: usize, record: &Record<'a>, planned: Planned<'a>) {
        if self.steps.len() == step {
            self.steps.push(BTreeMap::new());
        }
        let from = self.plan.records.len();
        self.plan.records.extend(planned.records);
        let records = from..self.plan.records.len();
        let statement = Statement { key: record.key, id: record.id, write: planned.write, records };
        self.steps[step].entry((planned.kind, record.namespace)).or_default().push(statement);
    }

    fn finish(mut self) -> Plan<'a> {
        let group = |((kind, namespace), statements)| Group { kind, namespace, statements };
        let step = |groups: BTreeMap<_, _>| Step { groups: groups.into_iter().map(group).collect() };
        self.plan.steps = self.steps.into_iter().map(step).collect();
        self.plan.untouched.sort_unstable();
        self.plan.refused.sort_unstable_by_key(|refused| refused.record);
        self.plan
    }
}
