//! Shaping whole values: documents, and what lies in them.

use common::raw::{self, Document, Element, Kind, MAX_DEPTH, Writer};

use super::{
    Shaper, Unclear,
    machine::{Machine, Scalar, State, Verdict},
    mask::{masked, redacted},
};

impl Shaper {
    /// Appends the shaped document to `out`, as an outermost document.
    ///
    /// # Errors
    /// Malformed or too deeply nested BSON, or a field that has the new name of another; `out` then holds an unfinished document
    /// and is for clearing.
    pub fn document(&self, document: Document<'_>, out: &mut Writer) -> Result<(), Unclear> {
        out.begin();
        self.fields(Machine::ROOT, document, out, MAX_DEPTH)?;
        out.end();
        Ok(())
    }

    /// Appends what passes of an element on which the verdict has fallen.
    pub(super) fn element(
        &self,
        verdict: Verdict,
        element: &Element<'_>,
        out: &mut Writer,
        depth: usize,
    ) -> Result<(), Unclear> {
        match (verdict, element.as_document()) {
            (Verdict::Pass, _) => out.element(element),
            (Verdict::Drop, _) => {}
            (Verdict::Into(state), Some(inner)) => {
                let depth = depth.checked_sub(1).ok_or(raw::Error::TooDeep)?;
                if element.kind == Kind::Array {
                    out.begin_array(element.name);
                    self.elements(state, inner, out, depth)?;
                } else {
                    out.begin_document(element.name);
                    self.fields(state, inner, out, depth)?;
                }
                out.end();
            }
            (Verdict::Into(state), None) => match self.machine.scalar(state) {
                Scalar::Pass => out.element(element),
                Scalar::Null => out.value(Kind::Null, element.name, &[]),
                Scalar::Mask(mask) => masked(mask, self.key.as_ref(), element, out),
            },
            (Verdict::Null, _) => out.value(Kind::Null, element.name, &[]),
            (Verdict::Redact, _) => redacted(element, out),
            (Verdict::Taken, _) => return Err(Unclear::taken(element.name)),
        }
        Ok(())
    }

    fn fields(
        &self,
        state: State,
        document: Document<'_>,
        out: &mut Writer,
        depth: usize,
    ) -> Result<(), Unclear> {
        for element in document.elements() {
            let element = element?;
            let (verdict, name) = self.machine.field(state, element.name);
            self.element(verdict, &Element { name: &name, ..element }, out, depth)?;
        }
        Ok(())
    }

