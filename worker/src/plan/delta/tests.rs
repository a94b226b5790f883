//! Both roads against the slow model, and the cases that have burnt somebody.

use bson::{Bson, Document, doc};
use common::raw::{self, Writer};
use proptest::prelude::*;

use super::{
    Inexact, MAX_STATEMENTS, Road, apply,
    model::{self, Names, diff_event as event},
    road,
};
use shape::path::SetOrder;

fn applied(base: &Document, event: &[u8]) -> Result<Document, Inexact> {
    let base = base.to_vec().unwrap();
    let mut out = Writer::new();
    apply(raw::Document::new(&base).unwrap(), &model::description(event), &mut out)?;
    Ok(Document::from_reader(out.as_bytes()).unwrap())
}

/// What the plain road makes of the base; `None` when the delta does not take it.
fn plainly(base: &Document, event: &[u8], order: SetOrder) -> Option<Document> {
    let Road::Plain(statements) = road(&model::description(event), order).unwrap() else { return None };
    assert!(statements.len() <= MAX_STATEMENTS);
    let mut base = base.clone();
    for statement in statements {
        model::update(&mut base, &Document::from_reader(&statement[..]).unwrap(), order);
    }
    Some(base)
}

proptest! {
    #![proptest_config(model::cases(1500))]

    #[test]
    fn a_delta_of_plain_names_makes_the_document_it_came_from(
        pre in model::document(Names::Plain), edits in model::edits(Names::Plain), stated in any::<bool>(),
    ) {
        let post = model::edited(&pre, &edits);
        let event = model::event(&pre, &post, stated);
        prop_assert_eq!(applied(&pre, &event), Ok(post));
    }

    #[test]
    fn both_roads_lead_to_the_same_document(
        pre in model::document(Names::Plain), edits in model::edits(Names::Plain), lexicographic in any::<bool>(),
    ) {
        let order = if lexicographic { SetOrder::Lexicographic } else { SetOrder::Numeric };
        let post = model::edited(&pre, &edits);
        let event = model::event(&pre, &post, false);
        if let Some(plain) = plainly(&pre, &event, order) {
            prop_assert_eq!(plain, post);
        }
    }

    #[test]
    fn odd_names_are_exact_where_the_server_states_them(
        pre in model::document(Names::Odd), edits in model::edits(Names::Odd),
    ) {
        let post = model::edited(&pre, &edits);
        let event = model::event(&pre, &post, true);
        match applied(&pre, &event) {
            Ok(document) => prop_assert!(document == post || model::twins(&pre, &post)),
            Err(error) => {
                prop_assert!(error == Inexact::Ambiguous || error == Inexact::BaseDoesNotFit);
                // Two places of one text: the description itself cannot tell them apart.
                prop_assert!(model::twins(&pre, &post));
            }
        }
    }

    #[test]
    fn a_foreign_base_is_refused_or_changed_but_never_a_panic(
        base in model::document(Names::Odd), pre in model::document(Names::Odd),
        edits in model::edits(Names::Odd), stated in any::<bool>(),
    ) {
        let event = model::event(&pre, &model::edited(&pre, &edits), stated);
        if let Ok(document) = applied(&base, &event) {
            prop_assert_eq!(document.get("_id"), base.get("_id"));
        }
        let _ = road(&model::description(&event), SetOrder::Numeric).unwrap();
    }

    #[test]
    fn bytes_that_are_no_delta_are_refused(
        base in model::document(Names::Plain), pre in model::document(Names::Odd), edits in model::edits(Names::Odd),
        at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut event = model::event(&pre, &model::edited(&pre, &edits), true);
        let at = at.index(event.len());
        event[at] = byte;
        let parsed = raw::Document::new(&event).ok().and_then(|event| common::event::ChangeEvent::parse(event).ok());
        if let Some(delta) = parsed.and_then(|event| event.update_description) {
            let base = base.to_vec().unwrap();
            let _ = apply(raw::Document::new(&base).unwrap(), &delta, &mut Writer::new());
            let _ = road(&delta, SetOrder::Numeric);
        }
    }
}

