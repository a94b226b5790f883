//! Random update pipelines: ones that leave every field where it is, and ones that may move some.

use bson::{Bson, Document, doc};

use super::{
    documents::{self, Names, Place},
    rng::Rng,
    updates::{Class, Update, statement},
};

/// Changes values, adds and removes fields; what stays keeps its place.
pub(crate) fn staying(rng: &mut Rng, names: Names, document: &Document, places: &[Place]) -> Update {
    let stages: Vec<Bson> = (0..1 + rng.below(2)).map(|_| staying_stage(rng, names, places).into()).collect();
    statement(document, Class::Pipeline, stages)
}

fn staying_stage(rng: &mut Rng, names: Names, places: &[Place]) -> Document {
    let documents_only: Vec<&Place> = places
        .iter()
        .filter(|place| place.is_nameable() && !place.indexes.iter().any(|is_index| *is_index))
        .collect();
    let place = if documents_only.is_empty() { None } else { Some(*rng.pick(&documents_only)) };
    match (rng.below(7), place) {
        (0, Some(place)) => doc! {"$unset": place.text()},
        (1, Some(place)) if place.value.as_array().is_some() => {
            doc! {"$set": {place.text(): {"$slice": [format!("${}", place.text()), 1 + rng.below(3) as i32]}}}
        }
        (1 | 2, Some(place)) if place.value.as_array().is_some() => {
            let path = format!("${}", place.text());
            doc! {"$set": {place.text(): {"$concatArrays": [path, [{"$literal": documents::value(rng, names, 1)}]]}}}
        }
        (3, Some(place)) => doc! {"$set": {place.text(): {"$literal": documents::value(rng, names, 2)}}},
        (4, _) if names == Names::Odd => set_field(rng, names),
        (5, Some(place)) if place.value.as_document().is_some() => {
            let name = documents::name(rng, Names::Plain);
            doc! {"$set": {format!("{}.{name}", place.text()): {"$literal": documents::value(rng, names, 1)}}}
        }
        _ => {
            doc! {"$set": {documents::name(rng, Names::Plain): {"$literal": documents::value(rng, names, 2)}}}
        }
    }
}

/// `$setField` at the top: the way to names that nothing else can say.
fn set_field(rng: &mut Rng, names: Names) -> Document {
    let value = if rng.once_in(4) {
        Bson::String("$$REMOVE".to_owned())
    } else {
        doc! {"$literal": documents::value(rng, names, 2)}.into()
    };
    let field = documents::name(rng, names);
    doc! {"$replaceWith": {"$setField": {"field": {"$literal": field}, "input": "$$ROOT", "value": value}}}
}

/// Builds the document anew, some fields in other places.
pub(crate) fn moving(rng: &mut Rng, names: Names, document: &Document, places: &[Place]) -> Update {
    let top: Vec<&Place> =
        places.iter().filter(|place| place.path.len() == 1 && place.is_nameable()).collect();
    let mut stages = Vec::new();
    if rng.once_in(2) || top.is_empty() {
        let mut shuffled: Vec<(String, Bson)> =
            document.iter().filter(|(name, _)| *name != "_id").map(|(k, v)| (k.clone(), v.clone())).collect();
        for at in (1..shuffled.len()).rev() {
            shuffled.swap(at, rng.below(at + 1));
        }
        shuffled.truncate(shuffled.len().saturating_sub(rng.below(2)));
        shuffled.push((documents::name(rng, names), documents::value(rng, names, 2)));
        let fields: Document = shuffled.into_iter().collect();
        stages.push(Bson::from(doc! {"$replaceWith": {"$literal": fields}}));
    } else {
        let place = *rng.pick(&top);
        stages.push(doc! {"$unset": place.text()}.into());
        stages.push(doc! {"$set": {place.text(): {"$literal": documents::value(rng, names, 2)}}}.into());
    }
    statement(document, Class::Moving, stages)
}
