//! The law: carrying out the plan is carrying out the records one by one. The target is a model that reads the commands
//! as a server does.

use std::collections::{BTreeMap, BTreeSet};

use bson::{Bson, Document, Timestamp, doc};
use common::raw;
use proptest::prelude::*;

use super::{
    Change, Kind, Limits, NamespaceId, Options, Plan, Record, Way, Write, by_insertion, commands,
    delta::model::{self, Edit, Names},
    in_order, plan, rewrite,
};
use shape::path::SetOrder;

type Key = (u32, i32);

/// One collection per namespace, documents by `_id`.
#[derive(Debug, Clone, Default, PartialEq)]
struct Target {
    documents: BTreeMap<Key, Document>,
}

impl Target {
    /// Carries out one command, in the order of its statements or against it.
    fn run(&mut self, namespace: u32, body: &[u8], backwards: bool) {
        let body = Document::from_reader(body).unwrap();
        assert!(!(backwards && body.get_bool("ordered").unwrap()));
        let (command, _) = body.iter().next().unwrap();
        let list =
            ["documents", "updates", "deletes"].iter().find_map(|name| body.get_array(name).ok()).unwrap();
        let mut statements: Vec<_> = list.iter().map(|statement| statement.as_document().unwrap()).collect();
        if backwards {
            statements.reverse();
        }
        for statement in statements {
            match command.as_str() {
                "insert" => self.insert(namespace, statement),
                "update" => self.update(namespace, statement),
                _ => self.delete(namespace, statement),
            }
        }
    }

    fn insert(&mut self, namespace: u32, document: &Document) {
        let key = (namespace, document.get_i32("_id").expect("a server would make one up"));
        assert!(self.documents.insert(key, filled_in(document)).is_none(), "duplicate key");
    }

    fn update(&mut self, namespace: u32, statement: &Document) {
        let key = (namespace, statement.get_document("q").unwrap().get_i32("_id").unwrap());
        let upsert = statement.get_bool("upsert").unwrap_or(false);
        let old = self.documents.get(&key);
        if old.is_none() && !upsert {
            return;
        }
        let new = match &statement["u"] {
            Bson::Array(pipeline) => {
                let stage = pipeline[0].as_document().unwrap().get_document("$replaceWith").unwrap();
                stage.get_document("$literal").unwrap().clone()
            }
            Bson::Document(u) if u.keys().next().unwrap().starts_with('$') => {
                let mut document = old.expect("operators do not upsert").clone();
                model::update(&mut document, u, SetOrder::Numeric);
                document
            }
            Bson::Document(u) => {
                assert!(!u.keys().any(|name| name.starts_with('$')), "code 52");
                filled_in(u)
            }
            _ => panic!("no update"),
        };
        self.documents.insert(key, new);
    }

    fn delete(&mut self, namespace: u32, statement: &Document) {
        assert_eq!(statement.get_i32("limit").unwrap(), 0);
        let ids = statement.get_document("q").unwrap().get_document("_id").unwrap().get_array("$in").unwrap();
        for id in ids {
            self.documents.remove(&(namespace, id.as_i32().unwrap()));
        }
    }

    fn carry_out(&mut self, plan: Plan<'_>, backwards: bool, way: Way) {
        for mut step in plan.steps {
            if backwards {
                step.groups.reverse();
            }
            for group in step.groups {
                let namespace = group.namespace.0;
                let group = if group.kind == Kind::OnDocument { self.rewritten(group) } else { group };
                for command in commands("c", &group, Limits { statements: 3, bytes: 400 }, way) {
                    self.run(namespace, &command.body, backwards);
                }
            }
        }
    }

    fn rewritten<'a>(&self, group: super::Group<'a>) -> super::Group<'a> {
        let namespace = group.namespace.0;
        let found: BTreeMap<Vec<u8>, Vec<u8>> = self
            .documents
            .iter()
            .filter(|((of, _), _)| *of == namespace)
            .map(|((_, id), document)| (id.to_le_bytes().to_vec(), document.to_vec().unwrap()))
            .collect();
        let base = |key: &[u8]| found.get(key).map(|bytes| raw::Document::new(bytes).unwrap());
        let rewritten = rewrite(group, base);
        assert!(rewritten.repairs.iter().all(|repair| repair.why.is_none()), "{:?}", rewritten.repairs);
        rewritten.group
    }
}

/// What a server stores of a document that is inserted or replaces another.
fn filled_in(document: &Document) -> Document {
    let now = |(name, value): (&String, &Bson)| match value {
        Bson::Timestamp(Timestamp { time: 0, increment: 0 }) if name != "_id" => (name.clone(), "now".into()),
        _ => (name.clone(), value.clone()),
    };
    document.iter().map(now).collect()
}

/// What a client did at the source.
#[derive(Debug, Clone)]
enum Step {
    Put(Document),
    Edit(Vec<Edit>),
    Delete,
}

/// A record's bytes.
#[derive(Debug)]
enum Recorded {
    Insert(Vec<u8>),
    Image(Vec<u8>),
    Delta(Vec<u8>),
    Delete,
}

fn history(names: Names) -> impl Strategy<Value = Vec<(u32, i32, Step)>> {
    let step = prop_oneof![
        2 => model::document(names).prop_map(Step::Put),
        5 => model::edits(names).prop_map(Step::Edit),
        1 => Just(Step::Delete),
    ];
    proptest::collection::vec((0..2u32, 0..4i32, step), 0..24)
}

