//! "Did you mean": the known name that a mistyped one is close to.

/// The nearest of `known`, when it is near enough to be what was meant: one edit in three letters at most.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let distance = |candidate: &'a str| (strsim::damerau_levenshtein(name, candidate), candidate);
    let near = known.into_iter().map(distance).min()?;
    (near.0 <= (name.chars().count() / 3).max(1)).then_some(near.1)
}

/// `; did you mean …?`, or nothing.
pub(super) fn hint<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(name, known).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn near_names_are_suggested_and_far_ones_are_not() {
        let known = ["brokers", "topic_prefix", "partitions"];
        assert_eq!(nearest("broker", known), Some("brokers"));
        assert_eq!(nearest("partitons", known), Some("partitions"));
        assert_eq!(nearest("topicprefix", known), Some("topic_prefix"));
        assert_eq!(nearest("retention", known), None);
        assert_eq!(nearest("x", []), None);
    }
}
