//! Corners of the query language, one by one; that they are the server's is tested against one (`oracle`, `e2e`).

use bson::{Bson, Document, doc};
use common::{event::UpdateDescription, raw};

use super::{Predicate, Verdict};

fn predicate(query: &str) -> Predicate {
    Predicate::compile("rules[0].filter", query).unwrap_or_else(|problems| panic!("{query}: {problems:?}"))
}

fn matches(query: &str, document: &Document) -> bool {
    let bytes = document.to_vec().unwrap();
    predicate(query).matches(raw::Document::new(&bytes).unwrap()).unwrap()
}

#[test]
fn what_matches() {
    let decimal = |text: &str| Bson::Decimal128(text.parse().unwrap());
    let cases: Vec<(&str, Document, bool)> = vec![
        (r#"{"a": null}"#, doc! {}, true),
        (r#"{"a": null}"#, doc! {"a": Bson::Null}, true),
        (r#"{"a": null}"#, doc! {"a": []}, false),
        (r#"{"a": null}"#, doc! {"a": [Bson::Null]}, true),
        (r#"{"a.b": null}"#, doc! {"a": [1, 2]}, false),
        (r#"{"a.b": null}"#, doc! {"a": [1, {"c": 1}]}, true),
        (r#"{"a.b": null}"#, doc! {"a": 1}, true),
        (r#"{"a": {"$ne": null}}"#, doc! {"a": 1}, true),
        (r#"{"a": {"$exists": false}}"#, doc! {"a": Bson::Null}, false),
        (r#"{"a.b": {"$exists": false}}"#, doc! {"a": [1]}, true),
        (r#"{"a": 1}"#, doc! {"a": 1.0}, true),
        (r#"{"a": 1}"#, doc! {"a": decimal("1.000")}, true),
        (r#"{"a": {"$numberDecimal": "0.1"}}"#, doc! {"a": 0.1}, false),
        (r#"{"a": {"$numberDecimal": "0.5"}}"#, doc! {"a": 0.5}, true),
        (r#"{"a": 0}"#, doc! {"a": -0.0}, true),
        (r#"{"a": {"$gt": 9007199254740992}}"#, doc! {"a": 9_007_199_254_740_993_i64}, true),
        (r#"{"a": {"$gte": {"$numberDouble": "NaN"}}}"#, doc! {"a": f64::NAN}, true),
        (r#"{"a": {"$lt": 5}}"#, doc! {"a": f64::NAN}, false),
        (r#"{"a": {"$gt": 5}}"#, doc! {"a": "text"}, false),
        (r#"{"a": {"$gt": 5}}"#, doc! {"a": [1, 9]}, true),
        (r#"{"a": [1, 2]}"#, doc! {"a": [1, 2]}, true),
        (r#"{"a": [1, 2]}"#, doc! {"a": [[1, 2], 3]}, true),
        (r#"{"a": [1, 2]}"#, doc! {"a": [2, 1]}, false),
        (r#"{"a": {"b": 1, "c": 2}}"#, doc! {"a": {"c": 2, "b": 1}}, false),
        (r#"{"a.0": 5}"#, doc! {"a": [5]}, true),
        (r#"{"a.0": 5}"#, doc! {"a": {"0": 5}}, true),
        (r#"{"a.0": 5}"#, doc! {"a": [[5]]}, false),
        (r#"{"a.0.0": 5}"#, doc! {"a": [[5]]}, true),
        (r#"{"a.b": 5}"#, doc! {"a": [[{"b": 5}]]}, false),
        (
            r#"{"a": {"$in": [1, "x", {"$regularExpression": {"pattern": "^y", "options": "i"}}]}}"#,
            doc! {"a": "Yes"},
            true,
        ),
        (r#"{"a": {"$nin": [1, null]}}"#, doc! {}, false),
        (r#"{"a": {"$regex": "^x$"}}"#, doc! {"a": "x\n"}, true),
        (r#"{"a": {"$regex": "\\d"}}"#, doc! {"a": "\u{663}"}, false),
        (r#"{"a": {"$regex": "X", "$options": "i"}}"#, doc! {"a": ["y", "x"]}, true),
        (r#"{"a": {"$not": {"$regex": "x"}}}"#, doc! {"a": 5}, true),
        (r#"{"a": {"$size": 2}}"#, doc! {"a": [1, [2]]}, true),
        (r#"{"a": {"$all": [1, 2]}}"#, doc! {"a": [3, 2, 1]}, true),
        (r#"{"a": {"$all": []}}"#, doc! {"a": []}, false),
        (r#"{"a": {"$elemMatch": {"$gt": 1, "$lt": 3}}}"#, doc! {"a": [0, 4]}, false),
        (r#"{"a": {"$gt": 1, "$lt": 3}}"#, doc! {"a": [0, 4]}, true),
        (r#"{"a": {"$elemMatch": {"b": 1, "c": 2}}}"#, doc! {"a": [{"b": 1}, {"b": 1, "c": 2}]}, true),
        (r#"{"a": {"$elemMatch": {"0": 7}}}"#, doc! {"a": [[7]]}, true),
        (r#"{"a": {"$type": ["number", "minKey"]}}"#, doc! {"a": Bson::MinKey}, true),
        (r#"{"a": {"$type": -1}}"#, doc! {"a": Bson::MinKey}, true),
        (r#"{"a": {"$gt": {"$minKey": 1}}}"#, doc! {"a": "x"}, true),
        (r#"{"a": {"$lte": {"$maxKey": 1}}}"#, doc! {"a": "x"}, true),
        (r#"{"$or": [{"a": 1}, {"b": 1}], "$nor": [{"c": 1}]}"#, doc! {"b": 1}, true),
    ];
    for (query, document, expected) in cases {
        assert_eq!(matches(query, &document), expected, "{query} on {document}");
    }
}

#[test]
fn what_cannot_be_is_told_with_its_place() {
    for (query, place, word) in [
        ("{", "", "Extended JSON"),
        ("{}", "", "leave it out"),
        (r#"{"a": {"$gtt": 1}}"#, ".a.$gtt", "unknown"),
        (r#"{"$where": "x"}"#, ".$where", "unknown"),
        (r#"{"$or": []}"#, ".$or", "empty"),
        (r#"{"$or": [{"a": 1}, 5]}"#, ".$or[1]", "a document"),
        (r#"{"a": {"$in": 5}}"#, ".a.$in", "a list"),
        (r#"{"a": {"$in": [{"$gt": 1}]}}"#, ".a.$in[0]", "operator"),
        (r#"{"a": {"$regex": "("}}"#, ".a.$regex", "regular expression"),
        (r#"{"a": {"$regex": "a(?=b)"}}"#, ".a.$regex", "lookaround"),
        (r#"{"a": {"$regex": "(a)\\1"}}"#, ".a.$regex", "cannot be matched"),
        (r#"{"a": {"$regex": "a", "$options": "q"}}"#, ".a.$regex", "option"),
        (r#"{"a": {"$options": "i"}}"#, ".a.$options", "$regex"),
        (r#"{"a": {"$size": -1}}"#, ".a.$size", "whole number"),
        (r#"{"a": {"$type": "text"}}"#, ".a.$type", "no type"),
        (r#"{"a": {"$not": 5}}"#, ".a.$not", "operators"),
        (r#"{"a": {"$elemMatch": 5}}"#, ".a.$elemMatch", "a document"),
        (r#"{"a": {"$gt": 1, "b": 2}}"#, ".a.b", "unknown"),
    ] {
        let problems = Predicate::compile("rules[0].filter", query).unwrap_err();
        assert_eq!(problems[0].path, format!("rules[0].filter{place}"), "{query}");
        assert!(problems[0].reason.contains(word), "{query}: {problems:?}");
    }
}

#[test]
fn every_problem_is_told() {
    let problems =
        Predicate::compile("f", r#"{"a": {"$x": 1, "$y": 1}, "$or": [{"b": {"$z": 1}}]}"#).unwrap_err();
    let places: Vec<_> = problems.iter().map(|problem| problem.path.as_str()).collect();
    assert_eq!(places, ["f.a.$x", "f.a.$y", "f.$or[0].b.$z"]);
}

fn judged(query: &str, updated: &Document, removed: &[&str], truncated: &[&str]) -> Verdict {
    let updated = updated.to_vec().unwrap();
    let list = |list: Vec<Bson>| {
        let fields: Document =
            list.into_iter().enumerate().map(|(place, value)| (place.to_string(), value)).collect();
        fields.to_vec().unwrap()
    };
    let removed = list(removed.iter().map(|path| Bson::from(*path)).collect());
    let truncated = list(truncated.iter().map(|path| doc! {"field": *path, "newSize": 1}.into()).collect());
    let delta = UpdateDescription {
        updated_fields: raw::Document::new(&updated).unwrap(),
        removed_fields: raw::Document::new(&removed).unwrap(),
        truncated_arrays: raw::Document::new(&truncated).unwrap(),
        is_diff: true,
        disambiguated_paths: None,
    };
    predicate(query).judge(&delta).unwrap()
}

#[test]
fn an_update_is_judged_by_what_it_is_about() {
    let soft_delete = r#"{"deletedAt": null}"#;
    let both = r#"{"deletedAt": null, "address.city": "x"}"#;
    for (query, updated, removed, truncated, verdict) in [
        (soft_delete, doc! {"name": 1, "deletedAtAll": 2}, vec![], vec![], Verdict::Stays),
        (soft_delete, doc! {"deletedAt": 5}, vec![], vec![], Verdict::Out),
        (soft_delete, doc! {"deletedAt": Bson::Null}, vec![], vec![], Verdict::Unknown),
        (soft_delete, doc! {}, vec!["deletedAt"], vec![], Verdict::Unknown),
        (soft_delete, doc! {"deletedAt.by": 5}, vec![], vec![], Verdict::Unknown),
        (both, doc! {"deletedAt": 5}, vec![], vec![], Verdict::Out),
        (both, doc! {"address.city": "y"}, vec![], vec![], Verdict::Unknown),
        (both, doc! {"address": {"city": "y"}}, vec![], vec![], Verdict::Out),
        (both, doc! {"address.zip": "y"}, vec![], vec![], Verdict::Stays),
        (both, doc! {"address.3.city": "y"}, vec![], vec![], Verdict::Unknown),
        (r#"{"items.0.price": 5}"#, doc! {"items.4": 1}, vec![], vec![], Verdict::Unknown),
        (
            r#"{"items": {"$elemMatch": {"price": 5}}}"#,
            doc! {"items.4.name": 1},
            vec![],
            vec![],
            Verdict::Unknown,
        ),
        (r#"{"items": {"$size": 5}}"#, doc! {}, vec![], vec!["items"], Verdict::Unknown),
        (r#"{"items": {"$size": 5}}"#, doc! {}, vec![], vec!["item"], Verdict::Stays),
        (r#"{"a": {"$exists": true}}"#, doc! {}, vec!["a"], vec![], Verdict::Out),
    ] {
        assert_eq!(judged(query, &updated, &removed, &truncated), verdict, "{query} {updated} {removed:?}");
    }
}