#[test]
fn what_the_server_reports_is_done_as_it_did_it() {
    // (base, description, result), as seen on 6.0.5.
    let cases = [
        (
            doc! {"_id": 1, "a": [1, 2, 3]},
            doc! {"updatedFields": {"a.6": 1}},
            doc! {"_id": 1, "a": [1, 2, 3, Bson::Null, Bson::Null, Bson::Null, 1]},
        ),
        (
            doc! {"_id": 1, "a": [1, 2, 3, 4]},
            doc! {"updatedFields": {"a.1": 9}, "truncatedArrays": [{"field": "a", "newSize": 2}]},
            doc! {"_id": 1, "a": [1, 9]},
        ),
        (
            doc! {"_id": 1, "a": [{"b": [1, 2, 3]}, 2, 3]},
            doc! {"truncatedArrays": [{"field": "a", "newSize": 2}, {"field": "a.0.b", "newSize": 1}]},
            doc! {"_id": 1, "a": [{"b": [1]}, 2]},
        ),
        (
            doc! {"_id": 1, "x": 1, "q": 2},
            doc! {"updatedFields": {"q": 3}, "removedFields": ["_id"]},
            doc! {"_id": 1, "x": 1, "q": 3},
        ),
        (
            doc! {"_id": 1, "b": 1},
            doc! {"updatedFields": {"b": 2, "a": 1, "c": 2}},
            doc! {"_id": 1, "b": 2, "a": 1, "c": 2},
        ),
        (
            doc! {"_id": 1, "t": 1, "w": {"x": 1}},
            doc! {"updatedFields": {"a.b": 5}},
            doc! {"_id": 1, "t": 1, "w": {"x": 1}, "a.b": 5},
        ),
        (
            doc! {"_id": 1, "v": {"$x": {"q": 1}}},
            doc! {"updatedFields": {"v.$x.q": 2}},
            doc! {"_id": 1, "v": {"$x": {"q": 2}}},
        ),
        (doc! {"_id": 1}, doc! {"updatedFields": {"_id": 1.0, "b": 3}}, doc! {"_id": 1.0, "b": 3}),
        (doc! {"_id": 1, "m": {"0": 1}}, doc! {"updatedFields": {"m.0": 2}}, doc! {"_id": 1, "m": {"0": 2}}),
        (doc! {"_id": 1, "a": 1}, doc! {"removedFields": ["gone", "a.b"]}, doc! {"_id": 1, "a": 1}),
    ];
    for (base, description, result) in cases {
        assert_eq!(applied(&base, &event(&description)), Ok(result), "{description}");
    }
}

#[test]
fn what_4_4_reports_is_done_as_it_did_it() {
    // (base, updated, result), as seen on 4.4.2.
    let cases = [
        (doc! {"_id": 1}, doc! {"2.d": 1}, doc! {"_id": 1, "2": {"d": 1}}),
        (
            doc! {"_id": 1},
            doc! {"x.a": 1, "x.b.c": 2, "x.b.d": 3},
            doc! {"_id": 1, "x": {"a": 1, "b": {"c": 2, "d": 3}}},
        ),
        (doc! {"_id": 1, "f": [5]}, doc! {"f.2.d": 1}, doc! {"_id": 1, "f": [5, Bson::Null, {"d": 1}]}),
        (doc! {"_id": 1, "a.b": 1, "a": {"b": 2}}, doc! {"a.b": 3}, doc! {"_id": 1, "a.b": 1, "a": {"b": 3}}),
        (doc! {"_id": 1, "a.b": 1}, doc! {"a.b": 3}, doc! {"_id": 1, "a.b": 1, "a": {"b": 3}}),
        (
            doc! {"_id": 1, "m": {"x": 1}},
            doc! {"m.10": 2, "m.9": 1},
            doc! {"_id": 1, "m": {"x": 1, "10": 2, "9": 1}},
        ),
    ];
    for (base, updated, result) in cases {
        let event =
            model::event_of(&doc! {"updatedFields": &updated, "removedFields": ["gone", "a.gone.too"]});
        assert_eq!(applied(&base, &event), Ok(result.clone()), "{updated}");
    }
    for (base, path) in [(doc! {"a": 1}, "a.b"), (doc! {"a": Bson::Null}, "a.b.c"), (doc! {"a": [1]}, "a.b")]
    {
        let event = model::event_of(&doc! {"updatedFields": {path: 1}});
        assert_eq!(applied(&base, &event), Err(Inexact::BaseDoesNotFit), "{path}");
    }
}

