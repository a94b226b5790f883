//! What rules say of an event before its fields are shaped: whether its document is carried, and who can tell.
//!
//! Pure. Where the producer has applied rules, its word holds (the header `rules`), whatever is configured here: rules are not made to be
//! applied twice. Guards: a document that the filter does not let through is deleted at the target by whatever road it comes; an update
//! that does not show its document is applied only where it cannot change the filter's mind.

use common::{
    event::{ChangeEvent, Operation},
    headers::Ruled,
};
use shape::{Predicate, Rule, Shaper, Unclear, Verdict};

use super::open::Event;
use crate::dead_letter::Reason;

/// What becomes of an event.
#[derive(Debug)]
pub(super) enum Judgement<'s> {
    /// It is carried, shaped by this.
    Carried(Option<&'s Shaper>),
    /// So it is where its document is at the target; that it is not there is no miss.
    Kept(Option<&'s Shaper>),
    /// Its document is not carried: the target holds none.
    Out,
    /// Only the document can tell.
    Asks(Reason),
    Refused(Reason),
}

/// Judges an event by the word of the producer, or else by the namespace's rule.
pub(super) fn judge<'s>(event: &Event<'_>, rule: Option<&'s Rule>) -> Result<Judgement<'s>, Unclear> {
    match (event.ruled, rule) {
        (Some(ruled), _) => Ok(by_producer(ruled)),
        (None, None) => Ok(Judgement::Carried(None)),
        (None, Some(Rule { shaper, predicate: None, .. })) => Ok(Judgement::Carried(shaper.as_ref())),
        (None, Some(Rule { shaper, predicate: Some(predicate), .. })) => {
            by_filter(&event.change, predicate, shaper.as_ref())
        }
    }
}

fn by_producer(ruled: Ruled) -> Judgement<'static> {
    match ruled {
        Ruled::Applied => Judgement::Carried(None),
        Ruled::Kept => Judgement::Kept(None),
        Ruled::Unclear => Judgement::Asks(Reason {
            kind: "unclear",
            text: "only the document itself can tell what the producer's rules leave of this update, and nobody can be asked for it".to_owned(),
        }),
        Ruled::Collision => Judgement::Refused(Reason {
            kind: "collision",
            text: "a field has the new name of another field: deny it or rename it too, restart the producers and ask for the document".to_owned(),
        }),
    }
}

fn by_filter<'s>(
    change: &ChangeEvent<'_>,
    predicate: &Predicate,
    shaper: Option<&'s Shaper>,
) -> Result<Judgement<'s>, Unclear> {
    if change.operation == Operation::Delete {
        return Ok(Judgement::Out);
    }
    match (change.full_document, change.update_description) {
        (Some(document), _) if predicate.matches(document)? => Ok(Judgement::Carried(shaper)),
        (Some(_), _) => Ok(Judgement::Out),
        (None, Some(delta)) => Ok(match predicate.judge(&delta)? {
            Verdict::Stays => Judgement::Kept(shaper),
            Verdict::Out => Judgement::Out,
            Verdict::Unknown => Judgement::Asks(Reason {
                kind: "filter",
                text: "an update of what the filter reads, and nobody can be asked for the document"
                    .to_owned(),
            }),
        }),
        (None, None) => Ok(Judgement::Carried(shaper)),
    }
}

#[cfg(test)]
mod tests {
    use bson::{Document, doc};
    use common::{config::types::FieldRules, raw};
    use shape::Rules;

    use super::*;
    use crate::batch::open::Place;

    fn judged(event: &Document, ruled: Option<Ruled>) -> &'static str {
        let filter = Some(r#"{"deletedAt": null, "n": {"$gte": 5}}"#.to_owned());
        let rules = FieldRules { namespace: "*.*".to_owned(), filter, ..FieldRules::default() };
        let rules = Rules::compile(&[rules], None).unwrap();
        let bytes = event.to_vec().unwrap();
        let change = ChangeEvent::parse(raw::Document::new(&bytes).unwrap()).unwrap();
        let event = Event { place: Place { lane: 0, record: 0 }, change, ruled };
        match judge(&event, rules.rule(&"a.b".parse().unwrap()).unwrap()).unwrap() {
            Judgement::Carried(_) => "carried",
            Judgement::Kept(_) => "kept",
            Judgement::Out => "out",
            Judgement::Asks(_) => "asks",
            Judgement::Refused(_) => "refused",
        }
    }

    #[test]
    fn whole_documents_tell_and_updates_are_asked_for_where_they_may_not() {
        let whole = |operation: &str, document: Document| {
            doc! {"_id": {}, "operationType": operation, "documentKey": {"_id": 1}, "fullDocument": document}
        };
        let update = |updated: Document| {
            let description = doc! {"updatedFields": updated, "removedFields": [], "truncatedArrays": []};
            doc! {"_id": {}, "operationType": "update", "documentKey": {"_id": 1}, "updateDescription": description}
        };
        let mut with_image = update(doc! {"n": 4});
        with_image.insert("fullDocument", doc! {"n": 6});
        for (event, expected) in [
            (whole("insert", doc! {"n": 5}), "carried"),
            (whole("insert", doc! {"n": 4}), "out"),
            (whole("replace", doc! {"n": 5, "deletedAt": 1}), "out"),
            (update(doc! {"x": 1}), "kept"),
            (update(doc! {"n": 5}), "asks"),
            (update(doc! {"n": 4}), "out"),
            (with_image.clone(), "carried"),
            (doc! {"_id": {}, "operationType": "delete", "documentKey": {"_id": 1}}, "out"),
        ] {
            assert_eq!(judged(&event, None), expected, "{event}");
        }
        for (ruled, expected) in [
            (Ruled::Applied, "carried"),
            (Ruled::Kept, "kept"),
            (Ruled::Unclear, "asks"),
            (Ruled::Collision, "refused"),
        ] {
            assert_eq!(judged(&with_image, Some(ruled)), expected);
        }
    }
}
