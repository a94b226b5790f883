//! Shaping what an update did, path by path, without the document it was done to.

use common::{
    event::UpdateDescription,
    raw::{self, Document, Element, MAX_DEPTH, Writer},
};

use super::{Shaper, machine::Verdict, mask::made_redacted, way::stated};
use crate::path::{self, Decimal};

/// A delta of its own bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delta {
    bytes: Vec<u8>,
    /// Ends of the updated fields, the removed fields and the truncated arrays; the disambiguated paths come last.
    ends: [usize; 3],
    is_diff: bool,
}

/// What shaping leaves of a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Shaped {
    /// Something, perhaps all.
    Delta(Delta),
    /// Nothing: the update touched only what does not pass, and is no write.
    Nothing,
}

/// A delta or document that cannot be shaped by itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// A path spells both a dotted name that a rule means and a path through documents, and nothing says which it is. The
    /// document itself has to be asked for.
    #[error("a path may be a dotted field name or a path, and the rules differ on them")]
    Ambiguous,
    /// An update as 4.4 logs it may itself make a document in which declared defaults are to be filled in, and does not say whether it does.
    #[error(
        "the update may make a document in which a default is to be filled in, and does not show whether it does"
    )]
    Made,
    /// Two fields of one document would have one name.
    #[error("a field is called `{0}`, which is the new name of another field: deny it or rename it too")]
    Taken(String),
    /// It is not the BSON it should be.
    #[error(transparent)]
    Malformed(#[from] raw::Error),
}

impl Delta {
    /// The delta as it is.
    #[must_use]
    pub fn of(delta: &UpdateDescription<'_>) -> Self {
        let paths = delta.disambiguated_paths.map_or(&[][..], |paths| paths.as_bytes());
        let parts =
            [delta.updated_fields, delta.removed_fields, delta.truncated_arrays].map(|part| part.as_bytes());
        let updated = parts[0].len();
        let removed = updated + parts[1].len();
        let ends = [updated, removed, removed + parts[2].len()];
        Self { bytes: [parts[0], parts[1], parts[2], paths].concat(), ends, is_diff: delta.is_diff }
    }

    /// A delta of these bytes; see the fields.
    pub(crate) const fn written(bytes: Vec<u8>, ends: [usize; 3], is_diff: bool) -> Self {
        Self { bytes, ends, is_diff }
    }

    /// The delta, viewed as an event's.
    ///
    /// # Panics
    /// Never: the writer has written these documents.
    #[must_use]
    pub fn view(&self) -> UpdateDescription<'_> {
        let [updated, removed, truncated] = self.ends;
        let document = |bytes| Document::new(bytes).expect("written by us");
        let paths = &self.bytes[truncated..];
        UpdateDescription {
            updated_fields: document(&self.bytes[..updated]),
            removed_fields: document(&self.bytes[updated..removed]),
            truncated_arrays: document(&self.bytes[removed..truncated]),
            is_diff: self.is_diff,
            disambiguated_paths: (!paths.is_empty()).then(|| document(paths)),
        }
    }
}

impl Unclear {
    pub(super) fn taken(name: &[u8]) -> Self {
        Self::Taken(String::from_utf8_lossy(name).into_owned())
    }
}

impl Shaper {
    /// The delta that does to the shaped document what `delta` does to the document.
    ///
    /// # Errors
    /// [`Unclear`].
    pub fn delta(&self, delta: &UpdateDescription<'_>) -> Result<Shaped, Unclear> {
        let mut out = Writer::new();
        self.updated(delta, &mut out)?;
        let updated = out.len();
        self.listed(delta, delta.removed_fields, &mut out, REMOVALS)?;
        let removed = out.len();
        self.listed(delta, delta.truncated_arrays, &mut out, TRUNCATIONS)?;
        let truncated = out.len();
        if truncated == 3 * Document::EMPTY.as_bytes().len() {
            return Ok(Shaped::Nothing);
        }
        if let Some(paths) = delta.disambiguated_paths {
            self.disambiguated(paths, &mut out)?;
        }
        let ends = [updated, removed, truncated];
        Ok(Shaped::Delta(Delta { bytes: out.into_bytes(), ends, is_diff: delta.is_diff }))
    }

