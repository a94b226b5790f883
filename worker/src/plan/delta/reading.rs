//! What a delta's path means: which names and indexes its text stands for.
//!
//! ```text
//!   "a.b.c" on {"a": {"b": {…}}, "a.b": 1}
//!
//!     a ▸ b ▸ c   fits, adds a plain name
//!     a ▸ "b.c"   fits, adds a dotted name
//!     "a.b" ▸ c   does not fit: 1 is no document
//!     "a.b.c"     fits, adds a dotted name           so: a ▸ b ▸ c
//! ```

use common::{
    event::UpdateDescription,
    raw::{self, Document, Element, Kind, MAX_DEPTH},
};

use super::{Inexact, arrays::Arrays, tree::Component};
use shape::path;

/// What stands at the end of a path, ranked: the best reading that fits holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum End {
    /// Nothing yet, and the name that would be added holds dots.
    NewDotted,
    /// Nothing yet.
    New,
    /// A value.
    Exists,
}

/// Reads the paths of one delta against one document.
pub(super) struct Reader<'r, 'a, 'b> {
    delta: &'r UpdateDescription<'a>,
    base: Document<'b>,
    arrays: Arrays<'b>,
}

impl<'r, 'a, 'b> Reader<'r, 'a, 'b> {
    pub(super) fn new(delta: &'r UpdateDescription<'a>, base: Document<'b>) -> Self {
        Self { delta, base, arrays: Arrays::default() }
    }

    /// The reading of `text` that holds; `None` when none fits.
    ///
    /// # Errors
    /// [`Inexact::Ambiguous`] when two hold equally; malformed or too deeply nested BSON.
    pub(super) fn read(&mut self, text: &'a [u8]) -> Result<Option<Reading<'a>>, Inexact> {
        match self.delta.disambiguated_paths {
            None if !self.delta.is_diff => Ok(self.separated(text)?),
            Some(paths) => {
                let components = stated(text, paths)?;
                let end = self.follow(&components)?;
                Ok(end.map(|end| (components, end)))
            }
            None => {
                let mut search = Search { fitting: Vec::new(), at: Vec::new(), arrays: &mut self.arrays };
                search.document(text, self.base, MAX_DEPTH)?;
                search.best()
            }
        }
    }

    /// The reading where every dot separates two names, as `$set` takes them: what is missing on the way is made, as documents.
    /// `None` when a value on the way is neither document nor array, or an array has no such element by name.
    fn separated(&mut self, text: &'a [u8]) -> Result<Option<Reading<'a>>, raw::Error> {
        let mut container = Some((self.base, Kind::Document));
        let (mut components, mut end) = (Vec::new(), End::Exists);
        let mut names = path::components(text).peekable();
        while let Some(name) = names.next() {
            let component = match container {
                Some((_, Kind::Array)) => match path::index(name) {
                    Some(index) => Component::Index(index),
                    None => return Ok(None),
                },
                _ => Component::Field(name),
            };
            components.push(component);
            let found = match container {
                Some((container, _)) => self.arrays.find(components.len(), container, component)?,
                None => None,
            };
            end = if found.is_some() { End::Exists } else { End::New };
            container = found.and_then(|element| Some((element.as_document()?, element.kind)));
            if names.peek().is_some() && found.is_some() && container.is_none() {
                return Ok(None);
            }
        }
        Ok(Some((components, end)))
    }

    /// What stands at the end of a path whose components are known; `None` when a parent is missing or of the wrong type.
    fn follow(&mut self, components: &[Component<'_>]) -> Result<Option<End>, raw::Error> {
        let (mut container, mut kind) = (self.base, Kind::Document);
        for (place, component) in components.iter().enumerate() {
            let fits = match component {
                Component::Field(_) => kind == Kind::Document,
                Component::Index(_) => kind == Kind::Array,
            };
            if !fits {
                return Ok(None);
            }
            let last = place + 1 == components.len();
            match self.arrays.find(place, container, *component)? {
                found if last => return Ok(Some(if found.is_some() { End::Exists } else { End::New })),
                Some(element) => match element.as_document() {
                    Some(inner) => (container, kind) = (inner, element.kind),
                    None => return Ok(None),
                },
                None => return Ok(None),
            }
        }
        Ok(None)
    }
}

/// A path's components and what stands at its end.
pub(super) type Reading<'a> = (Vec<Component<'a>>, End);

/// The components that the server states; a path it does not list has plain names, and its numbers are indexes.
fn stated<'a>(text: &'a [u8], paths: Document<'a>) -> Result<Vec<Component<'a>>, raw::Error> {
    for element in paths.elements() {
        let element = element?;
        if element.name == text {
            return listed(&element);
        }
    }
    let component = |(place, name)| match path::index(name) {
        Some(index) if place > 0 => Component::Index(index),
        _ => Component::Field(name),
    };
    Ok(path::components(text).enumerate().map(component).collect())
}

fn listed<'a>(element: &Element<'a>) -> Result<Vec<Component<'a>>, raw::Error> {
    const UNREADABLE: raw::Error = raw::Error::Unexpected { field: "disambiguatedPaths", expected: "path" };
    let mut components = Vec::new();
    for component in element.as_document().ok_or(UNREADABLE)?.elements() {
        let component = component?;
        let index = component.as_integer().and_then(|index| usize::try_from(index).ok());
        components.push(match (path::names(&component)?, index) {
            (Some(name), _) => Component::Field(name),
            (None, Some(index)) => Component::Index(index),
            (None, None) => return Err(UNREADABLE),
        });
    }
    if components.is_empty() { Err(UNREADABLE) } else { Ok(components) }
}

