//! The law: shaping and updating commute.

use bson::{Bson, Document};
use common::{
    config::types::{FieldRules, Mask},
    raw::{self, Writer},
};
use proptest::prelude::*;

use crate::plan::delta::{
    Inexact, apply,
    model::{self, Names},
};
use shape::{
    Shaped, Shaper, Unclear,
    testing::{compiled, passing},
};

/// A name that documents have at the top, then names and numbers that they have below.
fn rule_path() -> impl Strategy<Value = String> {
    let top = proptest::sample::select(vec!["a", "b", "c", "x", "a\\.b", "x\\.y\\.z"]);
    let below = proptest::sample::select(vec!["a", "b", "0", "1", "10"]);
    (top, proptest::collection::vec(below, 0..3)).prop_map(|(top, below)| {
        let names: Vec<_> = std::iter::once(top).chain(below).collect();
        names.join(".")
    })
}

/// Rules, without those that contradict each other.
fn shaper() -> impl Strategy<Value = Shaper> {
    let paths = || proptest::collection::vec(rule_path(), 0..4);
    (paths(), paths()).prop_filter_map("contradictory or empty", |(allow, deny)| {
        compiled(FieldRules { allow, deny, ..FieldRules::default() })
    })
}

/// The same, with new names and masks.
fn changing_shaper() -> impl Strategy<Value = Shaper> {
    let paths = |most| proptest::collection::vec(rule_path(), 0..most);
    let name = proptest::sample::select(vec!["a", "b", "c", "x", "r", "s"]).prop_map(str::to_owned);
    let mask = prop_oneof![Just(Mask::Hash), Just(Mask::Redact), (1..3_u32).prop_map(Mask::Truncate)];
    let rename = proptest::collection::btree_map(rule_path(), name, 0..4);
    let mask = proptest::collection::btree_map(rule_path(), mask, 0..3);
    (paths(2), paths(2), rename, mask).prop_filter_map(
        "contradictory or nothing changing",
        |(allow, deny, rename, mask)| {
            let changes = !rename.is_empty() || !mask.is_empty();
            let rules = FieldRules { allow, deny, rename, mask, ..FieldRules::default() };
            changes.then(|| compiled(rules)).flatten()
        },
    )
}

fn shaped(shaper: &Shaper, document: &Document) -> Document {
    let bytes = document.to_vec().unwrap();
    let mut out = Writer::new();
    shaper.document(raw::Document::new(&bytes).unwrap(), &mut out).unwrap();
    Document::from_reader(out.as_bytes()).unwrap()
}

/// `None` where a field has the new name of another.
fn shapeable(shaper: &Shaper, document: &Document) -> Option<Document> {
    let bytes = document.to_vec().unwrap();
    let mut out = Writer::new();
    match shaper.document(raw::Document::new(&bytes).unwrap(), &mut out) {
        Ok(()) => Some(Document::from_reader(out.as_bytes()).unwrap()),
        Err(Unclear::Taken(_)) => None,
        Err(other) => panic!("{other}"),
    }
}

fn updated(document: &Document, delta: &common::event::UpdateDescription<'_>) -> Result<Document, Inexact> {
    let bytes = document.to_vec().unwrap();
    let mut out = Writer::new();
    apply(raw::Document::new(&bytes).unwrap(), delta, &mut out)?;
    Ok(Document::from_reader(out.as_bytes()).unwrap())
}

