//! Which letters an operator means. Pure.

use common::{
    cli::{LetterId, Wanted, Which},
    error::Result,
};

use super::{Desk, letter::Letter, shelf::Shelf};

/// Whether a letter is as wanted.
pub(super) fn is_wanted(wanted: &Wanted, letter: &Letter) -> bool {
    let ns = wanted.ns.as_ref().map(ToString::to_string);
    ns.is_none_or(|ns| letter.ns.as_deref() == Some(&*ns))
        && wanted.reason.as_ref().is_none_or(|reason| **reason == *letter.kind)
        && wanted.since.is_none_or(|since| letter.time >= since)
        && wanted.until.is_none_or(|until| letter.time < until)
}

impl Desk<'_> {
    /// The letters that are meant, each once, in the order in which they were written.
    ///
    /// # Errors
    /// Misconfigured when one that is named is not there.
    pub(super) fn meant<'s>(&self, which: &Which, shelf: &'s Shelf) -> Result<Vec<&'s Letter>> {
        let Which::Ids(ids) = which else { return Ok(open(which, shelf)) };
        let mut numbers: Vec<LetterId> = Vec::with_capacity(ids.len());
        for id in ids {
            numbers.push(shelf.get(*id).ok_or_else(|| self.not_there(*id))?.id());
        }
        numbers.sort();
        numbers.dedup();
        Ok(numbers.into_iter().filter_map(|id| shelf.get(id)).collect())
    }
}

fn open<'s>(which: &Which, shelf: &'s Shelf) -> Vec<&'s Letter> {
    let all = Wanted::default();
    let wanted = if let Which::Open(wanted) = which { wanted } else { &all };
    shelf.letters().filter(|letter| letter.verdict.is_none() && is_wanted(wanted, letter)).collect()
}

#[cfg(test)]
mod tests {
    use common::namespace::Namespace;

    use super::{super::letter::tests::record, *};

    #[test]
    fn every_filter_narrows() {
        let id = LetterId { partition: 0, offset: 0 };
        let letter = Letter::read(id, &record(0, 40, &[("ns", "a.b")], None), |text| text.into()).unwrap();
        let is = |wanted: Wanted| is_wanted(&wanted, &letter);
        let any = Wanted::default;
        assert!(is(any()));
        assert!(is(Wanted { ns: Some(Namespace::new("a", "b")), ..any() }));
        assert!(!is(Wanted { ns: Some(Namespace::new("a", "c")), ..any() }));
        assert!(is(Wanted { reason: Some("validation".to_owned()), ..any() }));
        assert!(!is(Wanted { reason: Some("valid".to_owned()), ..any() }));
        assert!(is(Wanted { since: Some(1000), until: Some(1001), ..any() }));
        assert!(!is(Wanted { since: Some(1001), ..any() }));
        assert!(!is(Wanted { until: Some(1000), ..any() }));
    }
}
