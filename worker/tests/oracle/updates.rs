//! Random updates by operators: every one of them, positional ones, array filters, and several at once.

use bson::{Bson, Document, doc};

use super::{
    documents::{self, Names, Place},
    pipelines,
    rng::Rng,
};

/// What an update is, for the table at the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Class {
    Operators,
    Positional,
    ArrayFilters,
    /// A pipeline that leaves every field in its place.
    Pipeline,
    /// A pipeline that may move fields.
    Moving,
    Replacement,
}

#[derive(Debug, Clone)]
pub(crate) struct Update {
    pub(crate) class: Class,
    /// The statement of an `update` command.
    pub(crate) statement: Document,
}

/// A random update of the document.
pub(crate) fn update(rng: &mut Rng, names: Names, document: &Document) -> Update {
    let places = documents::places(document);
    match rng.below(20) {
        0..=9 => operators(rng, names, document, &places),
        10 | 11 => positional(rng, names, document, &places),
        12 | 13 => all_or_filtered(rng, names, document, &places),
        14..=16 => pipelines::staying(rng, names, document, &places),
        17 | 18 => pipelines::moving(rng, names, document, &places),
        _ => replacement(rng, names, document),
    }
}

pub(super) fn statement(document: &Document, class: Class, u: impl Into<Bson>) -> Update {
    let statement = doc! {"q": {"_id": document.get("_id").unwrap().clone()}, "u": u.into()};
    Update { class, statement }
}

fn replacement(rng: &mut Rng, names: Names, document: &Document) -> Update {
    let id = document.get("_id").unwrap();
    let mut replacement = documents::document(rng, names, id.clone());
    if replacement.iter().any(|(name, _)| name.starts_with('$')) {
        replacement = doc! {"_id": id, "plain": true};
    }
    statement(document, Class::Replacement, replacement)
}

/// One to four operators at paths that do not collide.
fn operators(rng: &mut Rng, names: Names, document: &Document, places: &[Place]) -> Update {
    let mut u = Document::new();
    let mut taken: Vec<String> = Vec::new();
    for _ in 0..1 + rng.below(4) {
        let Some((path, value)) = target(rng, places) else { continue };
        if taken.iter().any(|other| collide(other, &path)) {
            continue;
        }
        let (operator, operand) = operator(rng, names, value.as_ref(), places);
        if operator == "$rename" {
            let to = operand.as_str().unwrap_or_default().to_owned();
            if collide(&to, &path) || taken.iter().any(|other| collide(other, &to)) {
                continue;
            }
            taken.push(to);
        }
        taken.push(path.clone());
        let operands = u.entry(operator).or_insert_with(|| Bson::Document(Document::new()));
        operands.as_document_mut().unwrap().insert(path, operand);
    }
    if u.is_empty() {
        u = doc! {"$set": {"touched": rng.below(9) as i32}};
    }
    statement(document, Class::Operators, u)
}

fn collide(a: &str, b: &str) -> bool {
    let under =
        |a: &str, b: &str| a.strip_prefix(b).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'));
    under(a, b) || under(b, a)
}

/// A path that operators can name and what stands there: an existing place, a new name in a document, an index at or
/// past the end of an array, a path through documents that do not exist yet.
fn target(rng: &mut Rng, places: &[Place]) -> Option<(String, Option<Bson>)> {
    let nameable: Vec<&Place> = places.iter().filter(|place| place.is_nameable()).collect();
    // `01` in an array is the index 1 to the server, and beside `1` in one update it is the end of a 5.0.4 (an invariant).
    let fresh = |rng: &mut Rng| loop {
        let name = documents::name(rng, Names::Plain);
        if name != "01" {
            return name;
        }
    };
    if nameable.is_empty() || rng.once_in(8) {
        let path: Vec<String> = (0..1 + rng.below(3)).map(|_| fresh(rng)).collect();
        return Some((path.join("."), None));
    }
    let place = *rng.pick(&nameable);
    let below = |name: String| Some((format!("{}.{name}", place.text()), None));
    match &place.value {
        Bson::Document(_) if rng.once_in(2) => below(fresh(rng)),
        Bson::Array(array) if rng.once_in(3) => below((array.len() + rng.below(3)).to_string()),
        Bson::Array(array) if rng.once_in(9) => {
            below(format!("{}.{}", array.len() + rng.below(2), fresh(rng)))
        }
        value => Some((place.text(), Some(value.clone()))),
    }
}

fn operator(rng: &mut Rng, names: Names, value: Option<&Bson>, places: &[Place]) -> (&'static str, Bson) {
    match value {
        Some(Bson::Array(array)) if !rng.once_in(5) => on_array(rng, names, array),
        Some(Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_)) if !rng.once_in(3) => on_number(rng),
        Some(_) if rng.once_in(5) => ("$unset", Bson::String(String::new())),
        Some(_) if rng.once_in(8) => {
            let to = target(rng, places).map_or_else(|| "renamed".to_owned(), |(path, _)| path);
            ("$rename", Bson::String(to))
        }
        None if rng.once_in(8) => ("$push", documents::value(rng, names, 1)),
        _ if rng.once_in(12) => {
            ("$currentDate", if rng.once_in(2) { true.into() } else { doc! {"$type": "timestamp"}.into() })
        }
        _ => ("$set", documents::value(rng, names, 2)),
    }
}