/// Both ways round the square, where the update is exact and the rules are clear about it.
fn the_square_closes(
    shaper: &Shaper,
    pre: &Document,
    edits: &[model::Edit],
    stated: bool,
) -> Result<(), TestCaseError> {
    let event = model::event(pre, &model::edited(pre, edits), stated);
    let delta = model::description(&event);
    let Ok(post) = updated(pre, &delta) else { return Ok(()) };
    // A document that is refused is not at the target, whatever happens to it.
    let Some(before) = shapeable(shaper, pre) else { return Ok(()) };
    let after = match shaper.delta(&delta) {
        Ok(Shaped::Delta(delta)) => updated(&before, &delta.view()),
        Ok(Shaped::Nothing) => Ok(before),
        Err(Unclear::Ambiguous) => return Ok(()),
        Err(Unclear::Taken(_)) => {
            prop_assert_eq!(shapeable(shaper, &post), None, "refused without need");
            return Ok(());
        }
        Err(other) => panic!("{other}"),
    };
    prop_assert_eq!(after.map(Some), Ok(shapeable(shaper, &post)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { max_local_rejects: 1 << 20, ..model::cases(1500) })]

    #[test]
    fn shaping_and_updating_commute_on_plain_names(
        shaper in shaper(), pre in model::document(Names::Plain), edits in model::edits(Names::Plain),
        stated in any::<bool>(),
    ) {
        the_square_closes(&shaper, &pre, &edits, stated)?;
    }

    #[test]
    fn shaping_and_updating_commute_on_odd_names(
        shaper in shaper(), pre in model::document(Names::Odd), edits in model::edits(Names::Odd),
        stated in any::<bool>(),
    ) {
        the_square_closes(&shaper, &pre, &edits, stated)?;
    }

    #[test]
    fn renaming_masking_and_updating_commute_on_plain_names(
        shaper in changing_shaper(), pre in model::document(Names::Plain), edits in model::edits(Names::Plain),
        stated in any::<bool>(),
    ) {
        the_square_closes(&shaper, &pre, &edits, stated)?;
    }

    #[test]
    fn renaming_masking_and_updating_commute_on_odd_names(
        shaper in changing_shaper(), pre in model::document(Names::Odd), edits in model::edits(Names::Odd),
        stated in any::<bool>(),
    ) {
        the_square_closes(&shaper, &pre, &edits, stated)?;
    }

    #[test]
    fn shaping_twice_is_shaping_once(shaper in shaper(), document in model::document(Names::Odd)) {
        let once = shaped(&shaper, &document);
        prop_assert_eq!(shaped(&shaper, &once), once);
    }

    #[test]
    fn a_denied_top_field_is_nowhere(document in model::document(Names::Odd), edits in model::edits(Names::Odd)) {
        let shaper = compiled(passing(&[], &["a"])).unwrap();
        let denied = |name: &str| name == "a" || name.starts_with("a.");
        prop_assert!(!shaped(&shaper, &document).keys().any(|name| denied(name)));
        let event = model::event(&document, &model::edited(&document, &edits), false);
        if let Shaped::Delta(delta) = shaper.delta(&model::description(&event)).unwrap() {
            for element in delta.view().updated_fields.elements() {
                prop_assert!(!denied(element.unwrap().name_str().unwrap()));
            }
        }
    }
}

#[test]
fn the_square_closes_where_places_could_shift() {
    use bson::doc;
    // (allow, deny, document, delta)
    let cases: [(&[&str], &[&str], Document, Document); 8] = [
        (&[], &["a.0"], doc! {"a": [1, 2]}, doc! {"updatedFields": {"a.1": 5}}),
        (&[], &["a.0"], doc! {"a": []}, doc! {"updatedFields": {"a.0": 5, "a.1": 6}}),
        (&["a.b"], &[], doc! {"a": [1, {"b": 1}, {"c": 1}]}, doc! {"updatedFields": {"a.2.b": 5, "a.3": 6}}),
        (&["a.b"], &[], doc! {"a": [1, 2, 3]}, doc! {"truncatedArrays": [{"field": "a", "newSize": 1}]}),
        (&["a.b", "z"], &[], doc! {"a": 5, "z": 1}, doc! {"updatedFields": {"a": {"b": 1, "c": 2}}}),
        (&["a.b", "z"], &[], doc! {"a": {"b": 1}, "z": 1}, doc! {"updatedFields": {"a": 7}}),
        (
            &["a.b"],
            &[],
            doc! {"a": {"0": {"c": 1}}},
            doc! {"updatedFields": {"a.0.b": 7, "a.0.c": 8, "a.1": {"b": 9}}},
        ),
        (&["a"], &["a.b"], doc! {"a": {"b": {"c": 1}}}, doc! {"updatedFields": {"a.b.c": 7}}),
    ];
    for (allow, deny, document, description) in cases {
        let shaper = compiled(passing(allow, deny)).unwrap();
        let event = model::diff_event(&description);
        let delta = model::description(&event);
        let before = shaped(&shaper, &document);
        let after = match shaper.delta(&delta).unwrap() {
            Shaped::Delta(delta) => updated(&before, &delta.view()),
            Shaped::Nothing => Ok(before),
        };
        let post = updated(&document, &delta).unwrap();
        assert_eq!(after, Ok(shaped(&shaper, &post)), "{allow:?} {deny:?} {document} {description}");
    }
}

#[test]
fn a_path_that_a_dotted_rule_may_mean_is_unclear_until_the_server_says() {
    let shaper = compiled(passing(&["a\\.b"], &[])).unwrap();
    let description = |extra: Option<Bson>| {
        let mut description = bson::doc! {"updatedFields": {"a.b": 1}};
        description.extend(extra.map(|paths| ("disambiguatedPaths".to_owned(), paths)));
        model::diff_event(&description)
    };
    let stated = |paths: Document| {
        let event = description(Some(Bson::Document(paths)));
        shaper.delta(&model::description(&event)).unwrap()
    };
    let unstated = description(None);
    let operators = model::event_of(&bson::doc! {"updatedFields": {"a.b": 1}});
    assert_eq!(shaper.delta(&model::description(&operators)), Ok(Shaped::Nothing));
    assert_eq!(shaper.delta(&model::description(&unstated)), Err(Unclear::Ambiguous));
    assert_eq!(stated(bson::doc! {}), Shaped::Nothing);
    assert!(matches!(stated(bson::doc! {"a.b": ["a.b"]}), Shaped::Delta(_)));
}
