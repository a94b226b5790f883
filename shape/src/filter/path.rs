//! Which values of a document a query's path leads to, as the server walks it. Pure.
//!
//! ```text
//!   a.b   {a: {b: 1}}              1
//!         {a: [{b: 1}, 2, {}]}     1, and nothing (the last one has no b)
//!         {a: [[{b: 1}]]}          no value at all: arrays within arrays are entered by number only
//!         {b: 1}                   nothing
//!   a.0   {a: [5, {0: 6}]}         5, and 6
//!   a     {a: [1, [2]]}            1, [2], and [1, [2]]
//! ```
//!
//! "Nothing" is a value that tests are asked about: null equals it. Where there is no value at all, no test passes.

use common::raw::{self, Document, Element, Kind};

/// The names that a path is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Path {
    pub(super) names: Vec<Box<[u8]>>,
}

/// What is asked about each value, until one is as it should be.
pub(super) type Ask<'a> = dyn FnMut(Option<&Element<'_>>) -> Result<bool, raw::Error> + 'a;

impl Path {
    pub(super) fn parse(text: &[u8]) -> Self {
        Self { names: text.split(|byte| *byte == b'.').map(Into::into).collect() }
    }

    /// Whether one of the values is as it should be; `enters` tells whether an array at the end is also its elements.
    pub(super) fn any(
        &self,
        document: Document<'_>,
        enters: bool,
        ask: &mut Ask<'_>,
    ) -> Result<bool, raw::Error> {
        in_document(document, &self.names, enters, ask)
    }
}

type Names<'a> = &'a [Box<[u8]>];

fn in_document(
    mut document: Document<'_>,
    names: Names<'_>,
    enters: bool,
    ask: &mut Ask<'_>,
) -> Result<bool, raw::Error> {
    for (place, name) in names.iter().enumerate() {
        let rest = &names[place + 1..];
        let Some(found) = field(document, name)? else { return ask(None) };
        match (found.kind, found.as_document()) {
            (Kind::Array, _) => return in_array(&found, rest, enters, ask),
            (_, Some(inner)) if !rest.is_empty() => document = inner,
            _ if rest.is_empty() => return ask(Some(&found)),
            _ => return ask(None),
        }
    }
    ask(None)
}

fn in_array(
    array: &Element<'_>,
    names: Names<'_>,
    enters: bool,
    ask: &mut Ask<'_>,
) -> Result<bool, raw::Error> {
    let elements = array.as_document().unwrap_or(Document::EMPTY).elements();
    let Some((next, rest)) = names.split_first() else {
        if enters {
            for element in elements {
                if ask(Some(&element?))? {
                    return Ok(true);
                }
            }
        }
        return ask(Some(array));
    };
    for element in elements {
        let element = element?;
        if let (Kind::Document, Some(inner)) = (element.kind, element.as_document())
            && in_document(inner, names, enters, ask)?
        {
            return Ok(true);
        }
        if element.name == &**next && at_number(&element, rest, enters, ask)? {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Goes on from an element that the path names by its number.
fn at_number(
    element: &Element<'_>,
    rest: Names<'_>,
    enters: bool,
    ask: &mut Ask<'_>,
) -> Result<bool, raw::Error> {
    match (element.kind, element.as_document()) {
        _ if rest.is_empty() => ask(Some(element)),
        (Kind::Document, Some(inner)) => in_document(inner, rest, enters, ask),
        (Kind::Array, _) => in_array(element, rest, enters, ask),
        _ => Ok(false),
    }
}

/// The first field of that name.
fn field<'a>(document: Document<'a>, name: &[u8]) -> Result<Option<Element<'a>>, raw::Error> {
    for element in document.elements() {
        let element = element?;
        if element.name == name {
            return Ok(Some(element));
        }
    }
    Ok(None)
}
