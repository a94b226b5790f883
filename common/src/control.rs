//! What producer and workers tell each other beside the events: the records of the control topic.
//!
//! Owns keys and JSON shapes. The topic is compacted and has one partition; a record without a value withdraws its key.
//! Guards: event topics hold change events only. What is known of a namespace as a whole is said here, by sequence number,
//! which is a place in every partition at once (`docs/adr/0004-markers-are-control-records.md`).
//!
//! | key | value |
//! |---|---|
//! | `topic/<ns>` | [`Topic`](crate::position::Topic) |
//! | `copied/<slice>/<ns>` | [`Copied`] |
//! | `repair/<slice>/<digest>` | [`Repair`] |
//! | `snapshot/<slice>/<id>` | [`Request`] |
//! | `sweep/<slice>/<id>` | [`Sweep`] |
//! | `shaped/<ns>` | [`Shaped`] |

mod request;
mod shaped;
mod sweep;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};

pub use self::{
    request::{Request, RequestState, SNAPSHOT_PREFIX},
    shaped::{SHAPED_PREFIX, Shaped},
    sweep::{SWEEP_PREFIX, Sweep},
};
use crate::{cluster_time::ClusterTime, codec::hex, namespace::Namespace};

/// The control topic's only partition.
pub const PARTITION: i32 = 0;
/// Prefix of the keys of [`Copied`] records.
pub const COPIED_PREFIX: &str = "copied/";
/// Prefix of the keys of [`Repair`] records.
pub const REPAIR_PREFIX: &str = "repair/";
/// The copy of a namespace has ended, or there was never anything to copy: a delta of the slice with a higher sequence number
/// finds its document at the target.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Copied {
    /// The namespace.
    pub ns: Namespace,
    /// Epoch of the sequence number.
    pub epoch: u32,
    /// The last record of the slice that the copy took.
    pub sequence: u64,
    /// Cluster time of the position there.
    pub cluster_time: ClusterTime,
}

/// A worker asks for one document anew.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Repair {
    /// The document's namespace.
    pub ns: Namespace,
    /// `{"_id": …}`, as [`key_text`](crate::key_text) writes it.
    pub key: Box<RawValue>,
    /// Epoch of the sequence number.
    pub epoch: u32,
    /// The record that could not be applied.
    pub sequence: u64,
}

impl Copied {
    /// Key of the record about `ns`.
    #[must_use]
    pub fn key(slice: &str, ns: &Namespace) -> String {
        format!("{COPIED_PREFIX}{slice}/{ns}")
    }
}

impl Repair {
    /// Key of this record: the same document asked for twice is one request.
    #[must_use]
    pub fn key(&self, slice: &str) -> String {
        let mut digest = Sha256::new();
        digest.update(self.ns.to_string());
        digest.update([0]);
        digest.update(self.key.get());
        format!("{REPAIR_PREFIX}{slice}/{}", hex::text(&digest.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_have_the_shape_that_the_documentation_shows() {
        let ns = Namespace::new("test", "a.b");
        let copied = Copied { ns, epoch: 1, sequence: 7, cluster_time: ClusterTime::new(5, 6) };
        let text = serde_json::to_string(&copied).unwrap();
        assert_eq!(text, r#"{"ns":"test.a.b","epoch":1,"sequence":7,"clusterTime":"5.6"}"#);
        assert_eq!(Copied::key("rs0", &copied.ns), "copied/rs0/test.a.b");
    }

    #[test]
    fn a_repair_is_keyed_by_its_document() {
        let text = r#"{"ns":"test.users","key":{"_id":{"$numberInt":"7"}},"epoch":0,"sequence":456}"#;
        let mut repair: Repair = serde_json::from_str(text).unwrap();
        let key = repair.key("rs0");
        assert_eq!(key.len(), "repair/rs0/".len() + 64);
        repair.sequence = 500;
        assert_eq!(repair.key("rs0"), key);
        repair.ns = Namespace::new("test", "other");
        assert_ne!(repair.key("rs0"), key);
    }
}
