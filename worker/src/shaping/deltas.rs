//! What new names and masks make of each part of a delta. That it is right is the law's business.

use bson::{Bson, Document, doc};
use common::{
    config::types::{FieldRules, Mask},
    raw,
};

use shape::{Shaped, Unclear, testing::compiled};

use crate::plan::delta::model;

/// Rules of new names and masks on which the delta is shaped; what of it is left.
fn changed(
    rename: &[(&str, &str)],
    mask: &[(&str, Mask)],
    deny: &[&str],
    event: &[u8],
) -> Result<Document, Unclear> {
    let rename = rename.iter().map(|(path, to)| ((*path).to_owned(), (*to).to_owned())).collect();
    let mask = mask.iter().map(|(path, mask)| ((*path).to_owned(), *mask)).collect();
    let deny = deny.iter().map(|path| (*path).to_owned()).collect();
    let shaper = compiled(FieldRules { rename, mask, deny, ..FieldRules::default() }).unwrap();
    let Shaped::Delta(delta) = shaper.delta(&model::description(event))? else { return Ok(Document::new()) };
    let list = |document: raw::Document<'_>| Document::from_reader(document.as_bytes()).unwrap();
    let delta = delta.view();
    let mut left = list(delta.updated_fields);
    let removed = list(delta.removed_fields);
    left.extend(removed.into_iter().map(|(_, path)| (format!("-{}", path.as_str().unwrap()), Bson::Null)));
    let cut = list(delta.truncated_arrays).into_iter().map(|(_, cut)| cut.as_document().unwrap().clone());
    left.extend(cut.map(|cut| (format!("/{}", cut.get_str("field").unwrap()), cut["newSize"].clone())));
    left.extend(delta.disambiguated_paths.map(|paths| ("paths".to_owned(), list(paths).into())));
    Ok(left)
}

#[test]
fn every_part_of_a_delta_takes_the_new_names_and_masks() {
    let event = model::diff_event(&doc! {
        "updatedFields": {"items.1.price": 5, "items.2": {"price": 6, "note": "abcd"}, "a.zip": 1, "a": {"zip": 2}, "n": 3},
        "removedFields": ["items.0.price", "a.zip"],
        "truncatedArrays": [{"field": "a.zip", "newSize": 2}],
    });
    let rename = [("items.price", "cost"), ("a", "address"), ("a.zip", "postcode")];
    let mask = [("items.note", Mask::Truncate(2)), ("n", Mask::Redact)];
    assert_eq!(
        changed(&rename, &mask, &[], &event).unwrap(),
        doc! {
            "items.1.cost": 5, "items.2": {"cost": 6, "note": "ab"}, "address.postcode": 1, "address": {"postcode": 2}, "n": "***",
            "-items.0.cost": null, "-address.postcode": null, "/address.postcode": 2,
        }
    );
}

#[test]
fn names_that_the_server_states_are_renamed_one_by_one() {
    let event = model::diff_event(&doc! {
        "updatedFields": {"a.b.c": 1, "x.0": 2},
        "disambiguatedPaths": {"a.b.c": ["a.b", "c"], "x.0": ["x", 0]},
    });
    let rename = [("a\\.b", "ab"), ("a\\.b.c", "d"), ("x", "y")];
    let paths = doc! {"ab.d": ["ab", "d"], "y.0": ["y", 0]};
    assert_eq!(changed(&rename, &[], &[], &event).unwrap(), doc! {"ab.d": 1, "y.0": 2, "paths": paths});
}

#[test]
fn a_field_of_the_new_name_is_refused_wherever_it_shows_unless_it_is_denied() {
    for description in [
        doc! {"updatedFields": {"a.to": 1}},
        doc! {"updatedFields": {"a": {"to": 1}}},
        doc! {"updatedFields": {"a.0.to.x": 1}},
        doc! {"updatedFields": {}, "removedFields": ["a.to"]},
    ] {
        let event = model::diff_event(&description);
        let refused = changed(&[("a.from", "to")], &[], &[], &event);
        assert!(matches!(refused, Err(Unclear::Taken(_))), "{description}: {refused:?}");
        assert!(changed(&[("a.from", "to")], &[], &["a.to"], &event).is_ok(), "{description}");
        assert!(changed(&[("a.from", "to"), ("a.to", "from")], &[], &[], &event).is_ok(), "{description}");
    }
}

#[test]
fn what_lies_in_a_redacted_value_never_shows_but_that_it_was_made_does() {
    let description = doc! {"updatedFields": {"a.b": 1, "a.c.d": 2, "i.0.s.x": 3, "k": 4}};
    let mask = [("a", Mask::Redact), ("i.s", Mask::Redact)];
    let diff = model::diff_event(&description);
    assert_eq!(changed(&[("i", "j")], &mask, &[], &diff).unwrap(), doc! {"k": 4});
    let operators = model::event_of(&description);
    assert_eq!(
        changed(&[("i", "j")], &mask, &[], &operators).unwrap(),
        doc! {"a": "***", "j.0.s": "***", "k": 4}
    );
}
