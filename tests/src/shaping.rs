//! Field rules, a second time: what a document of the source looks like at the target.
//!
//! What stands on the way to an allowed path but cannot hold it (a number under `items.price`) keeps its place as `null`.
//! Without the rules' way with numeric field names: no test here gives such fields rules.

use bson::{RawArray, RawArrayBuf, RawBsonRef, RawDocument, RawDocumentBuf};

/// What passes: everything, or some dotted paths.
#[derive(Debug, Clone, Default)]
pub struct Allowed(Option<Vec<Vec<String>>>);

impl Allowed {
    /// These paths pass, and what lies below them.
    #[must_use]
    pub fn only(paths: &[&str]) -> Self {
        Self(Some(paths.iter().map(|path| path.split('.').map(str::to_owned).collect()).collect()))
    }

    /// The document as it may arrive. `_id` always passes.
    #[must_use]
    pub fn shape(&self, document: &RawDocument) -> RawDocumentBuf {
        let Some(paths) = &self.0 else { return document.to_owned() };
        let mut paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
        let id = ["_id".to_owned()];
        paths.push(&id);
        inner(document, &paths)
    }
}

fn inner(document: &RawDocument, paths: &[&[String]]) -> RawDocumentBuf {
    let mut out = RawDocumentBuf::new();
    for element in document {
        let (name, value) = element.expect("the server hands out valid BSON");
        let below: Vec<&[String]> =
            paths.iter().filter(|path| path[0] == name.as_str()).map(|path| &path[1..]).collect();
        if below.iter().any(|path| path.is_empty()) {
            out.append(name, value);
        } else if !below.is_empty() {
            match value {
                RawBsonRef::Document(document) => out.append(name, inner(document, &below)),
                RawBsonRef::Array(array) => out.append(name, elements(array, &below)),
                _ => out.append(name, RawBsonRef::Null),
            }
        }
    }
    out
}

/// A path reaches through arrays: it holds for every document in them.
fn elements(array: &RawArray, paths: &[&[String]]) -> RawArrayBuf {
    let mut out = RawArrayBuf::new();
    for value in array {
        match value.expect("the server hands out valid BSON") {
            RawBsonRef::Document(document) => out.push(inner(document, paths)),
            RawBsonRef::Array(array) => out.push(elements(array, paths)),
            _ => out.push(RawBsonRef::Null),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use bson::rawdoc;

    use super::*;

    #[test]
    fn paths_reach_through_documents_and_arrays() {
        let document = rawdoc! {"x": 1, "_id": 2, "a": {"b": 3, "c": 4}, "l": [{"p": 5, "q": 6}, 8], "s": 7};
        let shaped = Allowed::only(&["a.b", "l.p", "s.t"]).shape(&document);
        assert_eq!(shaped, rawdoc! {"_id": 2, "a": {"b": 3}, "l": [{"p": 5}, null], "s": null});
        assert_eq!(Allowed::default().shape(&document), document);
    }
}