    fn updated(&self, delta: &UpdateDescription<'_>, out: &mut Writer) -> Result<(), Unclear> {
        let (mut text, mut redacted_already) = (Vec::new(), Vec::new());
        out.begin();
        for element in delta.updated_fields.elements() {
            let element = element?;
            let way = self.way(element.name, delta, &mut text)?;
            match way.redacted {
                // Operators, as 4.4 logs them, may have made the value that the path leads into.
                Some(end) if !delta.is_diff => {
                    let made = &text[..end];
                    if !redacted_already.iter().any(|done: &Vec<u8>| done == made) {
                        made_redacted(made, out);
                        redacted_already.push(made.to_vec());
                    }
                }
                _ => {
                    let name = way.path(element.name, &text);
                    self.element(way.verdict, &Element { name, ..element }, out, MAX_DEPTH)?;
                }
            }
        }
        out.end();
        Ok(())
    }

    /// Appends the array of those elements whose path is kept.
    fn listed(
        &self,
        delta: &UpdateDescription<'_>,
        list: Document<'_>,
        out: &mut Writer,
        kind: List,
    ) -> Result<(), Unclear> {
        let mut text = Vec::new();
        let mut count = 0;
        out.begin();
        for element in list.elements() {
            let element = element?;
            let path = (kind.path)(&element)?;
            let way = self.way(path, delta, &mut text)?;
            if (kind.keeps)(way.verdict) {
                let index = Decimal::of(count);
                if way.is_renamed {
                    let path = std::str::from_utf8(&text).map_err(|_| raw::Error::NotUtf8)?;
                    (kind.write)(index.bytes(), path, &element, out);
                } else {
                    out.value(element.kind, index.bytes(), element.value);
                }
                count += 1;
            }
        }
        out.end();
        Ok(())
    }

    /// Appends the paths of which the server says what names they are made of, by the names that they have from now on.
    fn disambiguated(&self, paths: Document<'_>, out: &mut Writer) -> Result<(), Unclear> {
        let mut text = Vec::new();
        out.begin();
        for element in paths.elements() {
            let element = element?;
            let way = self.stated_way(stated(&element)?, &mut text)?;
            if way.verdict == Verdict::Drop {
                continue;
            }
            if way.is_renamed {
                out.begin_array(&text);
                self.components(stated(&element)?, out)?;
                out.end();
            } else {
                out.element(&element);
            }
        }
        out.end();
        Ok(())
    }
}

/// What the paths of a list are about.
#[derive(Clone, Copy)]
struct List {
    path: for<'a> fn(&Element<'a>) -> Result<&'a [u8], raw::Error>,
    keeps: fn(Verdict) -> bool,
    /// Writes an element with another path.
    write: fn(&[u8], &str, &Element<'_>, &mut Writer),
}

const REMOVALS: List = List {
    path: path::of_removal,
    keeps: Verdict::keeps_a_place,
    write: |index, path, _, out| out.str(index, path),
};

const TRUNCATIONS: List = List {
    path: |element| Ok(path::of_truncation(element)?.0),
    keeps: Verdict::keeps_an_array,
    write: |index, path, truncation, out| {
        out.begin_document(index);
        for element in truncation.as_document().into_iter().flat_map(|inner| inner.elements()).flatten() {
            if element.name == b"field" { out.str(b"field", path) } else { out.element(&element) }
        }
        out.end();
    },
};

impl Verdict {
    /// Whether the shaped document still has a field there that an update can remove.
    fn keeps_a_place(self) -> bool {
        self != Self::Drop
    }

    /// Whether an array is still an array there.
    fn keeps_an_array(self) -> bool {
        matches!(self, Self::Pass | Self::Into(_))
    }
}
