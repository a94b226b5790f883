//! Folding, commands and replies, case by case.

use bson::{Bson, Document, Timestamp, doc};
use common::{error, raw};

use super::{
    Change, Kind, Limits, NamespaceId, Options, Plan, Record, Refusal, Refused, Reply, Sort, Way, Write,
    commands,
    delta::{Inexact, model},
    plan, rewrite,
};

/// A change, its bytes owned.
enum Given {
    Insert(Document),
    Image(Document),
    Delta(Document),
    Delete,
}

use Given::{Delete, Delta, Image, Insert};

/// Plans changes to documents with these `_id`s, hands the plan to `check`.
fn planned(changes: &[(Bson, Given)], fold: bool, check: impl FnOnce(&Plan<'_>)) {
    let bytes: Vec<_> = changes
        .iter()
        .map(|(id, given)| {
            let change = match given {
                Insert(document) | Image(document) => document.to_vec().unwrap(),
                Delta(description) => model::diff_event(description),
                Delete => Vec::new(),
            };
            (doc! {"_id": id}.to_vec().unwrap(), change)
        })
        .collect();
    let records: Vec<_> = changes
        .iter()
        .zip(&bytes)
        .map(|((_, given), (id, bytes))| Record {
            namespace: NamespaceId(0),
            key: id,
            id: raw::Document::new(id).unwrap().get("_id").unwrap().unwrap(),
            change: match given {
                Insert(_) => Change::Insert(raw::Document::new(bytes).unwrap()),
                Image(_) => Change::Image(raw::Document::new(bytes).unwrap()),
                Delta(_) => Change::Delta(model::description(bytes)),
                Delete => Change::Delete,
            },
        })
        .collect();
    check(&plan(&records, &Options { fold, ..Options::default() }));
}

/// Kinds and records, step by step.
type Outline = Vec<Vec<(Kind, Vec<usize>)>>;

fn outline(plan: &Plan<'_>) -> Outline {
    let step = |step: &super::Step<'_>| {
        let statements =
            step.groups.iter().flat_map(|group| group.statements.iter().map(|s| (group.kind, s)));
        statements.map(|(kind, statement)| (kind, plan.records(statement).to_vec())).collect()
    };
    plan.steps.iter().map(step).collect()
}

fn set(path: &str) -> Given {
    Delta(doc! {"updatedFields": {path: 1}})
}

#[test]
fn changes_of_one_document_fold_as_the_table_says() {
    let image = || Image(doc! {"_id": 1, "a": 1});
    let insert = || Insert(doc! {"_id": 1, "a": 1});
    let foreign = || Delta(doc! {"updatedFields": {"a.b.c": 1}, "disambiguatedPaths": {}});
    let cases: Vec<(Vec<Given>, Outline)> = vec![
        (vec![insert()], vec![vec![(Kind::Insert, vec![0])]]),
        (vec![insert(), set("b"), set("c")], vec![vec![(Kind::Insert, vec![0, 1, 2])]]),
        (vec![insert(), image()], vec![vec![(Kind::Insert, vec![0, 1])]]),
        (vec![image(), set("b"), Delete], vec![vec![(Kind::Delete, vec![0, 1, 2])]]),
        (vec![insert(), Delete], vec![vec![(Kind::Delete, vec![0, 1])]]),
        (vec![Delete, insert()], vec![vec![(Kind::Upsert, vec![0, 1])]]),
        (vec![set("a"), set("b"), image()], vec![vec![(Kind::Upsert, vec![0, 1, 2])]]),
        (vec![set("a"), set("b")], vec![vec![(Kind::Update, vec![0])], vec![(Kind::Update, vec![1])]]),
        (vec![set("a"), set("b"), set("c"), set("d")], vec![vec![(Kind::OnDocument, vec![0, 1, 2, 3])]]),
        (vec![set("a"), set("$b")], vec![vec![(Kind::OnDocument, vec![0, 1])]]),
        (vec![Delete, set("a")], vec![vec![(Kind::Delete, vec![0])], vec![(Kind::Update, vec![1])]]),
        (
            vec![image(), set("b"), foreign(), set("c")],
            vec![vec![(Kind::Upsert, vec![0, 1])], vec![(Kind::OnDocument, vec![2, 3])]],
        ),
        (vec![Insert(doc! {"a": 1})], vec![vec![(Kind::Upsert, vec![0])]]),
        (
            vec![Insert(doc! {"_id": 1, "t": Timestamp { time: 0, increment: 0 }})],
            vec![vec![(Kind::Upsert, vec![0])]],
        ),
        (
            vec![Delta(doc! {"updatedFields": {"b": 1, "a": 1}})],
            vec![vec![(Kind::Update, vec![0])], vec![(Kind::Update, vec![0])]],
        ),
    ];
    for (place, (changes, expected)) in cases.into_iter().enumerate() {
        let changes: Vec<_> = changes.into_iter().map(|change| (Bson::Int32(1), change)).collect();
        planned(&changes, true, |plan| assert_eq!(outline(plan), expected, "case {place}"));
    }
}

