//! Where the paths of a delta lead through the automaton, and how they read afterwards.
//!
//! Owns what the text of a path may stand for: names between dots, names that hold dots, or what the server states.

use common::{
    event::UpdateDescription,
    raw::{self, Document, Element, Writer},
};

use super::{
    Shaper, Unclear,
    machine::{Machine, Verdict, Walk},
};
use crate::path;

/// Where a path of a delta leads.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    pub(super) verdict: Verdict,
    pub(super) is_renamed: bool,
    /// Where in the new path the redacted value ends that it leads into.
    pub(super) redacted: Option<usize>,
}

impl Way {
    fn of(walk: &Walk<'_, '_>) -> Self {
        Self { verdict: walk.verdict, is_renamed: walk.is_renamed, redacted: walk.redacted }
    }

    /// The path from now on.
    pub(super) fn path<'p>(&self, path: &'p [u8], text: &'p [u8]) -> &'p [u8] {
        if self.is_renamed { text } else { path }
    }
}

impl Shaper {
    /// Where a delta's path leads; its new text is written to `text`.
    pub(super) fn way(
        &self,
        path: &[u8],
        delta: &UpdateDescription<'_>,
        text: &mut Vec<u8>,
    ) -> Result<Way, Unclear> {
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
    pub(super) fn stated_way(&self, components: Document<'_>, text: &mut Vec<u8>) -> Result<Way, Unclear> {
        let mut walk = Walk::new(&self.machine, Machine::ROOT, text);
        for component in components.elements() {
            step(&mut walk, &component?)?;
        }
        Ok(Way::of(&walk))
    }

    /// Appends the components of a path by their new names.
    pub(super) fn components(&self, components: Document<'_>, out: &mut Writer) -> Result<(), Unclear> {
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
}

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
pub(crate) fn stated<'a>(element: &Element<'a>) -> Result<Document<'a>, raw::Error> {
    const UNREADABLE: raw::Error = raw::Error::Unexpected { field: "disambiguatedPaths", expected: "array" };
    element.as_document().ok_or(UNREADABLE)
}

/// The last element of that name: names are looked up as bytes, for they need not be UTF-8 to be equal.
pub(crate) fn find<'a>(document: Document<'a>, name: &[u8]) -> Result<Option<Element<'a>>, raw::Error> {
    for element in document.elements() {
        let element = element?;
        if element.name == name {
            return Ok(Some(element));
        }
    }
    Ok(None)
}