#[test]
fn disambiguated_paths_decide() {
    let base = doc! {"_id": 1, "home.town": 1, "home": {"town": 2}, "r": [{"0": 1}], "d": {"0": [1]}};
    let cases = [
        (
            doc! {"updatedFields": {"home.town": 9}, "disambiguatedPaths": {"home.town": ["home.town"]}},
            "home.town",
            true,
        ),
        (doc! {"updatedFields": {"home.town": 9}, "disambiguatedPaths": {}}, "home", true),
        (doc! {"updatedFields": {"r.0.0": 9}, "disambiguatedPaths": {"r.0.0": ["r", 0, "0"]}}, "r", true),
        (doc! {"updatedFields": {"d.0.0": 9}, "disambiguatedPaths": {"d.0.0": ["d", "0", 0]}}, "d", true),
        (doc! {"updatedFields": {"d.0.0": 9}, "disambiguatedPaths": {"d.0.0": ["d", 0, 0]}}, "d", false),
        (doc! {"updatedFields": {"d.0.0": 9}, "disambiguatedPaths": {}}, "d", false),
    ];
    for (description, changed, fits) in cases {
        match applied(&base, &event(&description)) {
            Ok(result) => {
                let differing: Vec<_> = base.keys().filter(|key| base.get(key) != result.get(key)).collect();
                assert!(
                    fits && differing == [changed] && result.len() == base.len(),
                    "{description}: {result}"
                );
            }
            Err(error) => assert!(!fits && error == Inexact::BaseDoesNotFit, "{description}"),
        }
    }
}

#[test]
fn two_readings_are_ambiguous_and_a_wrong_base_does_not_fit() {
    let ambiguous = [
        (doc! {"_id": 1, "a.b": 1, "a": {"b": 2}}, doc! {"updatedFields": {"a.b": 3}}),
        (doc! {"_id": 1, "a.b": 1, "a": {"c": 2}}, doc! {"updatedFields": {"a.b": 3}}),
        (doc! {"_id": 1, "a.b": 1, "a": {"b": 2}}, doc! {"removedFields": ["a.b"]}),
        (doc! {"_id": 1, "a": {}}, doc! {"updatedFields": {"a.b.c": 3}}),
        (doc! {"_id": 1, "a": {"b": 1}}, doc! {"updatedFields": {"a.b": 3}, "removedFields": ["a.b"]}),
    ];
    for (base, description) in ambiguous {
        assert_eq!(applied(&base, &event(&description)), Err(Inexact::Ambiguous), "{base} {description}");
    }
    let foreign = [
        (doc! {"_id": 1, "a": []}, doc! {"updatedFields": {"a.0.b": 1}, "disambiguatedPaths": {}}),
        (doc! {"_id": 1, "a": 1}, doc! {"updatedFields": {"a.b": 1}, "disambiguatedPaths": {}}),
        (doc! {"_id": 1, "a": [1]}, doc! {"truncatedArrays": [{"field": "a", "newSize": 2}]}),
        (doc! {"_id": 1, "a": {}}, doc! {"truncatedArrays": [{"field": "a", "newSize": 0}]}),
        (doc! {"_id": 1}, doc! {"truncatedArrays": [{"field": "a", "newSize": 0}]}),
        (doc! {"_id": 1, "a": []}, doc! {"updatedFields": {"a.900000000": 1}}),
    ];
    for (base, description) in foreign {
        assert_eq!(
            applied(&base, &event(&description)),
            Err(Inexact::BaseDoesNotFit),
            "{base} {description}"
        );
    }
}

