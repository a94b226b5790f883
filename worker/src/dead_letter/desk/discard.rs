//! `dead-letters discard`: on the record, nothing is to be done about these letters.

use std::io::Write;

use common::{
    cli::{LetterId, Which},
    error::Result,
};

use super::{
    Desk,
    letter::Letter,
    letters, say,
    verdict::{Decision, Verdict},
};

impl Desk<'_> {
    /// Discards what is meant.
    pub(super) fn discard(
        &self,
        which: &Which,
        note: Option<&str>,
        is_trial: bool,
        out: &mut impl Write,
    ) -> Result<()> {
        let shelf = self.shelf()?;
        let (open, decided): (Vec<&Letter>, Vec<&Letter>) =
            self.meant(which, &shelf)?.into_iter().partition(|letter| letter.verdict.is_none());
        for (letter, verdict) in decided.iter().filter_map(|letter| Some((letter, letter.verdict.as_ref()?)))
        {
            say(out, &format!("{}: {} before; left as it is", letter.id(), verdict.decision));
        }
        if open.is_empty() {
            say(out, "nothing to discard");
            return Ok(());
        }
        let ids: Vec<LetterId> = open.iter().flat_map(|letter| letter.pieces.iter().copied()).collect();
        let verb = if is_trial { "would be discarded" } else { "discarded" };
        if !is_trial {
            self.decide(&Verdict::now(Decision::Discarded, note), &ids)?;
        }
        open.iter().for_each(|letter| say(out, &format!("{}: {verb}", letter.id())));
        say(
            out,
            &format!("{} {verb}; their records stay in {}", letters(open.len()), self.topics.dead_letters()),
        );
        Ok(())
    }
}
