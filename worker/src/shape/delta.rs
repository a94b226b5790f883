//! Shaping what an update did, path by path, without the document it was done to.

use common::{
    event::UpdateDescription,
    raw::{self, Document, Element, MAX_DEPTH, Writer},
};

use super::{
    Shaper,
    machine::{Machine, Verdict, Walk},
    mask::made_redacted,
};
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
    /// Two fields of one document would have one name.
    #[error("a field is called `{0}`, which is the new name of another field: deny it or rename it too")]
    Taken(String),
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

    /// Appends the components of a path by their new names.
    fn components(&self, components: Document<'_>, out: &mut Writer) -> Result<(), Unclear> {
        let mut text = Vec::new();
        let mut walk = Walk::new(&self.machine, Machine::ROOT, &mut text);
        for component in components.elements() {
            let component = component?;
            step(&mut walk, &component)?;
            if component.as_str()?.is_some() {
                let name = std::str::from_utf8(walk.component()).map_err(|_| raw::Error::NotUtf8)?;
                out.str(component.name, name);
            } else {
                out.element(&component);
            }
        }
        Ok(())
    }

    /// Where a delta's path leads; its new text is written to `text`.
    fn way(&self, path: &[u8], delta: &UpdateDescription<'_>, text: &mut Vec<u8>) -> Result<Way, Unclear> {
        let way = match delta.disambiguated_paths {
            None => self.spelt_way(path, delta.is_diff, text)?,
            Some(paths) => match find(paths, path)? {
                Some(element) => self.stated_way(stated(&element)?, text)?,
                None => self.spelt_way(path, false, text)?,
            },
        };
        if way.verdict == Verdict::Taken { Err(Unclear::taken(path)) } else { Ok(way) }
    }

    /// The way where every dot separates two names, or may be part of one.
    fn spelt_way(&self, path: &[u8], may_be_dotted: bool, text: &mut Vec<u8>) -> Result<Way, Unclear> {
        let (mut walk, mut at) = (Walk::new(&self.machine, Machine::ROOT, text), 0);
        for component in path::components(path) {
            if let Verdict::Into(state) = walk.verdict
                && may_be_dotted
                && self.machine.has_dotted_start(state, &path[at..])
            {
                return Err(Unclear::Ambiguous);
            }
            walk.step(component);
            at += component.len() + 1;
        }
        Ok(Way::of(&walk))
    }

    /// The way where the server says which names the path is made of.
    fn stated_way(&self, components: Document<'_>, text: &mut Vec<u8>) -> Result<Way, Unclear> {
        let mut walk = Walk::new(&self.machine, Machine::ROOT, text);
        for component in components.elements() {
            step(&mut walk, &component?)?;
        }
        Ok(Way::of(&walk))
    }
}

/// Where a path of a delta leads.
#[derive(Debug, Clone, Copy)]
struct Way {
    verdict: Verdict,
    is_renamed: bool,
    /// Where in the new path the redacted value ends that it leads into.
    redacted: Option<usize>,
}

impl Way {
    fn of(walk: &Walk<'_, '_>) -> Self {
        Self { verdict: walk.verdict, is_renamed: walk.is_renamed, redacted: walk.redacted }
    }

    /// The path from now on.
    fn path<'p>(&self, path: &'p [u8], text: &'p [u8]) -> &'p [u8] {
        if self.is_renamed { text } else { path }
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

fn step(walk: &mut Walk<'_, '_>, component: &Element<'_>) -> Result<(), raw::Error> {
    if let Some(name) = component.as_str()? {
        walk.field(name.as_bytes());
        return Ok(());
    }
    let index = component.as_integer().and_then(|index| usize::try_from(index).ok());
    walk.element(index.ok_or(raw::Error::Unexpected { field: "disambiguatedPaths", expected: "path" })?);
    Ok(())
}

/// The names that the server says a path is made of.
fn stated<'a>(element: &Element<'a>) -> Result<Document<'a>, raw::Error> {
    const UNREADABLE: raw::Error = raw::Error::Unexpected { field: "disambiguatedPaths", expected: "array" };
    element.as_document().ok_or(UNREADABLE)
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
