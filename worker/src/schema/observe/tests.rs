use bson::{Document as Bson, doc};
use proptest::prelude::*;

use super::*;

fn partition(number: i32) -> Partition {
    Partition { topic: "t".into(), number }
}

struct Watch {
    observed: Observed,
    drifts: Vec<Drift>,
    sum: Contribution,
    at: u64,
}

impl Watch {
    fn new(limit: usize) -> Self {
        Self { observed: Observed::new(limit), drifts: Vec::new(), sum: Contribution::default(), at: 0 }
    }

    fn document(&mut self, document: &Bson) -> &mut Self {
        self.whole(document, false)
    }

    fn whole(&mut self, document: &Bson, is_snapshot: bool) -> &mut Self {
        self.at += 1;
        let bytes = document.to_vec().unwrap();
        let document = Some(Document::new(&bytes).unwrap());
        let sight = Sight { document, delta: None, at: ClusterTime(self.at), is_snapshot };
        self.observed.see(&partition(0), &sight, &mut self.drifts);
        self
    }

    fn delta(&mut self, updated: &Bson, removed: &[&str]) -> &mut Self {
        self.at += 1;
        let (updated, removed) = (updated.to_vec().unwrap(), doc! {"r": removed}.to_vec().unwrap());
        let removed = Document::new(&removed).unwrap().get("r").unwrap().unwrap().as_document().unwrap();
        let delta = UpdateDescription {
            updated_fields: Document::new(&updated).unwrap(),
            removed_fields: removed,
            truncated_arrays: Document::EMPTY,
            is_diff: true,
            disambiguated_paths: None,
        };
        let sight =
            Sight { document: None, delta: Some(delta), at: ClusterTime(self.at), is_snapshot: false };
        self.observed.see(&partition(0), &sight, &mut self.drifts);
        self
    }

    fn sum(&mut self) -> &Contribution {
        self.observed.take().iter().for_each(|(_, told)| self.sum.merge(told));
        &self.sum
    }

    /// Every path with its types, `?` where it may be missing.
    fn seen(&mut self) -> Vec<String> {
        let sum = self.sum().clone();
        let line = |(path, tally): (&String, &Tally)| {
            let types: Vec<_> = tally.seen.iter().map(|seen| super::super::kind::name(seen.kind)).collect();
            format!("{path}{} {}", if sum.is_optional(path, tally) { "?" } else { "" }, types.join("|"))
        };
        sum.paths.iter().map(line).collect()
    }

    fn drifted(&self) -> Vec<(&str, &'static str)> {
        self.drifts.iter().map(|drift| (drift.path.as_str(), drift.what.word())).collect()
    }
}

#[test]
fn five_fields_and_a_sixth_that_joins_later() {
    let user = doc! {"_id": 1, "firstname": "A", "lastname": "L", "age": 36, "email": "a@x"};
    let mut watch = Watch::new(100);
    watch.document(&user).document(&user);
    assert!(watch.drifts.is_empty());
    watch.delta(&doc! {"sex": "f"}, &[]);
    let mut joined = user.clone();
    joined.insert("sex", "f");
    watch.document(&joined);
    assert_eq!(watch.drifted(), [("sex", "new_field")]);
    assert_eq!(watch.drifts[0].at, ClusterTime(3));
    assert_eq!(
        watch.seen(),
        ["_id int", "age int", "email string", "firstname string", "lastname string", "sex? string"]
    );
    let sex = &watch.sum.paths["sex"];
    assert_eq!(
        (sex.seen[0].count, sex.seen[0].set, sex.first(), sex.last()),
        (1, 1, Some(ClusterTime(3)), Some(ClusterTime(4)))
    );
}

#[test]
fn types_widen_change_and_fields_go_missing() {
    let mut watch = Watch::new(100);
    watch.document(&doc! {"_id": 1, "n": 1, "m": "x", "a": {"b": 1, "c": 1}});
    watch.document(&doc! {"_id": 2, "n": 1_i64, "m": 5, "a": {"b": 1, "c": 1}});
    watch.document(&doc! {"_id": 3, "n": 1.5, "a": {"b": 1}});
    watch.document(&doc! {"_id": 4, "a": {"b": 1}});
    watch.delta(&doc! {}, &["a.b", "nobody.knows"]);
    assert_eq!(
        watch.drifted(),
        [
            ("n", "widened_type"),
            ("m", "new_type"),
            ("n", "widened_type"),
            ("a.c", "missing_field"),
            ("m", "missing_field"),
            ("n", "missing_field"),
            ("a.b", "missing_field"),
        ]
    );
    assert_eq!(
        watch.seen(),
        ["_id int", "a object", "a.b? int", "a.c? int", "m? string|int", "n? int|long|double"]
    );
}

