//! A second, slow telling of what updates do, over decoded documents, to test the fast one against: the server's diff,
//! its update operators, and random documents with random edits.

use bson::{Array, Bson, Document, doc};
use common::event::{ChangeEvent, UpdateDescription};
use proptest::prelude::*;

use shape::path::{self, SetOrder};

/// How odd the names of a random document may be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Names {
    /// Letters and numbers.
    Plain,
    /// Dots, dollars and nothing at all, too.
    Odd,
}

/// One edit: where (choices taken modulo what there is) and what.
#[derive(Debug, Clone)]
pub(crate) struct Edit {
    way: Vec<u8>,
    name: String,
    action: Action,
}

#[derive(Debug, Clone)]
enum Action {
    Set(Bson),
    Remove,
    Cut(u8),
    Push(Vec<Bson>),
    Pad(u8, Bson),
}

/// At least so many cases; more where `PROPTEST_CASES` asks for more.
pub(crate) fn cases(least: u32) -> ProptestConfig {
    let config = ProptestConfig::default();
    ProptestConfig { cases: config.cases.max(least), ..config }
}

pub(crate) fn name(names: Names) -> impl Strategy<Value = String> + Clone {
    let plain = ["a", "b", "c", "0", "1", "9", "10", "01"];
    let odd = ["a", "b", "c", "0", "1", "10", "a.b", "b.0", "", "$x", "a.", "x.y.z"];
    let names = if names == Names::Plain { &plain[..] } else { &odd[..] };
    proptest::sample::select(names.to_vec()).prop_map(str::to_owned)
}

pub(crate) fn value(names: Names) -> impl Strategy<Value = Bson> + Clone {
    let leaf = prop_oneof![
        any::<i8>().prop_map(|v| Bson::Int32(v.into())),
        Just(Bson::Null),
        "[x-z]{0,3}".prop_map(Bson::String),
        Just(Bson::Double(-0.0)),
        Just(Bson::Timestamp(bson::Timestamp { time: 0, increment: 0 })),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            1 => proptest::collection::vec((name(names), inner.clone()), 0..4)
                .prop_map(|fields| Bson::Document(fields.into_iter().collect())),
            1 => proptest::collection::vec(inner, 0..5).prop_map(Bson::Array),
        ]
    })
}

/// A document with `_id` first.
pub(crate) fn document(names: Names) -> impl Strategy<Value = Document> + Clone {
    proptest::collection::vec((name(names), value(names)), 0..5).prop_map(|fields| {
        let mut document = doc! {"_id": 1};
        document.extend(fields);
        document
    })
}

pub(crate) fn edits(names: Names) -> impl Strategy<Value = Vec<Edit>> + Clone {
    let action = prop_oneof![
        4 => value(names).prop_map(Action::Set),
        2 => Just(Action::Remove),
        1 => (0..4u8).prop_map(Action::Cut),
        1 => proptest::collection::vec(value(names), 1..3).prop_map(Action::Push),
        1 => (0..3u8, value(names)).prop_map(|(gap, value)| Action::Pad(gap, value)),
    ];
    let edit = (proptest::collection::vec(any::<u8>(), 0..4), name(names), action);
    proptest::collection::vec(edit.prop_map(|(way, name, action)| Edit { way, name, action }), 1..5)
}

/// The document after the edits, no field moved.
pub(crate) fn edited(pre: &Document, edits: &[Edit]) -> Document {
    let mut post = Bson::Document(pre.clone());
    edits.iter().for_each(|edit| edit.apply(&mut post, 0));
    let Bson::Document(post) = settled(&Bson::Document(pre.clone()), &post) else { unreachable!() };
    post
}

impl Edit {
    fn apply(&self, value: &mut Bson, depth: usize) {
        let choice = self.way.get(depth).copied().map(usize::from);
        match value {
            Bson::Document(document) => {
                let keys: Vec<String> = document.keys().filter(|key| *key != "_id").cloned().collect();
                match choice.filter(|_| !keys.is_empty()).map(|choice| &keys[choice % keys.len()]) {
                    Some(key) if matches!(document[key], Bson::Document(_) | Bson::Array(_)) => {
                        self.apply(document.get_mut(key).unwrap(), depth + 1);
                    }
                    Some(key) => self.on_field(document, key),
                    None => self.on_field(document, &self.name),
                }
            }
            Bson::Array(array) => match choice.filter(|_| !array.is_empty()) {
                Some(choice) => {
                    let at = choice % array.len();
                    if matches!(array[at], Bson::Document(_) | Bson::Array(_)) {
                        self.apply(&mut array[at], depth + 1);
                    } else if let Action::Set(value) = &self.action {
                        array[at] = value.clone();
                    }
                }
                None => self.on_array(array),
            },
            _ => {}
        }
    }