#[test]
fn names_that_operators_cannot_say_go_to_the_document() {
    for (description, plain) in [
        (doc! {"updatedFields": {"a.b": 1}}, true),
        (doc! {"updatedFields": {"a..b": 1}}, false),
        (doc! {"updatedFields": {"": 1}}, false),
        (doc! {"updatedFields": {"a.$x": 1}}, false),
        (doc! {"removedFields": ["a."]}, false),
        (doc! {"removedFields": ["_id"]}, true),
        (doc! {"updatedFields": {"_id": 1.0}}, false),
        (doc! {"truncatedArrays": [{"field": "$a", "newSize": 1}]}, false),
        (doc! {"updatedFields": {"a.b": 1}, "disambiguatedPaths": {"a.b": ["a.b"]}}, false),
        (doc! {"updatedFields": {"a.0": 1}, "disambiguatedPaths": {"a.0": ["a", "0"]}}, true),
        (doc! {"updatedFields": {"a.b": 1}, "removedFields": ["a.b"]}, false),
        (doc! {"updatedFields": {"a": {}, "a b": 1, "a.b": 1}}, false),
        (doc! {"updatedFields": {"a.b": 1}, "removedFields": ["a"]}, false),
        (doc! {"updatedFields": {"a.0": 1}, "truncatedArrays": [{"field": "a", "newSize": 1}]}, true),
        (doc! {"updatedFields": {"e": 1, "d": 1, "c": 1, "b": 1, "a": 1}}, false),
    ] {
        let event = event(&description);
        let road = road(&model::description(&event), SetOrder::Numeric).unwrap();
        assert_eq!(matches!(road, Road::Plain(_)), plain, "{description}");
    }
}

#[test]
fn a_run_ends_where_set_would_append_otherwise_and_cuts_come_first() {
    let statements = |description: &Document, order| {
        let event = event(description);
        let Road::Plain(bodies) = road(&model::description(&event), order).unwrap() else { panic!() };
        bodies.iter().map(|body| Document::from_reader(&body[..]).unwrap()).collect::<Vec<_>>()
    };
    let numeric = |description: &Document| statements(description, SetOrder::Numeric);
    assert_eq!(
        numeric(
            &doc! {"updatedFields": {"b": 1, "n": 1, "a": 2, "m.x": 3, "m.y": 4}, "removedFields": ["q"],
            "truncatedArrays": [{"field": "items", "newSize": 2}]}
        ),
        [
            doc! {"$push": {"items": {"$each": [], "$slice": 2_i64}}, "$set": {"b": 1, "n": 1}},
            doc! {"$set": {"a": 2, "m.x": 3, "m.y": 4}, "$unset": {"q": true}},
        ]
    );
    assert_eq!(
        numeric(&doc! {"updatedFields": {"x": 0, "a.0": 1},
        "truncatedArrays": [{"field": "a", "newSize": 2}, {"field": "a.1.b", "newSize": 1}]}),
        [
            doc! {"$push": {"a": {"$each": [], "$slice": 2_i64}}},
            doc! {"$push": {"a.1.b": {"$each": [], "$slice": 1_i64}}, "$set": {"x": 0, "a.0": 1}},
        ]
    );
    let numbers = doc! {"updatedFields": {"m.9": 1, "m.10": 2}};
    assert_eq!(numeric(&numbers).len(), 1);
    assert_eq!(statements(&numbers, SetOrder::Lexicographic).len(), 2);
    assert!(numeric(&doc! {"removedFields": ["_id"]}).is_empty());
    // Where parents may be made, their order counts too.
    let made = model::event_of(&doc! {"updatedFields": {"m.10.x": 1, "m.10.y": 1, "m.9.x": 1}});
    let count = |order| match road(&model::description(&made), order).unwrap() {
        Road::Plain(bodies) => bodies.len(),
        Road::OnDocument => 0,
    };
    assert_eq!((count(SetOrder::Numeric), count(SetOrder::Lexicographic)), (2, 1));
}
