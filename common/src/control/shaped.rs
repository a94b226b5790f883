//! By which rules the documents of a namespace are shaped at the target.

use serde::{Deserialize, Serialize};

/// Prefix of the keys of [`Shaped`] records: `shaped/<ns>`.
pub const SHAPED_PREFIX: &str = "shaped/";

/// Every document of the namespace at the target is shaped by these rules, or will be once what stands in the topics is applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Shaped {
    /// Digest of the rules, as workers make it: 16 hex digits.
    pub rules: String,
    /// The id of the snapshot that saw to it, or when that was found; ids rise. An older snapshot says nothing any more.
    pub since: String,
}
