//! Field rules, a second time: what a document of the source looks like at the target.
//!
//! What stands on the way to an allowed path but cannot hold it (a number under `items.price`) keeps its place as `null`.
//! Without the rules' way with numeric field names: no test here gives such fields rules.

use std::collections::BTreeMap;

use bson::{Bson, Document, RawArray, RawArrayBuf, RawBsonRef, RawDocument, RawDocumentBuf, raw::RawBson};
use hmac::{Hmac, Mac as _};
use serde_json::Value;
use sha2::Sha256;

/// One table of field rules: what passes, under which name, and what takes its place.
#[derive(Debug, Clone, Default)]
pub struct Rules {
    /// Everything, or some dotted paths.
    allow: Option<Vec<Vec<String>>>,
    /// New names by dotted path.
    rename: BTreeMap<String, String>,
    mask: BTreeMap<String, Mask>,
    key: String,
    /// The query that documents are carried by.
    pub filter: Option<Document>,
}

#[derive(Debug, Clone, Copy)]
enum Mask {
    Hash,
    Redact,
    Truncate(usize),
}

/// The query that a text of Extended JSON is.
fn query(text: &str) -> Document {
    let json: Value = serde_json::from_str(text).expect("a filter is JSON");
    let query = Bson::try_from(json).expect("of the extended kind");
    query.as_document().expect("a query is a document").clone()
}

impl Rules {
    /// The rules as a configuration has them: `allow`, `rename` and `mask`, with the key of digests.
    #[must_use]
    pub fn of(rule: &Value, key: &str) -> Self {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let split = |path: &Value| text(path).split('.').map(str::to_owned).collect();
        let table = |name: &str| rule[name].as_object().cloned().unwrap_or_default();
        let mask = |value: &Value| match value.as_str() {
            Some("hash") => Mask::Hash,
            Some("redact") => Mask::Redact,
            _ => {
                Mask::Truncate(value["truncate"].as_u64().and_then(|n| n.try_into().ok()).expect("a number"))
            }
        };
        Self {
            allow: rule["allow"].as_array().map(|paths| paths.iter().map(split).collect()),
            rename: table("rename").iter().map(|(path, name)| (path.clone(), text(name))).collect(),
            mask: table("mask").iter().map(|(path, value)| (path.clone(), mask(value))).collect(),
            key: key.to_owned(),
            filter: rule["filter"].as_str().map(query),
        }
    }

    /// The document as it may arrive, where it arrives. `_id` always passes.
    #[must_use]
    pub fn shape(&self, document: &RawDocument) -> RawDocumentBuf {
        let Some(paths) = &self.allow else { return self.document(document, "", None) };
        let mut paths: Vec<&[String]> = paths.iter().map(Vec::as_slice).collect();
        let id = ["_id".to_owned()];
        paths.push(&id);
        self.document(&inner(document, &paths), "", None)
    }

    fn document(&self, document: &RawDocument, at: &str, mask: Option<Mask>) -> RawDocumentBuf {
        let mut out = RawDocumentBuf::new();
        for element in document {
            let (name, value) = element.expect("the server hands out valid BSON");
            let path = if at.is_empty() { name.to_string() } else { format!("{at}.{name}") };
            let new: bson::raw::CString =
                self.rename.get(&path).map_or(name.as_str(), String::as_str).try_into().expect("no NUL");
            let mask = mask.or(self.mask.get(&path).copied());
            out.append(
                new,
                if path == "_id" { RawBson::from(value) } else { self.value(value, &path, mask) },
            );
        }
        out
    }

    fn value(&self, value: RawBsonRef<'_>, path: &str, mask: Option<Mask>) -> RawBson {
        match (value, mask) {
            (RawBsonRef::Null, _) => RawBson::Null,
            (_, Some(Mask::Redact)) => "***".into(),
            (RawBsonRef::Document(document), _) => self.document(document, path, mask).into(),
            (RawBsonRef::Array(array), _) => {
                let elements = array.into_iter().map(|value| value.expect("the server hands out valid BSON"));
                RawBson::Array(elements.map(|value| self.value(value, path, mask)).collect())
            }
            (RawBsonRef::String(text), Some(Mask::Truncate(most))) => {
                text.chars().take(most).collect::<String>().into()
            }
            (_, Some(Mask::Truncate(_))) => "***".into(),
            (value, Some(Mask::Hash)) => self.digest(value).into(),
            (value, None) => RawBson::from(value),
        }
    }

    fn digest(&self, value: RawBsonRef<'_>) -> String {
        let mut whole = RawDocumentBuf::new();
        whole.append(bson::raw::cstr!(""), value);
        // Length, type, a name's end; the value; the document's end.
        let bytes = whole.as_bytes();
        let mut digest = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).expect("any key will do");
        digest.update(&bytes[4..5]);
        digest.update(&bytes[6..bytes.len() - 1]);
        digest.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
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
    use serde_json::json;

    use super::*;

    #[test]
    fn paths_reach_through_documents_and_arrays() {
        let document = rawdoc! {"x": 1, "_id": 2, "a": {"b": 3, "c": 4}, "l": [{"p": 5, "q": 6}, 8], "s": 7};
        let shaped = Rules::of(&json!({"allow": ["a.b", "l.p", "s.t"]}), "").shape(&document);
        assert_eq!(shaped, rawdoc! {"_id": 2, "a": {"b": 3}, "l": [{"p": 5}, null], "s": null});
        assert_eq!(Rules::default().shape(&document), document);
    }

    #[test]
    fn names_and_values_change_in_their_places() {
        let document = rawdoc! {"_id": {"a": 1}, "a": {"b": [5, "longer", null]}, "l": [{"p": 5}, {"p": {"x": 1}}], "h": 5};
        let rule = json!({"rename": {"a": "c", "a.b": "d"}, "mask": {"a.b": {"truncate": 2}, "l.p": "redact", "h": "hash"}});
        let shaped = Rules::of(&rule, "Jefe").shape(&document);
        // printf '\x10\x05\0\0\0' | openssl dgst -sha256 -hmac Jefe
        let digest = "d59bed66213e0bc53a4cb4c246eed531dbfdc16b4308d22a067b404d6fe33438";
        let expected = rawdoc! {"_id": {"a": 1}, "c": {"d": ["***", "lo", null]}, "l": [{"p": "***"}, {"p": "***"}], "h": digest};
        assert_eq!(shaped, expected);
    }
}
