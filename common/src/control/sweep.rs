//! What a worker finds at the target and asks the source about, for a request that reconciles.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::{Request, SNAPSHOT_PREFIX};
use crate::namespace::Namespace;

/// Prefix of the keys of [`Sweep`] records.
pub const SWEEP_PREFIX: &str = "sweep/";

/// Documents that the target holds: which of them are gone from the source? Withdrawn with the answer, which is in the request.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Sweep {
    /// The namespace, by its name at the source.
    pub ns: Namespace,
    /// The request's [`swept`](Request::swept) when the target was read. An answer is given only while it still is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Box<RawValue>>,
    /// Keys of all that the target holds next behind that, in its order, each as in [`Repair::key`](super::Repair::key); none
    /// where nothing is left.
    #[serde(default)]
    pub keys: Vec<Box<RawValue>>,
    /// Why the target cannot be looked through.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl Sweep {
    /// Key of the record for the request with this key.
    #[must_use]
    pub fn key(request: &str) -> String {
        format!("{SWEEP_PREFIX}{}", request.strip_prefix(SNAPSHOT_PREFIX).unwrap_or(request))
    }

    /// The request that the record with this key is about.
    #[must_use]
    pub fn request(key: &str) -> String {
        format!("{SNAPSHOT_PREFIX}{}", key.strip_prefix(SWEEP_PREFIX).unwrap_or(key))
    }

    /// Whether the request still stands where the target was read.
    #[must_use]
    pub fn is_for(&self, request: &Request) -> bool {
        let (after, swept) = (self.after.as_deref(), request.swept.as_deref());
        self.ns == request.ns && after.map(RawValue::get) == swept.map(RawValue::get)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sweep_has_its_requests_id_and_is_for_one_place_of_it() {
        let key = Request::key("rs0", "7");
        assert_eq!(Sweep::key(&key), "sweep/rs0/7");
        assert_eq!(Sweep::request("sweep/rs0/7"), key);
        let sweep: Sweep =
            serde_json::from_str(r#"{"ns":"a.b","after":{"_id":null},"keys":[{"_id":1}]}"#).unwrap();
        let mut request = Request::of(Namespace::new("a", "b"));
        assert!(!sweep.is_for(&request));
        request.swept = RawValue::from_string(r#"{"_id":null}"#.to_owned()).ok();
        assert!(sweep.is_for(&request));
        assert!(!sweep.is_for(&Request { ns: Namespace::new("a", "c"), ..request }));
    }
}
