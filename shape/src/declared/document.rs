//! Judging whole documents.

use common::raw::{Document, MAX_DEPTH, Writer};

use super::{
    Declared, Drift, Tally,
    judge::{Nowhere, Walk},
    node::Places,
};
use crate::Unclear;

/// What becomes of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Judged {
    /// It is as declared.
    Same,
    /// It was written anew, as declared.
    Changed(Tally),
    /// It is refused.
    Refused(Drift, Tally),
}

impl Declared {
    /// Judges a document; what becomes of it, if it changes, is appended to `out` as an outermost document.
    ///
    /// # Errors
    /// Malformed or too deeply nested BSON; `out` then holds an unfinished document and is for clearing.
    pub fn document(&self, document: Document<'_>, out: &mut Writer) -> Result<Judged, Unclear> {
        let mut look = Walk::new(self, Nowhere);
        look.fields(Places::ROOT, document, MAX_DEPTH)?;
        if let Some(drift) = look.refused {
            return Ok(Judged::Refused(drift, look.tally));
        }
        if look.tally.is_empty() {
            return Ok(Judged::Same);
        }
        let mut write = Walk::new(self, std::mem::take(out));
        write.out.begin();
        write.fields(Places::ROOT, document, MAX_DEPTH)?;
        write.out.end();
        *out = write.out;
        Ok(Judged::Changed(write.tally))
    }
}