fn on_number(rng: &mut Rng) -> (&'static str, Bson) {
    match rng.below(6) {
        0 | 1 => ("$inc", documents::number(rng)),
        2 => ("$mul", documents::number(rng)),
        3 => ("$min", documents::number(rng)),
        4 => ("$max", documents::number(rng)),
        _ => ("$bit", doc! {"xor": i32::try_from(rng.below(16)).unwrap()}.into()),
    }
}

fn on_array(rng: &mut Rng, names: Names, array: &[Bson]) -> (&'static str, Bson) {
    let element = |rng: &mut Rng| {
        if array.is_empty() || rng.once_in(3) {
            documents::value(rng, names, 2)
        } else {
            rng.pick(array).clone()
        }
    };
    match rng.below(9) {
        0 => ("$pop", if rng.once_in(2) { 1.into() } else { Bson::Int32(-1) }),
        1 => ("$pull", pull(rng, element)),
        2 => ("$pullAll", Bson::Array(vec![element(rng), element(rng)])),
        3 => ("$addToSet", doc! {"$each": [element(rng), element(rng)]}.into()),
        4 | 5 => ("$push", element(rng)),
        _ => {
            let mut push = doc! {"$each": (0..rng.below(4)).map(|_| element(rng)).collect::<Vec<_>>()};
            if rng.once_in(2) {
                push.insert("$slice", i32::try_from(rng.below(7)).unwrap() - 3);
            }
            if rng.once_in(3) {
                push.insert("$position", i32::try_from(rng.below(6)).unwrap() - 2);
            }
            if rng.once_in(3) {
                push.insert("$sort", if rng.once_in(2) { 1 } else { -1 });
            }
            ("$push", push.into())
        }
    }
}

fn pull(rng: &mut Rng, element: impl Fn(&mut Rng) -> Bson) -> Bson {
    match rng.below(3) {
        0 => doc! {"$gt": 5}.into(),
        1 => doc! {"$in": [element(rng), 3]}.into(),
        _ => element(rng),
    }
}

/// An array that operators can name, and a place for what they do in its elements.
fn array_place<'a>(rng: &mut Rng, places: &'a [Place]) -> Option<(&'a Place, &'a [Bson])> {
    let arrays: Vec<_> = places
        .iter()
        .filter(|place| place.is_nameable())
        .filter_map(|place| Some((place, place.value.as_array()?.as_slice())))
        .filter(|(_, array)| !array.is_empty())
        .collect();
    (!arrays.is_empty()).then(|| *rng.pick(&arrays))
}

/// `$`: the first element that the query matched.
fn positional(rng: &mut Rng, names: Names, document: &Document, places: &[Place]) -> Update {
    let Some((place, array)) = array_place(rng, places) else {
        return operators(rng, names, document, places);
    };
    let element = rng.pick(array).clone();
    let (path, operator, operand) = in_element(rng, names, &format!("{}.$", place.text()), &element);
    let mut update = statement(document, Class::Positional, doc! {operator: {path: operand}});
    let matches = match &element {
        Bson::RegularExpression(_) => doc! {"$exists": true},
        element => doc! {"$eq": element},
    };
    update.statement.get_document_mut("q").unwrap().insert(place.text(), matches);
    update
}

/// `$[]` and `$[f]`, also twice on the way.
fn all_or_filtered(rng: &mut Rng, names: Names, document: &Document, places: &[Place]) -> Update {
    let Some((place, array)) = array_place(rng, places) else {
        return operators(rng, names, document, places);
    };
    let element = rng.pick(array).clone();
    let filtered = rng.once_in(2);
    let way = if filtered { "$[f]" } else { "$[]" };
    let way = match &element {
        Bson::Array(inner) if !inner.is_empty() && rng.once_in(2) => format!("{way}.$[]"),
        _ => way.to_owned(),
    };
    let (path, operator, operand) = in_element(rng, names, &format!("{}.{way}", place.text()), &element);
    let mut update = statement(document, Class::ArrayFilters, doc! {operator: {path: operand}});
    if filtered {
        let filter = match &element {
            Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) => doc! {"f": {"$gte": element}},
            Bson::Document(_) => doc! {"f": {"$type": "object"}},
            _ => doc! {"f": {"$ne": 3}},
        };
        update.statement.insert("arrayFilters", [filter]);
    }
    update
}

/// Something to do with an element at `path`, or a field in it.
fn in_element(rng: &mut Rng, names: Names, path: &str, element: &Bson) -> (String, &'static str, Bson) {
    match element {
        Bson::Int32(_) | Bson::Int64(_) | Bson::Double(_) if rng.once_in(2) => {
            let (operator, operand) = on_number(rng);
            (path.to_owned(), operator, operand)
        }
        Bson::Document(_) if !rng.once_in(3) => {
            let name = documents::name(rng, Names::Plain);
            let operator = if rng.once_in(4) { "$unset" } else { "$set" };
            (format!("{path}.{name}"), operator, documents::value(rng, names, 1))
        }
        _ => (path.to_owned(), "$set", documents::value(rng, names, 2)),
    }
}