/// Lives through the history; the records of what changed something, and the end.
fn live(
    mut target: Target,
    history: &[(u32, i32, Step)],
    stated: bool,
) -> Option<(Vec<(Key, Recorded)>, Target)> {
    let mut records = Vec::new();
    for (namespace, id, step) in history {
        let key = (*namespace, *id);
        let old = target.documents.get(&key).cloned();
        let recorded = match (step, old) {
            (Step::Put(document), old) => {
                let mut document = document.clone();
                document.insert("_id", id);
                let bytes = document.to_vec().unwrap();
                target.documents.insert(key, document);
                if old.is_none() { Recorded::Insert(bytes) } else { Recorded::Image(bytes) }
            }
            (Step::Edit(edits), Some(old)) => {
                let new = model::edited(&old, edits);
                if model::twins(&old, &new) {
                    return None;
                }
                let event = model::event(&old, &new, stated);
                target.documents.insert(key, new);
                Recorded::Delta(event)
            }
            // A delta to a document that is not there finds nothing.
            (Step::Edit(_), None) => Recorded::Delta(model::event(&doc! {}, &doc! {"a": 1}, stated)),
            (Step::Delete, _) => {
                target.documents.remove(&key);
                Recorded::Delete
            }
        };
        records.push((key, recorded));
    }
    Some((records, target))
}

fn as_records<'a>(records: &'a [(Key, Recorded)], ids: &'a [(Key, Vec<u8>, [u8; 4])]) -> Vec<Record<'a>> {
    let record = |(place, (key, recorded)): (usize, &'a (Key, Recorded))| {
        let document = |bytes: &'a Vec<u8>| raw::Document::new(bytes).unwrap();
        Record {
            namespace: NamespaceId(key.0),
            key: &ids[place].2,
            id: document(&ids[place].1).get("_id").unwrap().unwrap(),
            change: match recorded {
                Recorded::Insert(bytes) => Change::Insert(document(bytes)),
                Recorded::Image(bytes) => Change::Image(document(bytes)),
                Recorded::Delta(event) => Change::Delta(model::description(event)),
                Recorded::Delete => Change::Delete,
            },
        }
    };
    records.iter().enumerate().map(record).collect()
}

/// Every record is behind one statement that completes it, or untouched; no document occurs twice in a step that `is_free` of an order.
fn is_whole(plan: &Plan<'_>, records: usize, is_free: bool) -> Result<(), TestCaseError> {
    let mut seen: Vec<usize> = plan.untouched.clone();
    for step in &plan.steps {
        let mut documents = BTreeSet::new();
        for group in &step.groups {
            for statement in &group.statements {
                prop_assert!(documents.insert((group.namespace, statement.key)) || !is_free);
                if !matches!(statement.write, Write::Operators { completes: false, .. }) {
                    seen.extend(plan.records(statement));
                }
            }
        }
    }
    seen.sort_unstable();
    prop_assert_eq!(seen, (0..records).collect::<Vec<_>>());
    prop_assert!(plan.refused.is_empty());
    Ok(())
}

fn the_law_holds(
    start: &[(u32, i32, Document)],
    history: &[(u32, i32, Step)],
    stated: bool,
    fold: bool,
) -> Result<(), TestCaseError> {
    let mut target = Target::default();
    for (namespace, id, document) in start {
        let mut document = document.clone();
        document.insert("_id", id);
        target.documents.insert((*namespace, *id), document);
    }
    let Some((records, end)) = live(target.clone(), history, stated) else { return Ok(()) };
    let ids: Vec<_> = records
        .iter()
        .map(|(key, _)| (*key, doc! {"_id": key.1}.to_vec().unwrap(), key.1.to_le_bytes()))
        .collect();
    for backwards in [false, true] {
        let plan = plan(&as_records(&records, &ids), &Options { fold, ..Options::default() });
        is_whole(&plan, records.len(), true)?;
        let mut target = target.clone();
        target.carry_out(plan, backwards, Way::Each);
        prop_assert_eq!(&target, &end);
    }
    // In the records' order, some documents late or none.
    for late in [[].as_slice(), &[0], &[1, 2]] {
        let late = late.iter().map(|id: &i32| (NamespaceId(0), id.to_le_bytes().to_vec())).collect();
        let plan = in_order(&as_records(&records, &ids), &Options { fold, ..Options::default() }, &late);
        is_whole(&plan, records.len(), false)?;
        let mut target = target.clone();
        target.carry_out(plan, false, Way::Within);
        prop_assert_eq!(&target, &end);
    }
    // Only what is new in the records' order.
    let plan = by_insertion(&as_records(&records, &ids), &Options { fold, ..Options::default() });
    is_whole(&plan, records.len(), false)?;
    let mut target = target;
    target.carry_out(plan, false, Way::InOrder);
    prop_assert_eq!(&target, &end);
    Ok(())
}

fn start(names: Names) -> impl Strategy<Value = Vec<(u32, i32, Document)>> {
    proptest::collection::vec((0..2u32, 0..4i32, model::document(names)), 0..6)
}

proptest! {
    #![proptest_config(model::cases(256))]

    #[test]
    fn the_plan_does_what_the_records_do(
        start in start(Names::Plain), history in history(Names::Plain), stated in any::<bool>(), fold in any::<bool>(),
    ) {
        the_law_holds(&start, &history, stated, fold)?;
    }

    #[test]
    fn the_plan_does_what_the_records_do_with_odd_names(
        start in start(Names::Odd), history in history(Names::Odd), fold in any::<bool>(),
    ) {
        the_law_holds(&start, &history, true, fold)?;
    }
}
