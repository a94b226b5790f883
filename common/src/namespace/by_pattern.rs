//! Values by namespace pattern: of those that match, the most specific one holds alone. Pure.

use super::{Namespace, Pattern};

/// What is said of namespaces, by their patterns.
#[derive(Debug, Clone)]
pub struct ByPattern<T> {
    /// Most specific first; as they were given where they are equally specific.
    entries: Vec<(Pattern, T)>,
}

/// Two equally specific patterns match one namespace, and nothing more specific does.
#[derive(Debug)]
pub struct Tie<'p, T> {
    /// The one that was given first.
    pub first: &'p (Pattern, T),
    /// The other one.
    pub second: &'p (Pattern, T),
}

impl<T> ByPattern<T> {
    /// Puts them in order.
    pub fn new(entries: impl IntoIterator<Item = (Pattern, T)>) -> Self {
        let mut entries: Vec<_> = entries.into_iter().collect();
        entries.sort_by_key(|(pattern, _)| std::cmp::Reverse(pattern.specificity()));
        Self { entries }
    }

    /// What holds for a namespace.
    ///
    /// # Errors
    /// [`Tie`] when that is not clear.
    pub fn of(&self, namespace: &Namespace) -> Result<Option<&T>, Tie<'_, T>> {
        let mut matching = self.entries.iter().filter(|(pattern, _)| pattern.matches(namespace));
        let Some(first) = matching.next() else { return Ok(None) };
        match matching.next() {
            Some(second) if second.0.specificity() == first.0.specificity() => Err(Tie { first, second }),
            _ => Ok(Some(&first.1)),
        }
    }

    /// The same, where ties are told elsewhere: the one that was given first.
    #[must_use]
    pub fn first(&self, namespace: &Namespace) -> Option<&T> {
        self.of(namespace).unwrap_or_else(|tie| Some(&tie.first.1))
    }

    /// All values.
    pub fn values(&self) -> impl Iterator<Item = &T> {
        self.entries.iter().map(|(_, value)| value)
    }
}

impl<T> Default for ByPattern<T> {
    fn default() -> Self {
        Self { entries: Vec::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_specific_pattern_holds_and_a_tie_is_told() {
        let patterns = ["*.*", "/a.*/", "a.*", "/.*b/", "a.b"];
        let all = ByPattern::new(patterns.map(|pattern| (pattern.parse().unwrap(), pattern)));
        let of = |ns: &str| all.of(&ns.parse().unwrap()).map_err(|tie| (tie.first.1, tie.second.1));
        assert_eq!(of("a.b"), Ok(Some(&"a.b")));
        assert_eq!(of("a.c"), Ok(Some(&"a.*")));
        assert_eq!(ByPattern::<u8>::default().first(&"a.b".parse().unwrap()), None);
        let tied = ByPattern::new(["x.*", "x.*"].map(|pattern| (pattern.parse().unwrap(), pattern)));
        assert!(tied.of(&"x.y".parse().unwrap()).is_err());
        assert_eq!(tied.first(&"x.y".parse().unwrap()), Some(&"x.*"));
    }
}