/// Tries every reading against the document.
struct Search<'s, 'a, 'b> {
    fitting: Vec<Reading<'a>>,
    /// The components on the way to where the search is.
    at: Vec<Component<'a>>,
    arrays: &'s mut Arrays<'b>,
}

impl<'a, 'b> Search<'_, 'a, 'b> {
    /// Readings of `text` within a document: any field whose name it begins with may be meant.
    fn document(&mut self, text: &'a [u8], base: Document<'b>, depth: usize) -> Result<(), raw::Error> {
        let mut exists = false;
        for element in base.elements() {
            let element = element?;
            if !text.starts_with(element.name) {
                continue;
            }
            match &text[element.name.len()..] {
                [] if exists => {} // a second field of the same name; updates mean the first
                [] => {
                    exists = true;
                    self.found(Component::Field(text), End::Exists);
                }
                [b'.', rest @ ..] => {
                    self.below(Component::Field(&text[..element.name.len()]), rest, &element, depth)?;
                }
                _ => {}
            }
        }
        if !exists {
            self.found(Component::Field(text), if text.contains(&b'.') { End::NewDotted } else { End::New });
        }
        Ok(())
    }

    /// Readings of `text` within an array: the one that begins with an index.
    fn array(&mut self, text: &'a [u8], base: Document<'b>, depth: usize) -> Result<(), raw::Error> {
        let dot = text.iter().position(|byte| *byte == b'.');
        let Some(index) = path::index(&text[..dot.unwrap_or(text.len())]) else { return Ok(()) };
        let element = self.arrays.element(self.at.len(), base, index)?;
        match (dot, element) {
            (None, found) => {
                let end = if found.is_some() { End::Exists } else { End::New };
                self.found(Component::Index(index), end);
            }
            (Some(dot), Some(element)) => {
                self.below(Component::Index(index), &text[dot + 1..], &element, depth)?;
            }
            (Some(_), None) => {}
        }
        Ok(())
    }

    fn below(
        &mut self,
        component: Component<'a>,
        rest: &'a [u8],
        element: &Element<'b>,
        depth: usize,
    ) -> Result<(), raw::Error> {
        let Some(inner) = element.as_document() else { return Ok(()) };
        let depth = depth.checked_sub(1).ok_or(raw::Error::TooDeep)?;
        self.at.push(component);
        if element.kind == Kind::Array {
            self.array(rest, inner, depth)?;
        } else {
            self.document(rest, inner, depth)?;
        }
        self.at.pop();
        Ok(())
    }

    fn found(&mut self, last: Component<'a>, end: End) {
        let mut components = self.at.clone();
        components.push(last);
        self.fitting.push((components, end));
    }

    /// The highest-ranking of the readings that fit, if it is alone on its rank. A value behind a dotted name and a plain
    /// name that could be added are equally likely.
    fn best(self) -> Result<Option<Reading<'a>>, Inexact> {
        let mut fitting = self.fitting;
        fitting.sort_by_key(|(_, end)| std::cmp::Reverse(*end));
        let equal = match fitting.as_slice() {
            [] | [_] => false,
            [(_, first), (_, second), ..] if first == second => true,
            [(components, End::Exists), (_, End::New), ..] => components.iter().any(Component::has_dot),
            _ => false,
        };
        if equal { Err(Inexact::Ambiguous) } else { Ok(fitting.into_iter().next()) }
    }
}
