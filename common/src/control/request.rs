//! What an operator asks of the producer, and how far that has come.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::namespace::Namespace;

/// Prefix of the keys of [`Request`] records.
pub const SNAPSHOT_PREFIX: &str = "snapshot/";

/// An operator asks for documents anew; the producer writes its progress back under the same key.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    /// The namespace.
    pub ns: Namespace,
    /// Only documents that this filter finds, as Extended JSON.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub filter: Option<Box<RawValue>>,
    /// Only these documents, as in [`Repair::key`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<Box<RawValue>>,
    /// Whether documents that are gone from the source are also to go from the target.
    #[serde(default)]
    pub reconcile: bool,
    /// Digest of the field rules that it is to bring to all documents at the target; see [`Shaped`](super::Shaped).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<String>,
    /// How far it has come.
    #[serde(default)]
    pub state: RequestState,
    /// `_id` of the last document looked at; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<RawValue>>,
    /// The collection that is copied, 32 hex digits; absent before the first chunk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uuid: Option<String>,
    /// Documents published so far.
    #[serde(default)]
    pub documents: u64,
    /// Key of the last document of the target that was looked for at the source; absent before the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub swept: Option<Box<RawValue>>,
    /// Documents that were gone from the source and are deleted.
    #[serde(default, skip_serializing_if = "is_none")]
    pub removed: u64,
    /// Why it was refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// How far a [`Request`] has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum RequestState {
    /// Nobody has taken it up.
    #[default]
    Asked,
    /// Some of it is published.
    Copying,
    /// All of it is published; the target is looked through for what is gone from the source.
    Sweeping,
    /// Nothing is left to be done.
    Done,
    /// It cannot be done.
    Refused,
}

impl Request {
    /// Key of a request with this id.
    #[must_use]
    pub fn key(slice: &str, id: &str) -> String {
        format!("{SNAPSHOT_PREFIX}{slice}/{id}")
    }

    /// A request for a whole namespace that nobody has taken up.
    #[must_use]
    pub const fn of(ns: Namespace) -> Self {
        Self {
            ns,
            filter: None,
            keys: Vec::new(),
            reconcile: false,
            rules: None,
            state: RequestState::Asked,
            after: None,
            uuid: None,
            documents: 0,
            swept: None,
            removed: 0,
            reason: None,
        }
    }

    /// Whether somebody has taken it up.
    #[must_use]
    pub const fn is_under_way(&self) -> bool {
        !matches!(self.state, RequestState::Asked)
    }

    /// Whether nothing is left to be done.
    #[must_use]
    pub const fn has_ended(&self) -> bool {
        matches!(self.state, RequestState::Done | RequestState::Refused)
    }
}

/// For serde, which hands out references.
#[allow(clippy::trivially_copy_pass_by_ref)]
const fn is_none(count: &u64) -> bool {
    *count == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_needs_no_more_than_a_namespace() {
        let request: Request = serde_json::from_str(r#"{"ns":"test.users","reconcile":false}"#).unwrap();
        assert_eq!((request.state, request.has_ended()), (RequestState::Asked, false));
        assert_eq!(
            serde_json::to_string(&request).unwrap(),
            r#"{"ns":"test.users","reconcile":false,"state":"asked","documents":0}"#
        );
    }
}
