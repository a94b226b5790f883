//! Rules at the producer: what of an event may enter Kafka.
//!
//! Pure. The event is written anew with what the rules leave of its documents and of its delta; a document that the filter does not let
//! through becomes a delete. Guards: nothing that a rule keeps back is in what is written: not in the document before or after the
//! change, not in the delta, not in the shard key beside `_id`. The header `rules` says that it was done, and with what result.
//!
//! ```text
//!   insert, replace, read   carried? shaped : delete
//!   update with document    carried? shaped : delete     with a filter a replace, for the target may lack the document
//!   update                  shaped; nothing where nothing is left; without what it did where only the document can tell
//! ```

use common::{
    event::{ChangeEvent, Operation, UpdateDescription},
    headers::Ruled,
    raw::{self, Document, Element, Kind, Writer},
};
use shape::{Rule, Shaped, Unclear, Verdict};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) operation: &'static str,
    pub(super) ruled: Ruled,
}

/// What becomes of an event.
enum Left {
    Delete,
    /// The event with its documents shaped, and its delta, if there is one to go with them.
    Whole(Option<Shaped>),
    Delta(Shaped, Ruled),
    /// Neither documents nor delta.
    Bare(Ruled),
}

/// Writes what the rule leaves of a change of a document; `None` when that is nothing.
///
/// # Errors
/// Malformed BSON.
pub(super) fn write(
    event: &ChangeEvent<'_>,
    rule: &Rule,
    out: &mut Writer,
) -> Result<Option<Written>, raw::Error> {
    let left = match left(event, rule) {
        Err(Unclear::Malformed(error)) => return Err(error),
        Err(Unclear::Ambiguous | Unclear::Made) => Left::Bare(Ruled::Unclear),
        Err(Unclear::Taken(_)) => Left::Bare(Ruled::Collision),
        Ok(left) => left,
    };
    match attempt(event, rule, &left, out) {
        Ok(written) => Ok(written),
        Err(Unclear::Malformed(error)) => Err(error),
        // Of its documents.
        Err(_) => match attempt(event, rule, &Left::Bare(Ruled::Collision), out) {
            Err(Unclear::Malformed(error)) => Err(error),
            written => Ok(written.unwrap_or_default()),
        },
    }
}

fn left(event: &ChangeEvent<'_>, rule: &Rule) -> Result<Left, Unclear> {
    let filter = rule.predicate.as_ref();
    let shaped = |delta: &UpdateDescription<'_>| match &rule.shaper {
        Some(shaper) => shaper.delta(delta),
        None => Ok(Shaped::Delta(shape::Delta::of(delta))),
    };
    match (event.operation, event.full_document, &event.update_description) {
        (Operation::Delete, ..) => Ok(Left::Delete),
        (_, Some(document), delta) => match (filter, delta) {
            (Some(filter), _) if !filter.matches(document)? => Ok(Left::Delete),
            (Some(_), _) | (_, None) => Ok(Left::Whole(None)),
            // The document tells what its delta may not.
            (None, Some(delta)) => Ok(Left::Whole(shaped(delta).ok())),
        },
        (_, None, Some(delta)) => match filter.map(|filter| filter.judge(delta)).transpose()? {
            None => Ok(Left::Delta(shaped(delta)?, Ruled::Applied)),
            Some(Verdict::Stays) => Ok(Left::Delta(shaped(delta)?, Ruled::Kept)),
            Some(Verdict::Out) => Ok(Left::Delete),
            Some(Verdict::Unknown) => Ok(Left::Bare(Ruled::Unclear)),
        },
        (_, None, None) => Ok(Left::Bare(Ruled::Applied)),
    }
}

fn attempt(
    event: &ChangeEvent<'_>,
    rule: &Rule,
    left: &Left,
    out: &mut Writer,
) -> Result<Option<Written>, Unclear> {
    let (operation, ruled) = match left {
        Left::Delete => ("delete", Ruled::Applied),
        Left::Whole(Some(Shaped::Nothing)) | Left::Delta(Shaped::Nothing, _) => return Ok(None),
        Left::Whole(None) if event.operation == Operation::Update => ("replace", Ruled::Applied),
        Left::Whole(_) if event.operation == Operation::Insert => ("insert", Ruled::Applied),
        Left::Whole(None) => ("replace", Ruled::Applied),
        Left::Whole(Some(_)) => ("update", Ruled::Applied),
        Left::Delta(_, ruled) | Left::Bare(ruled) => ("update", *ruled),
    };
    out.clear();
    out.begin();
    for element in event.bytes.elements() {
        field(&element?, operation, rule, left, out)?;
    }
    if matches!(left, Left::Bare(_)) {
        description(None, out);
    }
    out.end();
    Ok(Some(Written { operation, ruled }))
}