    /// Every element keeps its place: of an array's verdicts none is [`Verdict::Drop`].
    fn elements(
        &self,
        state: State,
        array: Document<'_>,
        out: &mut Writer,
        depth: usize,
    ) -> Result<(), Unclear> {
        for (index, element) in array.elements().enumerate() {
            self.element(self.machine.element(state, index), &element?, out, depth)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};
    use common::config::types::{FieldRules, Mask};

    use crate::{Unclear, testing};

    fn shaped(allow: &[&str], deny: &[&str], document: &bson::Document) -> bson::Document {
        changed(testing::passing(allow, deny), document).unwrap()
    }

    #[test]
    fn what_passes_of_a_document() {
        let order = doc! {
            "_id": {"secret": 1}, "name": "x", "age": 7,
            "items": [{"price": 1, "cost": 2}, 5, [{"price": 3, "cost": 4}, "s"], {}, Bson::Null],
            "address": {"city": "c", "zip": "z", "geo": {"lat": 1, "lon": 2}},
            "note": "text", "a.b": 1, "7": {"x": 1},
        };
        let cases: [(&[&str], &[&str], bson::Document); 11] = [
            (&["name"], &[], doc! {"_id": {"secret": 1}, "name": "x"}),
            (&["missing", "x", "price"], &[], doc! {"_id": {"secret": 1}}),
            (
                &["items.price"],
                &[],
                doc! {"_id": {"secret": 1}, "items": [{"price": 1}, Bson::Null, [{"price": 3}, Bson::Null], {}, Bson::Null]},
            ),
            (
                &["items.0.cost", "items.price"],
                &[],
                doc! {"_id": {"secret": 1}, "items": [{"price": 1, "cost": 2}, Bson::Null, [{"price": 3, "cost": 4}, Bson::Null], {}, Bson::Null]},
            ),
            (&["items.1"], &[], doc! {"_id": {"secret": 1}, "items": [{}, 5, [{}, "s"], {}, Bson::Null]}),
            (
                &["address.geo", "address.city"],
                &["address.geo.lat"],
                doc! {"_id": {"secret": 1}, "address": {"city": "c", "geo": {"lon": 2}}},
            ),
            (&["note.deep"], &[], doc! {"_id": {"secret": 1}, "note": Bson::Null}),
            (&["a.b"], &[], doc! {"_id": {"secret": 1}, "a.b": 1}),
            (&["a\\.b"], &[], doc! {"_id": {"secret": 1}, "a.b": 1}),
            (&["7.x"], &[], doc! {"_id": {"secret": 1}, "7": {"x": 1}}),
            (
                &["items", "age"],
                &["items.1", "items.cost"],
                doc! {"_id": {"secret": 1}, "age": 7, "items": [{"price": 1}, Bson::Null, [{"price": 3}, Bson::Null], {}, Bson::Null]},
            ),
        ];
        for (allow, deny, expected) in cases {
            assert_eq!(shaped(allow, deny, &order), expected, "allow {allow:?}, deny {deny:?}");
        }
    }

    #[test]
    fn deny_alone_lets_the_rest_pass() {
        let document = doc! {"_id": 1, "a": {"b": 1, "c": [{"d": 1, "e": 2}]}, "x": 1, "n": {"0": 1, "1": 2}};
        assert_eq!(
            shaped(&[], &["x", "a.c.d", "n.1"], &document),
            doc! {"_id": 1, "a": {"b": 1, "c": [{"e": 2}]}, "n": {"0": 1, "1": Bson::Null}}
        );
    }

    fn changed(rules: FieldRules, document: &bson::Document) -> Result<bson::Document, Unclear> {
        let shaper = testing::compiled(rules).unwrap();
        let bytes = document.to_vec().unwrap();
        let mut out = common::raw::Writer::new();
        shaper.document(common::raw::Document::new(&bytes).unwrap(), &mut out)?;
        Ok(bson::Document::from_reader(out.as_bytes()).unwrap())
    }

    fn renaming(names: &[(&str, &str)]) -> FieldRules {
        let rename = names.iter().map(|(path, to)| ((*path).to_owned(), (*to).to_owned())).collect();
        FieldRules { rename, ..FieldRules::default() }
    }

    #[test]
    fn renamed_fields_keep_their_places() {
        let document = doc! {
            "_id": {"zip": 1}, "address": {"zip": "z", "city": "c"}, "items": [{"price": 1}, [{"price": 2}], 3], "zip": 4,
            "a.b": 5, "7": {"price": 6}, "": {"": 7},
        };
        let rules = renaming(&[
            ("address.zip", "postcode"),
            ("address", "home"),
            ("items.price", "cost"),
            ("a.b", "c"),
            ("7.price", "p"),
            ("\\e.\\e", "n"),
        ]);
        let renamed = doc! {
            "_id": {"zip": 1}, "home": {"postcode": "z", "city": "c"}, "items": [{"cost": 1}, [{"cost": 2}], 3], "zip": 4,
            "a.c": 5, "7": {"p": 6}, "": {"n": 7},
        };
        assert_eq!(changed(rules, &document), Ok(renamed));
    }

    #[test]
    fn two_fields_never_get_one_name() {
        let both = doc! {"_id": 1, "a": 1, "b": 2};
        assert_eq!(changed(renaming(&[("a", "b")]), &both), Err(Unclear::Taken("b".to_owned())));
        let dotted = doc! {"_id": 1, "b.c": 2};
        assert!(changed(renaming(&[("a", "b")]), &dotted).is_err());
        let swapped = doc! {"_id": 1, "b": 1, "a": 2};
        assert_eq!(changed(renaming(&[("a", "b"), ("b", "a")]), &both), Ok(swapped));
        let denied = FieldRules { deny: vec!["b".to_owned()], ..renaming(&[("a", "b")]) };
        assert_eq!(changed(denied, &both), Ok(doc! {"_id": 1, "b": 1}));
        let others = FieldRules { allow: vec!["a".to_owned()], ..renaming(&[("a", "b")]) };
        assert_eq!(changed(others, &both), Ok(doc! {"_id": 1, "b": 1}));
    }

    #[test]
    fn masks_reach_every_value_and_keep_the_places() {
        let document = doc! {
            "_id": 1, "card": {"number": 1, "holder": ["x"]}, "note": "too long", "notes": ["long", ["longer"], {"a": "longest", "b": 5}],
            "items": [{"ssn": "x"}, {"ssn": Bson::Null}, {"ssn": {"part": "x"}}, 7], "key": "x",
        };
        let mask = [
            ("card", Mask::Redact),
            ("note", Mask::Truncate(3)),
            ("notes", Mask::Truncate(2)),
            ("items.ssn", Mask::Hash),
            ("key", Mask::Hash),
            ("missing", Mask::Redact),
        ];
        let mask = mask.into_iter().map(|(path, mask)| (path.to_owned(), mask)).collect();
        let masked = changed(FieldRules { mask, ..FieldRules::default() }, &document).unwrap();
        let digest = masked.get_str("key").unwrap();
        assert_eq!(digest.len(), 64);
        let expected = doc! {
            "_id": 1, "card": "***", "note": "too", "notes": ["lo", ["lo"], {"a": "lo", "b": "***"}],
            "items": [{"ssn": digest}, {"ssn": Bson::Null}, {"ssn": {"part": digest}}, 7], "key": digest,
        };
        assert_eq!(masked, expected);
    }

    #[test]
    fn an_escaped_dot_means_the_name_alone() {
        let document = doc! {"_id": 1, "a.b": 1, "a": {"b": 2}};
        assert_eq!(shaped(&["a\\.b"], &[], &document), doc! {"_id": 1, "a.b": 1});
        assert_eq!(shaped(&[], &["a\\.b"], &document), doc! {"_id": 1, "a": {"b": 2}});
        assert_eq!(shaped(&["a.b"], &[], &document), document);
    }
}
