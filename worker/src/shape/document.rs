//! Shaping whole values: documents, and what lies in them.

use common::raw::{self, Document, Element, Kind, MAX_DEPTH, Writer};

use super::{
    Shaper,
    machine::{Machine, State, Verdict},
};

impl Shaper {
    /// Appends the shaped document to `out`, as an outermost document.
    ///
    /// # Errors
    /// Malformed or too deeply nested BSON; `out` then holds an unfinished document and is for clearing.
    pub fn document(&self, document: Document<'_>, out: &mut Writer) -> Result<(), raw::Error> {
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
    ) -> Result<(), raw::Error> {
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
            (Verdict::Into(state), None) if self.machine.is_allowed(state) => out.element(element),
            (Verdict::Null, _) | (Verdict::Into(_), None) => out.value(Kind::Null, element.name, &[]),
        }
        Ok(())
    }

    fn fields(
        &self,
        state: State,
        document: Document<'_>,
        out: &mut Writer,
        depth: usize,
    ) -> Result<(), raw::Error> {
        for element in document.elements() {
            let element = element?;
            self.element(self.machine.field(state, element.name), &element, out, depth)?;
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
    ) -> Result<(), raw::Error> {
        for (index, element) in array.elements().enumerate() {
            self.element(self.machine.element(state, index), &element?, out, depth)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bson::{Bson, doc};
    use common::config::types::FieldRules;

    use crate::shape::Rules;

    fn shaped(allow: &[&str], deny: &[&str], document: &bson::Document) -> bson::Document {
        let own = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let rules = FieldRules { namespace: "*.*".to_owned(), allow: own(allow), deny: own(deny) };
        let rules = Rules::compile(&[rules]).unwrap();
        let shaper = rules.for_namespace(&"a.b".parse().unwrap()).unwrap().unwrap();
        let bytes = document.to_vec().unwrap();
        let mut out = common::raw::Writer::new();
        shaper.document(common::raw::Document::new(&bytes).unwrap(), &mut out).unwrap();
        bson::Document::from_reader(out.as_bytes()).unwrap()
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

    #[test]
    fn an_escaped_dot_means_the_name_alone() {
        let document = doc! {"_id": 1, "a.b": 1, "a": {"b": 2}};
        assert_eq!(shaped(&["a\\.b"], &[], &document), doc! {"_id": 1, "a.b": 1});
        assert_eq!(shaped(&[], &["a\\.b"], &document), doc! {"_id": 1, "a": {"b": 2}});
        assert_eq!(shaped(&["a.b"], &[], &document), document);
    }
}