/// One field of the event.
fn field(
    element: &Element<'_>,
    operation: &str,
    rule: &Rule,
    left: &Left,
    out: &mut Writer,
) -> Result<(), Unclear> {
    match element.name {
        b"operationType" => out.str(element.name, operation),
        b"documentKey" => key(element, out)?,
        b"fullDocument" => {
            if let (Left::Whole(_), Some(document)) = (left, element.as_document()) {
                shaped(element.name, document, rule, out)?;
            }
        }
        b"fullDocumentBeforeChange" => before(element, rule, left, out)?,
        b"updateDescription" => match left {
            Left::Whole(Some(Shaped::Delta(delta))) | Left::Delta(Shaped::Delta(delta), _) => {
                description(Some(&delta.view()), out);
            }
            _ => {}
        },
        _ => out.element(element),
    }
    Ok(())
}

/// `_id` alone.
fn key(element: &Element<'_>, out: &mut Writer) -> Result<(), raw::Error> {
    out.begin_document(element.name);
    if let Some(id) = element.as_document().unwrap_or(Document::EMPTY).get("_id")? {
        out.element(&id);
    }
    out.end();
    Ok(())
}

/// The document before the change: shaped, where the filter let it through and it can be.
fn before(element: &Element<'_>, rule: &Rule, left: &Left, out: &mut Writer) -> Result<(), Unclear> {
    let Some(document) = element.as_document() else {
        out.element(element);
        return Ok(());
    };
    let is_carried = rule.predicate.as_ref().map_or(Ok(true), |filter| filter.matches(document))?;
    if is_carried && !matches!(left, Left::Bare(_)) {
        return shaped(element.name, document, rule, out);
    }
    out.value(Kind::Null, element.name, &[]);
    Ok(())
}

fn shaped(name: &[u8], document: Document<'_>, rule: &Rule, out: &mut Writer) -> Result<(), Unclear> {
    let Some(shaper) = &rule.shaper else {
        out.document(name, document);
        return Ok(());
    };
    let mut shaped = Writer::new();
    shaper.document(document, &mut shaped)?;
    out.document(name, Document::new(shaped.as_bytes())?);
    Ok(())
}

/// What an update did; nothing, where that is not to be told.
fn description(delta: Option<&UpdateDescription<'_>>, out: &mut Writer) {
    let is_diff = delta.is_none_or(|delta| delta.is_diff);
    let of = |list: fn(&UpdateDescription<'_>) -> Vec<u8>| {
        delta.map_or_else(|| Document::EMPTY.as_bytes().to_vec(), list)
    };
    out.begin_document(b"updateDescription");
    out.value(Kind::Document, b"updatedFields", &of(|delta| delta.updated_fields.as_bytes().to_vec()));
    out.value(Kind::Array, b"removedFields", &of(|delta| delta.removed_fields.as_bytes().to_vec()));
    if is_diff {
        out.value(Kind::Array, b"truncatedArrays", &of(|delta| delta.truncated_arrays.as_bytes().to_vec()));
    }
    if let Some(paths) = delta.and_then(|delta| delta.disambiguated_paths) {
        out.document(b"disambiguatedPaths", paths);
    }
    out.end();
}

#[cfg(test)]
mod tests {
    use bson::{Bson, Document, doc};
    use common::config::types::{FieldRules, Mask, Place};
    use shape::Rules;

    use super::*;

    fn rule(filter: Option<&str>) -> Rule {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let rules = FieldRules {
            namespace: "*.*".to_owned(),
            deny: own(&["ssn", "address.street", "x\\.y"]),
            rename: [("zip".to_owned(), "postcode".to_owned())].into(),
            mask: [("card".to_owned(), Mask::Redact)].into(),
            filter: filter.map(str::to_owned),
            at: Place::Producer,
            ..FieldRules::default()
        };
        let rules = Rules::of_producer(&[rules], None).unwrap();
        rules.rule(&"a.b".parse().unwrap()).unwrap().unwrap().clone()
    }

    /// The operation, the header and the event that are left.
    fn left(event: &Document, filter: Option<&str>) -> Option<(&'static str, Ruled, Document)> {
        let bytes = event.to_vec().unwrap();
        let event = ChangeEvent::parse(raw::Document::new(&bytes).unwrap()).unwrap();
        let mut out = Writer::new();
        let written = write(&event, &rule(filter), &mut out).unwrap()?;
        let left = bson::Document::from_reader(out.as_bytes()).unwrap();
        assert_eq!(left.get_str("operationType").unwrap(), written.operation);
        assert_eq!(left.get_document("documentKey").unwrap(), &doc! {"_id": 1});
        assert!(!left.to_string().contains("denied"), "{left}");
        Some((written.operation, written.ruled, left))
    }