#[test]
fn unfolded_every_record_has_its_own_statement() {
    let changes = [Insert(doc! {"_id": 1}), set("a"), Image(doc! {"_id": 1}), Delete];
    let changes: Vec<_> = changes.into_iter().map(|change| (Bson::Int32(1), change)).collect();
    planned(&changes, false, |plan| {
        let kinds = [Kind::Insert, Kind::Update, Kind::Upsert, Kind::Delete];
        let expected: Vec<_> =
            kinds.into_iter().enumerate().map(|(at, kind)| vec![(kind, vec![at])]).collect();
        assert_eq!(outline(plan), expected);
    });
}

#[test]
fn a_delta_that_cannot_be_read_takes_its_followers_with_it_until_the_document_is_whole_again() {
    let bad = || Delta(doc! {"removedFields": [1]});
    let whole = || Image(doc! {"_id": 1, "z": 1});
    let id = || Bson::Int32(1);
    let follows = |record, cause| Refused { record, reason: Refusal::Follows { record: cause } };
    planned(&[(id(), set("a")), (id(), bad()), (id(), set("b"))], true, |plan| {
        assert_eq!(outline(plan), [[(Kind::Update, vec![0])]]);
        assert!(matches!(plan.refused[0], Refused { record: 1, reason: Refusal::Malformed(_) }));
        assert_eq!(plan.refused[1..], [follows(2, 1)]);
    });
    planned(
        &[(id(), whole()), (id(), bad()), (id(), set("b")), (id(), Delete), (id(), set("c"))],
        false,
        |plan| {
            assert_eq!(plan.refused.iter().map(|refused| refused.record).collect::<Vec<_>>(), [1, 2]);
            assert_eq!(outline(plan).len(), 3);
        },
    );
    planned(&[(id(), whole()), (id(), bad()), (id(), set("b"))], true, |plan| {
        assert_eq!(outline(plan), [[(Kind::Upsert, vec![0])]]);
        assert_eq!(plan.refused[1..], [follows(2, 1)]);
    });
    planned(&[(id(), Delta(doc! {"removedFields": ["_id"]}))], true, |plan| {
        assert!(plan.is_empty() && plan.untouched == [0]);
    });
}

/// The bodies of all commands of a plan's only group.
fn bodies(plan: &Plan<'_>, limits: Limits) -> Vec<(Document, std::ops::Range<usize>)> {
    let group = &plan.steps[0].groups[0];
    commands("c.d", group, limits, Way::Each)
        .map(|command| (Document::from_reader(&command.body[..]).unwrap(), command.statements))
        .collect()
}

#[test]
fn commands_say_what_the_statements_mean() {
    let majority = doc! {"w": "majority"};
    let tail = |mut command: Document| {
        command.extend(doc! {"ordered": false, "writeConcern": &majority});
        command
    };
    let reference = doc! {"$ref": "x", "$id": 1};
    let empty = Timestamp { time: 0, increment: 0 };
    let cases: Vec<(Bson, Given, Document)> = vec![
        (
            1.into(),
            Insert(doc! {"_id": 1, "$x": 1}),
            doc! {"insert": "c.d", "documents": [{"_id": 1, "$x": 1}]},
        ),
        (
            1.into(),
            Image(doc! {"_id": 1, "a.b": {"$x": empty}}),
            doc! {"update": "c.d", "updates": [{"q": {"_id": 1}, "u": {"_id": 1, "a.b": {"$x": empty}}, "upsert": true}]},
        ),
        (
            1.into(),
            Image(doc! {"_id": 1, "$x": 1}),
            doc! {"update": "c.d", "updates": [{"q": {"_id": 1},
            "u": [{"$replaceWith": {"$literal": {"_id": 1, "$x": 1}}}], "upsert": true}]},
        ),
        (
            reference.clone().into(),
            Image(doc! {"_id": &reference, "t": empty}),
            doc! {"update": "c.d", "updates": [{"q": {"_id": {"$eq": &reference}},
            "u": [{"$replaceWith": {"$literal": {"_id": &reference, "t": empty}}}], "upsert": true}]},
        ),
        (
            doc! {"a": {"$x": 1}}.into(),
            Delta(doc! {"updatedFields": {"t": empty}, "removedFields": ["q"]}),
            doc! {"update": "c.d", "updates": [{"q": {"_id": {"a": {"$x": 1}}},
            "u": {"$set": {"t": empty}, "$unset": {"q": true}}}]},
        ),
        (
            Bson::Null,
            Delete,
            doc! {"delete": "c.d", "deletes": [{"q": {"_id": {"$in": [Bson::Null]}}, "limit": 0}]},
        ),
    ];
    for (id, given, expected) in cases {
        planned(&[(id, given)], true, |plan| {
            let commands = bodies(plan, Limits::default());
            assert_eq!(commands, [(tail(expected), 0..1)]);
        });
    }
}

