//! Shaping what an update did, path by path, without the document it was done to.

use common::{
    event::UpdateDescription,
    raw::{self, Document, Element, MAX_DEPTH, Writer},
};

use super::{
    Shaper,
    machine::{Machine, State, Verdict},
};
use crate::path;

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

/// A delta that cannot be shaped by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unclear {
    /// A path spells both a dotted name that a rule means and a path through documents, and nothing says which it is. The
    /// document itself has to be asked for.
    #[error("a path may be a dotted field name or a path, and the rules differ on them")]
    Ambiguous,
    /// It is not the BSON it should be.
    #[error(transparent)]
    Malformed(#[from] raw::Error),
}

impl Delta {
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

impl Shaper {
    /// The delta that does to the shaped document what `delta` does to the document.
    ///
    /// # Errors
    /// [`Unclear`].
    pub fn delta(&self, delta: &UpdateDescription<'_>) -> Result<Shaped, Unclear> {
        let mut out = Writer::new();
        self.updated(delta, &mut out)?;
        let updated = out.len();
        self.listed(delta, delta.removed_fields, &mut out, path::of_removal, Verdict::keeps_a_place)?;
        let removed = out.len();
        self.listed(
            delta,
            delta.truncated_arrays,
            &mut out,
            |element| Ok(path::of_truncation(element)?.0),
            Verdict::keeps_an_array,
        )?;
        let truncated = out.len();
        if truncated == 3 * Document::EMPTY.as_bytes().len() {
            return Ok(Shaped::Nothing);
        }
        if let Some(paths) = delta.disambiguated_paths {
            self.disambiguated(delta, paths, &mut out)?;
        }
        let ends = [updated, removed, truncated];
        Ok(Shaped::Delta(Delta { bytes: out.into_bytes(), ends, is_diff: delta.is_diff }))
    }

    fn updated(&self, delta: &UpdateDescription<'_>, out: &mut Writer) -> Result<(), Unclear> {
        out.begin();
        for element in delta.updated_fields.elements() {
            let element = element?;
            let verdict = self.verdict(element.name, delta)?;
            self.element(verdict, &element, out, MAX_DEPTH)?;
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
        path: for<'a> fn(&Element<'a>) -> Result<&'a [u8], raw::Error>,
        keeps: fn(Verdict) -> bool,
    ) -> Result<(), Unclear> {
        out.begin();
        let mut count = 0;
        for element in list.elements() {
            let element = element?;
            if keeps(self.verdict(path(&element)?, delta)?) {
                out.value(element.kind, count.to_string().as_bytes(), element.value);
                count += 1;
            }
        }
        out.end();
        Ok(())
    }

    fn disambiguated(
        &self,
        delta: &UpdateDescription<'_>,
        paths: Document<'_>,
        out: &mut Writer,
    ) -> Result<(), Unclear> {
        out.begin();
        for element in paths.elements() {
            let element = element?;
            if self.verdict(element.name, delta)? != Verdict::Drop {
                out.element(&element);
            }
        }
        out.end();
        Ok(())
    }

    /// The verdict on what stands at a delta's path.
    fn verdict(&self, path: &[u8], delta: &UpdateDescription<'_>) -> Result<Verdict, Unclear> {
        let Some(paths) = delta.disambiguated_paths else {
            return if delta.is_diff { self.unclear_verdict(path) } else { Ok(self.plain_verdict(path)) };
        };
        match find(paths, path)?.map(|element| element.as_document()) {
            Some(Some(components)) => self.component_verdict(components),
            Some(None) => {
                Err(raw::Error::Unexpected { field: "disambiguatedPaths", expected: "array" }.into())
            }
            None => Ok(self.plain_verdict(path)),
        }
    }

    /// The verdict where every dot separates two names.
    fn plain_verdict(&self, path: &[u8]) -> Verdict {
        self.machine.walk(Machine::ROOT, path::components(path))
    }

    /// The verdict where every dot may be part of a name.
    fn unclear_verdict(&self, path: &[u8]) -> Result<Verdict, Unclear> {
        let (mut verdict, mut at) = (Verdict::Into(Machine::ROOT), 0);
        for component in path::components(path) {
            verdict = match verdict {
                Verdict::Into(state) if self.machine.has_dotted_start(state, &path[at..]) => {
                    return Err(Unclear::Ambiguous);
                }
                Verdict::Into(state) => self.machine.step(state, component),
                Verdict::Pass => return Ok(Verdict::Pass),
                Verdict::Drop | Verdict::Null => return Ok(Verdict::Drop),
            };
            at += component.len() + 1;
        }
        Ok(verdict)
    }

    /// The verdict where the server says which names the path is made of.
    fn component_verdict(&self, components: Document<'_>) -> Result<Verdict, Unclear> {
        let mut verdict = Verdict::Into(Machine::ROOT);
        for component in components.elements() {
            let component = component?;
            verdict = match verdict {
                Verdict::Into(state) => self.component(state, &component)?,
                Verdict::Pass => return Ok(Verdict::Pass),
                Verdict::Drop | Verdict::Null => return Ok(Verdict::Drop),
            };
        }
        Ok(verdict)
    }

    fn component(&self, state: State, component: &Element<'_>) -> Result<Verdict, raw::Error> {
        if let Some(name) = component.as_str()? {
            return Ok(self.machine.field(state, name.as_bytes()));
        }
        let index = component.as_integer().and_then(|index| usize::try_from(index).ok());
        let index = index.ok_or(raw::Error::Unexpected { field: "disambiguatedPaths", expected: "path" })?;
        Ok(self.machine.element(state, index))
    }
}

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

/// The last element of that name: names are looked up as bytes, for they need not be UTF-8 to be equal.
fn find<'a>(document: Document<'a>, name: &[u8]) -> Result<Option<Element<'a>>, raw::Error> {
    for element in document.elements() {
        let element = element?;
        if element.name == name {
            return Ok(Some(element));
        }
    }
    Ok(None)
}