    fn event(operation: &str, more: Document) -> Document {
        let mut event =
            doc! {"_id": {}, "operationType": operation, "documentKey": {"_id": 1, "ssn": "denied"}};
        event.extend(more);
        event
    }

    fn update(updated: Document) -> Document {
        event(
            "update",
            doc! {"updateDescription": {"updatedFields": updated, "removedFields": [], "truncatedArrays": []}},
        )
    }

    const FILTER: Option<&str> = Some(r#"{"ward": "north", "ssn": {"$exists": true}}"#);

    fn patient(ward: &str) -> Document {
        doc! {"_id": 1, "ssn": "denied", "ward": ward, "zip": "z", "card": "denied", "address": {"street": "denied"}}
    }

    #[test]
    fn documents_are_shaped_before_and_after_or_deleted() {
        let shaped = doc! {"_id": 1, "ward": "north", "postcode": "z", "card": "***", "address": {}};
        for (operation, filter) in [("insert", None), ("replace", FILTER)] {
            let whole = event(operation, doc! {"fullDocument": patient("north")});
            let (left, ruled, event) = left(&whole, filter).unwrap();
            assert_eq!((left, ruled), (operation, Ruled::Applied));
            assert_eq!(event.get_document("fullDocument").unwrap(), &shaped);
        }
        let images = doc! {"fullDocument": patient("south"), "fullDocumentBeforeChange": patient("north")};
        let (operation, ruled, gone) = left(&event("replace", images), FILTER).unwrap();
        assert_eq!((operation, ruled), ("delete", Ruled::Applied));
        assert_eq!(gone.get("fullDocument"), None);
        assert_eq!(gone.get_document("fullDocumentBeforeChange").unwrap(), &shaped);
        let hidden = event("delete", doc! {"fullDocumentBeforeChange": patient("south")});
        assert_eq!(left(&hidden, FILTER).unwrap().2.get("fullDocumentBeforeChange"), Some(&Bson::Null));
    }

    #[test]
    fn updates_keep_what_may_be_told() {
        let of =
            |event: &Document, filter| left(event, filter).map(|(operation, ruled, _)| (operation, ruled));
        let mixed = update(doc! {"ssn": "denied", "zip": "y", "card": "denied", "address.street": "denied"});
        let (_, ruled, shown) = left(&mixed, None).unwrap();
        let fields = shown.get_document("updateDescription").unwrap().get_document("updatedFields").unwrap();
        assert_eq!((ruled, fields), (Ruled::Applied, &doc! {"postcode": "y", "card": "***"}));
        assert_eq!(of(&update(doc! {"ssn": "denied"}), None), None, "nothing is left");
        assert_eq!(of(&update(doc! {"zip": 1}), FILTER), Some(("update", Ruled::Kept)));
        assert_eq!(of(&update(doc! {"ward": "south"}), FILTER), Some(("delete", Ruled::Applied)));
        let unknown = left(&update(doc! {"ward": "north", "zip": "denied"}), FILTER).unwrap();
        assert_eq!((unknown.0, unknown.1), ("update", Ruled::Unclear));
        let empty = doc! {"updatedFields": {}, "removedFields": [], "truncatedArrays": []};
        assert_eq!(unknown.2.get_document("updateDescription").unwrap(), &empty);
        assert_eq!(of(&update(doc! {"x.y": "denied"}), None), Some(("update", Ruled::Unclear)));
        assert_eq!(of(&update(doc! {"postcode": "denied"}), None), Some(("update", Ruled::Collision)));
        let taken = event("insert", doc! {"fullDocument": {"_id": 1, "postcode": "denied"}});
        assert_eq!(of(&taken, None), Some(("update", Ruled::Collision)));
    }

    #[test]
    fn an_update_with_its_document_is_a_replacement_where_the_target_may_have_none() {
        let mut event = update(doc! {"ward": "north"});
        event.insert("fullDocument", patient("north"));
        assert_eq!(left(&event, FILTER).unwrap().0, "replace");
        let (operation, _, shown) = left(&event, None).unwrap();
        assert_eq!(operation, "update");
        assert!(shown.contains_key("updateDescription") && shown.contains_key("fullDocument"));
    }
}