#[test]
fn commands_end_at_the_statements_and_bytes_they_may_hold() {
    let document = |id: i32, len: usize| (Bson::Int32(id), Insert(doc! {"_id": id, "x": "y".repeat(len)}));
    let small: Vec<_> = (0..7).map(|id| document(id, 10)).collect();
    let lens = |changes: &[(Bson, Given)], limits| {
        let mut lens = Vec::new();
        planned(changes, true, |plan| lens = bodies(plan, limits).into_iter().map(|(_, s)| s).collect());
        lens
    };
    assert_eq!(lens(&small, Limits { statements: 3, bytes: 1 << 20 }), [0..3, 3..6, 6..7]);
    let mixed = [document(0, 10), document(1, 5000), document(2, 10), document(3, 10)];
    assert_eq!(lens(&mixed, Limits { statements: 1000, bytes: 1000 }), [0..1, 1..2, 2..4]);
    let deletes: Vec<_> = (0..5).map(|id| (Bson::Int32(id), Delete)).collect();
    assert_eq!(lens(&deletes, Limits { statements: 4, bytes: 1 << 20 }), [0..4, 4..5]);
}

#[test]
fn a_document_that_does_not_fit_or_is_missing_is_a_repair() {
    let changes = [(1.into(), set("$a")), (2.into(), set("$a.b")), (3.into(), set("$a"))];
    planned(&changes, true, |plan| {
        let group = &plan.steps[0].groups[0];
        let copy = super::Group { statements: group.statements.clone(), ..*group };
        let base = doc! {"_id": 0}.to_vec().unwrap();
        let third = doc! {"_id": 3}.to_vec().unwrap();
        let rewritten = rewrite(copy, |key| (key != third).then(|| raw::Document::new(&base).unwrap()));
        assert_eq!(rewritten.group.statements.len(), 2);
        let Write::Document(document) = &rewritten.group.statements[0].write else { panic!() };
        assert_eq!(Document::from_reader(&document[..]).unwrap(), doc! {"_id": 0, "$a": 1});
        assert_eq!(rewritten.repairs.len(), 1);
        assert_eq!(
            (rewritten.repairs[0].why, plan.records(&rewritten.repairs[0].statement)),
            (None, &[2][..])
        );
    });
    let stated = Delta(doc! {"updatedFields": {"$a.b": 1}, "disambiguatedPaths": {}});
    planned(&[(1.into(), stated)], true, |plan| {
        let group = &plan.steps[0].groups[0];
        let copy = super::Group { statements: group.statements.clone(), ..*group };
        let rewritten = rewrite(copy, |_| Some(raw::Document::EMPTY));
        assert_eq!(rewritten.repairs[0].why, Some(Inexact::BaseDoesNotFit));
    });
}

#[test]
fn a_reply_is_read_statement_by_statement() {
    let reply = doc! {
        "n": 3, "nModified": 1_i64, "ok": 1.0,
        "upserted": [{"index": 4, "_id": "x"}],
        "writeErrors": [
            {"index": 0, "code": 11000, "keyPattern": {"_id": 1}, "keyValue": {"_id": 1}, "errmsg": "secret"},
            {"index": 2, "code": 11000, "keyPattern": {"_id": 1, "b": 1}, "errmsg": "secret"},
            {"index": 3, "code": 2, "errmsg": "must be an array"},
            {"index": 5, "code": 121},
        ],
        "writeConcernError": {"code": 64, "errmsg": "timeout"},
    };
    let reply = reply.to_vec().unwrap();
    let reply = Reply::parse(raw::Document::new(&reply).unwrap(), Kind::Update).unwrap();
    assert_eq!((reply.n, reply.modified, &reply.upserted[..]), (3, 1, &[4][..]));
    let sorts: Vec<_> = reply.failures.iter().map(|failure| (failure.index, failure.fault.sort)).collect();
    assert_eq!(
        sorts,
        [
            (0, Sort::Duplicate { on_id: true }),
            (2, Sort::Duplicate { on_id: false }),
            (3, Sort::BaseDoesNotFit),
            (5, Sort::Refused)
        ]
    );
    assert_eq!(reply.unconfirmed.unwrap().kind(), error::Kind::Transient);
    let clean = doc! {"n": 5, "ok": 1.0}.to_vec().unwrap();
    let clean = Reply::parse(raw::Document::new(&clean).unwrap(), Kind::Insert).unwrap();
    assert_eq!(clean, Reply { n: 5, ..Reply::default() });
}

#[test]
fn codes_are_sorted_and_unknown_ones_are_never_poison() {
    for (code, kind, sort, error) in [
        (121, Some(Kind::Insert), Sort::Refused, error::Kind::Poison),
        (2, Some(Kind::Insert), Sort::Refused, error::Kind::Poison),
        (2, Some(Kind::Update), Sort::BaseDoesNotFit, error::Kind::Transient),
        (28, Some(Kind::Update), Sort::BaseDoesNotFit, error::Kind::Transient),
        (13, None, Sort::Misconfigured, error::Kind::Misconfigured),
        (11602, None, Sort::Transient, error::Kind::Transient),
        (987_654, Some(Kind::Insert), Sort::Unknown, error::Kind::Transient),
    ] {
        let fault = super::Fault::new(code, kind);
        assert_eq!((fault.sort, fault.kind()), (sort, error), "{code}");
    }
}