    fn on_field(&self, document: &mut Document, key: &str) {
        match &self.action {
            Action::Set(value) => drop(document.insert(key, value.clone())),
            Action::Remove => drop(document.remove(key)),
            _ => {}
        }
    }

    fn on_array(&self, array: &mut Array) {
        match &self.action {
            Action::Cut(len) => array.truncate((*len).into()),
            Action::Push(values) => array.extend(values.iter().cloned()),
            Action::Pad(gap, value) => {
                array.extend(std::iter::repeat_n(Bson::Null, (*gap).into()));
                array.push(value.clone());
            }
            _ => {}
        }
    }
}

/// `post` with the fields that `pre` has in the order in which `pre` has them.
fn settled(pre: &Bson, post: &Bson) -> Bson {
    match (pre, post) {
        (Bson::Document(pre), Bson::Document(post)) => {
            let kept = pre.iter().filter_map(|(k, v)| Some((k.clone(), settled(v, post.get(k)?))));
            let new = post.iter().filter(|(k, _)| !pre.contains_key(k)).map(|(k, v)| (k.clone(), v.clone()));
            Bson::Document(kept.chain(new).collect())
        }
        (Bson::Array(pre), Bson::Array(post)) => {
            let settle =
                |(at, value)| pre.get(at).map_or_else(|| Bson::clone(value), |old| settled(old, value));
            Bson::Array(post.iter().enumerate().map(settle).collect())
        }
        _ => post.clone(),
    }
}

/// A change event of the delta between two documents, as the server flattens it, with `disambiguatedPaths` as from 6.1 on.
pub(crate) fn event(pre: &Document, post: &Document, disambiguated: bool) -> Vec<u8> {
    let mut diff = Diff::default();
    diff.documents(pre, post, &[]);
    let mut description = doc! {
        "updatedFields": diff.updated, "removedFields": diff.removed, "truncatedArrays": diff.truncated,
    };
    if disambiguated {
        description.insert("disambiguatedPaths", diff.paths);
    }
    event_of(&description)
}

/// An event of an update that was logged as a diff.
pub(crate) fn diff_event(description: &Document) -> Vec<u8> {
    let mut description = description.clone();
    description.entry("truncatedArrays".to_owned()).or_insert_with(|| Bson::Array(Vec::new()));
    event_of(&description)
}

/// An event; without `truncatedArrays` of an update that was logged as operators, as 4.4 does.
pub(crate) fn event_of(description: &Document) -> Vec<u8> {
    doc! {"_id": {}, "operationType": "update", "updateDescription": description}.to_vec().unwrap()
}

pub(crate) fn description(event: &[u8]) -> UpdateDescription<'_> {
    let event = common::raw::Document::new(event).unwrap();
    ChangeEvent::parse(event).unwrap().update_description.unwrap()
}

#[derive(Default)]
struct Diff {
    updated: Document,
    removed: Array,
    truncated: Array,
    paths: Document,
    /// Every updated path, also where two have one text.
    all: Vec<String>,
}

impl Diff {
    fn documents(&mut self, pre: &Document, post: &Document, at: &[Bson]) {
        let both = |k: &String, v: &Bson| pre.get(k).filter(|old| *old != v).cloned();
        for (key, value) in post {
            if both(key, value).is_some_and(|old| !same_container(&old, value)) {
                self.set(at, key.into(), value);
            }
        }
        for (key, value) in post.iter().filter(|(key, _)| !pre.contains_key(key)) {
            self.set(at, key.into(), value);
        }
        for key in pre.keys().filter(|key| !post.contains_key(key)) {
            let path = self.path(at, key.into());
            self.removed.push(path.into());
        }
        for (key, value) in post {
            if let Some(old) = both(key, value).filter(|old| same_container(old, value)) {
                self.containers(&old, value, &extended(at, key.into()));
            }
        }
    }

    fn arrays(&mut self, pre: &Array, post: &Array, at: &[Bson]) {
        if post.len() < pre.len() {
            let (last, parents) = at.split_last().unwrap();
            let path = self.path(parents, last.clone());
            self.truncated.push(doc! {"field": path, "newSize": i32::try_from(post.len()).unwrap()}.into());
        }
        for (index, value) in post.iter().enumerate() {
            let component = Bson::Int32(index.try_into().unwrap());
            match pre.get(index) {
                Some(old) if old == value => {}
                Some(old) if same_container(old, value) => {
                    self.containers(old, value, &extended(at, component));
                }
                // What `$set` beyond the end reports: the value, not the padding.
                None if *value == Bson::Null && index + 1 < post.len() => {}
                _ => self.set(at, component, value),
            }
        }
    }