#[test]
fn arrays_are_one_path_whatever_the_place() {
    let mut watch = Watch::new(100);
    watch.document(&doc! {"_id": 1, "items": [{"price": 1}, {"price": 1.5, "cut": true}, 7]});
    watch.delta(&doc! {"items.1.price": "free", "items.2": null}, &["items.0.cut"]);
    assert_eq!(
        watch.seen(),
        [
            "_id int",
            "items array",
            "items.[] object|int|null",
            "items.[].cut? bool",
            "items.[].price int|double|string"
        ]
    );
    let mut watch = Watch::new(100);
    watch.document(&doc! {"_id": 1, "by": {"0": "zero"}}).delta(&doc! {"by.0": 5}, &[]);
    assert_eq!(watch.seen(), ["_id int", "by object", "by.0 string|int"]);
}

#[test]
fn a_snapshot_is_no_drift_and_paths_have_a_limit() {
    let mut watch = Watch::new(4);
    watch.whole(&doc! {"_id": 1}, true).whole(&doc! {"_id": 2, "a": 1}, true).whole(&doc! {}, true);
    assert!(watch.drifts.is_empty());
    watch.document(&doc! {"_id": 3, "b": 1, "c": 1, "d": 1, "e": 1});
    watch.document(&doc! {"_id": 3, "f": 1});
    assert_eq!(watch.drifted(), [("b", "new_field"), ("c", "new_field"), ("", "full")]);
    assert!(watch.sum().is_full);
}

#[test]
fn what_all_have_learnt_is_no_news_and_what_could_not_be_told_is_not_lost() {
    let mut first = Watch::new(100);
    first.document(&doc! {"_id": 1, "a": 1, "b": {"c": 1}}).document(&doc! {"_id": 2, "b": {"c": 1}});
    let told = first.observed.take();
    first.observed.give_back(&told[0].0, &told[0].1);
    let sum = first.sum().clone();
    assert_eq!(sum, told[0].1);

    let mut second = Watch { at: 10, ..Watch::new(100) };
    second.observed.learn(&sum);
    second.document(&doc! {"_id": 1, "b": {"c": 1}}).document(&doc! {"_id": 1, "a": 1, "b": {}});
    assert_eq!(second.drifted(), [("b.c", "missing_field")]);
}

proptest! {
    /// However events are spread over partitions and tellings, the sum is that of one who saw them all.
    #[test]
    fn the_sum_does_not_depend_on_who_saw_what(
        events in prop::collection::vec((0..3_i32, any::<bool>(), prop::collection::btree_map("[ab]", 0..3_i32, 0..3)), 1..12),
    ) {
        let (mut one, mut many) = (Observed::new(50), Observed::new(50));
        let (mut of_one, mut of_many) = (Contribution::default(), Contribution::default());
        for (at, (number, is_told, fields)) in events.into_iter().enumerate() {
            let typed = |(name, kind): (String, i32)| match kind {
                0 => (name, bson::Bson::Int32(1)),
                1 => (name, bson::Bson::Null),
                _ => (name, bson::Bson::Document(doc! {"x": 1})),
            };
            let document: Bson = fields.into_iter().map(typed).collect();
            let bytes = document.to_vec().unwrap();
            let document = Some(Document::new(&bytes).unwrap());
            let sight = Sight { document, delta: None, at: ClusterTime(at as u64 + 1), is_snapshot: false };
            one.see(&partition(0), &sight, &mut Vec::new());
            many.see(&partition(number), &sight, &mut Vec::new());
            if is_told {
                many.take().iter().for_each(|(_, told)| of_many.merge(told));
            }
        }
        one.take().iter().for_each(|(_, told)| of_one.merge(told));
        many.take().iter().for_each(|(_, told)| of_many.merge(told));
        for sum in [&mut of_one, &mut of_many] {
            sum.paths.values_mut().for_each(|tally| tally.seen.sort_by_key(|seen| seen.kind));
        }
        prop_assert_eq!(of_one, of_many);
    }
}
