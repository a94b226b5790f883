//! What a resume token says of itself.

use common::{cluster_time::ClusterTime, raw};

/// Leading byte of a token's key string: what follows is a `Timestamp` (server, `key_string.cpp`, `CType::kTimestamp`).
const TIMESTAMP_TAG: &str = "82";

/// The cluster time at the head of a resume token, `None` when the token has another form.
///
/// A high-water-mark token with time T promises that every event before T has been handed out; events at T may follow.
#[must_use]
pub fn cluster_time(token: raw::Document<'_>) -> Option<ClusterTime> {
    let data = token.get("_data").ok()??.as_str().ok()??;
    let digits = data.strip_prefix(TIMESTAMP_TAG)?.get(..16)?;
    u64::from_str_radix(digits, 16).ok().map(ClusterTime)
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    fn time_of(data: &str) -> Option<ClusterTime> {
        let bytes = doc! {"_data": data}.to_vec().unwrap();
        cluster_time(raw::Document::new(&bytes).unwrap())
    }

    #[test]
    fn a_token_begins_with_its_cluster_time() {
        assert_eq!(time_of("8265A1B2C30000000329"), Some(ClusterTime::new(0x65A1_B2C3, 3)));
        assert_eq!(time_of("8165A1B2C30000000329"), None);
        assert_eq!(time_of("82"), None);
    }
}