    fn containers(&mut self, pre: &Bson, post: &Bson, at: &[Bson]) {
        match (pre, post) {
            (Bson::Document(pre), Bson::Document(post)) => self.documents(pre, post, at),
            (Bson::Array(pre), Bson::Array(post)) => self.arrays(pre, post, at),
            _ => unreachable!(),
        }
    }

    fn set(&mut self, at: &[Bson], last: Bson, value: &Bson) {
        let path = self.path(at, last);
        self.all.push(path.clone());
        self.updated.insert(path, value.clone());
    }

    /// The path's text; noted among the disambiguated ones when it would not be understood.
    fn path(&mut self, at: &[Bson], last: Bson) -> String {
        let components = extended(at, last);
        let text = |component: &Bson| component.as_str().map_or_else(|| component.to_string(), str::to_owned);
        let path = components.iter().map(text).collect::<Vec<_>>().join(".");
        let unclear = |(place, component): (usize, &Bson)| {
            component
                .as_str()
                .is_some_and(|name| name.contains('.') || (place > 0 && path::is_numeric(name.as_bytes())))
        };
        if components.iter().enumerate().any(unclear) {
            self.paths.insert(path.clone(), components);
        }
        path
    }
}

fn extended(at: &[Bson], last: Bson) -> Vec<Bson> {
    at.iter().cloned().chain([last]).collect()
}

fn same_container(a: &Bson, b: &Bson) -> bool {
    matches!((a, b), (Bson::Document(_), Bson::Document(_)) | (Bson::Array(_), Bson::Array(_)))
}

/// What a server makes of one update statement with `$push` of nothing, `$set` and `$unset`.
pub(crate) fn update(base: &mut Document, statement: &Document, order: SetOrder) {
    let operators = |name: &str| statement.get_document(name).cloned().unwrap_or_default();
    for (path, push) in operators("$push") {
        let len = push.as_document().unwrap().get_i64("$slice").unwrap();
        let mut base_value = Bson::Document(std::mem::take(base));
        let Some(Bson::Array(array)) = at_path(&mut base_value, &path) else { panic!("no array at {path}") };
        array.truncate(len.try_into().unwrap());
        let Bson::Document(changed) = base_value else { unreachable!() };
        *base = changed;
    }
    let mut sets: Vec<_> = operators("$set").into_iter().collect();
    sets.sort_by(|(a, _), (b, _)| {
        let (mut a, mut b) = (a.split('.'), b.split('.'));
        loop {
            match (a.next(), b.next()) {
                (Some(x), Some(y)) if x == y => {}
                (Some(x), Some(y)) => return order.compare(x.as_bytes(), y.as_bytes()),
                _ => panic!("conflicting paths in one $set"),
            }
        }
    });
    let mut value = Bson::Document(std::mem::take(base));
    sets.into_iter().for_each(|(path, new)| set(&mut value, &path, new));
    operators("$unset").keys().for_each(|path| unset(&mut value, path));
    let Bson::Document(changed) = value else { unreachable!() };
    *base = changed;
}

fn at_path<'a>(value: &'a mut Bson, path: &str) -> Option<&'a mut Bson> {
    path.split('.').try_fold(value, |value, name| match value {
        Bson::Document(document) => document.get_mut(name),
        Bson::Array(array) => array.get_mut(name.parse::<usize>().ok()?),
        _ => None,
    })
}

fn parent<'v, 'p>(value: &'v mut Bson, path: &'p str) -> (Option<&'v mut Bson>, &'p str) {
    match path.rsplit_once('.') {
        Some((parent, name)) => (at_path(value, parent), name),
        None => (Some(value), path),
    }
}

fn set(value: &mut Bson, path: &str, new: Bson) {
    let (parent, name) = parent(value, path);
    match parent {
        Some(Bson::Document(document)) => drop(document.insert(name, new)),
        Some(Bson::Array(array)) => {
            let index: usize = name.parse().unwrap();
            if array.len() <= index {
                array.resize(index + 1, Bson::Null);
            }
            array[index] = new;
        }
        _ => panic!("no parent for {path}"),
    }
}

fn unset(value: &mut Bson, path: &str) {
    if let (Some(Bson::Document(document)), name) = parent(value, path) {
        document.remove(name);
    }
}

/// Whether two places that differ between the documents have paths of the same text, or one that reads like another.
pub(crate) fn twins(pre: &Document, post: &Document) -> bool {
    let mut diff = Diff::default();
    diff.documents(pre, post, &[]);
    let removed = diff.removed.iter().filter_map(Bson::as_str).map(str::to_owned);
    let cut =
        diff.truncated.iter().map(|cut| cut.as_document().unwrap().get_str("field").unwrap().to_owned());
    let mut paths: Vec<String> = diff.all.iter().cloned().chain(removed).chain(cut).collect();
    let count = paths.len();
    paths.sort();
    paths.dedup();
    paths.len() < count
}
