//! Judging what an update did, path by path, without the document it was done to.

use common::{
    config::types::{NewField, WrongType},
    event::UpdateDescription,
    raw::{self, Document, Element, Kind, MAX_DEPTH, Writer},
};

use super::{
    Declared, Deed, Drift, Sort, Tally, defaults,
    judge::Walk,
    kinds::Kinds,
    node::{Place, Places, Step},
    spelling::Part,
};
use crate::{
    Unclear,
    delta::Delta,
    path::{self, Decimal},
    way,
};

/// What becomes of a delta.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JudgedDelta {
    /// It is as declared.
    Same,
    /// It does something else now.
    Changed(Delta, Tally),
    /// Nothing of it is left: the update touched only what is dropped.
    Nothing(Tally),
    /// It is refused.
    Refused(Drift, Tally),
}

/// Where a path of a delta leads.
struct Way {
    step: Step,
    /// The place of what the last component lies in.
    above: Place,
    /// Whether the last component can be an array's index.
    is_number: bool,
}

impl Declared {
    /// The delta that does to the document as declared what `delta` does to the document.
    ///
    /// # Errors
    /// [`Unclear`].
    pub fn delta(&self, delta: &UpdateDescription<'_>) -> Result<JudgedDelta, Unclear> {
        let mut walk = Walk::new(self, Writer::new());
        walk.out.begin();
        walk.updated(delta)?;
        let removed = walk.removed(delta)?;
        let truncated = walk.truncated(delta)?;
        walk.out.end();
        let mut out = walk.out;
        let updated = out.len();
        out.begin();
        list(&removed, &mut out);
        let removed = out.len();
        out.begin();
        list(&truncated, &mut out);
        if let Some(drift) = walk.refused {
            return Ok(JudgedDelta::Refused(drift, walk.tally));
        }
        if walk.tally.is_empty() {
            return Ok(JudgedDelta::Same);
        }
        let truncated = out.len();
        if truncated == 3 * Document::EMPTY.as_bytes().len() {
            return Ok(JudgedDelta::Nothing(walk.tally));
        }
        // Paths that are gone are stated in vain.
        if let Some(paths) = delta.disambiguated_paths {
            out.begin();
            paths.elements().flatten().for_each(|path| out.element(&path));
            out.end();
        }
        let delta = Delta::written(out.into_bytes(), [updated, removed, truncated], delta.is_diff);
        Ok(JudgedDelta::Changed(delta, walk.tally))
    }

    /// Follows a path; `passes` is told each declared place on its way, with the component that comes next.
    fn way<'a>(
        &self,
        path: &'a [u8],
        delta: &UpdateDescription<'a>,
        mut passes: impl FnMut(Place, &[u8]),
    ) -> Result<Way, Unclear> {
        let stated = match delta.disambiguated_paths {
            Some(paths) => way::find(paths, path)?,
            None => None,
        };
        let mut way = Way { step: Step::To(Places::ROOT, None), above: Places::ROOT, is_number: false };
        if let Some(stated) = stated {
            for component in way::stated(&stated)?.elements() {
                let component = component?;
                let index = component.as_integer().and_then(|index| usize::try_from(index).ok());
                match (path::names(&component)?, index) {
                    (Some(name), _) => self.advance(&mut way, name, true, &mut passes),
                    (None, Some(index)) => {
                        self.advance(&mut way, Decimal::of(index).bytes(), false, &mut passes)
                    }
                    (None, None) => {
                        let field = "disambiguatedPaths";
                        return Err(raw::Error::Unexpected { field, expected: "path" }.into());
                    }
                }
            }
            return Ok(way);
        }
        let may_be_dotted = delta.is_diff && delta.disambiguated_paths.is_none();
        let mut at = 0;
        for component in path::components(path) {
            if may_be_dotted && self.has_dotted_start(way.step, &path[at..]) {
                return Err(Unclear::Ambiguous);
            }
            self.advance(&mut way, component, false, &mut passes);
            at += component.len() + 1;
        }
        Ok(way)
    }

    fn advance(&self, way: &mut Way, name: &[u8], is_whole: bool, passes: &mut impl FnMut(Place, &[u8])) {
        way.is_number = path::is_numeric(name);
        way.step = match way.step {
            Step::To(place, _) => {
                if place != Places::ROOT {
                    passes(place, name);
                }
                way.above = place;
                if is_whole { self.places.field(place, name) } else { self.places.step(place, name) }
            }
            beyond => self.places.below(beyond),
        };
    }

    /// Whether a field is declared whose dotted name the path that remains begins with.
    fn has_dotted_start(&self, step: Step, remaining: &[u8]) -> bool {
        let Step::To(place, _) = step else { return false };
        let node = self.places.node(place);
        let starts = |name: &[u8]| {
            remaining.strip_prefix(name).is_some_and(|rest| matches!(rest.first(), None | Some(b'.')))
        };
        node.has_dotted && node.fields.iter().any(|(name, ..)| name.contains(&b'.') && starts(name))
    }

    /// Whether an update that may make the document at `place`, which lies at `path`, leaves something to be filled in there.
    fn would_fill_in(&self, place: Place, path: &[u8], delta: &UpdateDescription<'_>) -> bool {
        let is_set = |name: &[u8]| {
            delta.updated_fields.elements().flatten().any(|element| {
                let below = element.name.strip_prefix(path).and_then(|rest| rest.strip_prefix(b"."));
                below.is_some_and(|below| path::components(below).next() == Some(name))
            })
        };
        let wanted = &self.places.node(place).wanted;
        wanted.iter().any(|wanted| wanted.default.is_some() && !is_set(&wanted.name))
    }
}

impl<'d, 'v> Walk<'d, 'v, Writer> {
    fn updated(&mut self, delta: &UpdateDescription<'v>) -> Result<(), Unclear> {
        for element in delta.updated_fields.elements() {
            let element = element?;
            if element.name == b"_id" {
                self.out.element(&element);
                continue;
            }
            let way = self.led(element.name, delta)?;
            self.go(way.step, Part::Path(element.name), &element, MAX_DEPTH)?;
        }
        Ok(())
    }

    /// The way of a path, on which every container that the path shows was judged.
    fn led(&mut self, path: &'v [u8], delta: &UpdateDescription<'v>) -> Result<Way, Unclear> {
        let (declared, mut shown) = (self.declared, None);
        // Else the path may be the name of a field.
        let is_certain = !delta.is_diff || delta.disambiguated_paths.is_some();
        let way = declared.way(path, delta, |place, next| {
            let kinds = declared.places.node(place).kinds;
            let fits = kinds.has(Kind::Document) || (path::is_numeric(next) && kinds.has(Kind::Array));
            if is_certain && !fits {
                shown.get_or_insert(kinds);
            }
        })?;
        if let Some(kinds) = shown
            && declared.policies.incompatible_type != WrongType::Accept
        {
            let policy = declared.policies.incompatible_type;
            self.refuse_type(Sort::IncompatibleType, policy, kinds, Part::Path(path), Kind::Document);
        }
        if !delta.is_diff && self.may_fill_in(path, delta) {
            return Err(Unclear::Made);
        }
        Ok(way)
    }

    /// Whether an update logged as operators may make a document on its way in which a default is missing, or which is a default itself.
    fn may_fill_in(&self, path: &[u8], delta: &UpdateDescription<'v>) -> bool {
        let places = &self.declared.places;
        let (mut step, mut above, mut end) = (Step::To(Places::ROOT, None), Places::ROOT, 0);
        for name in path::components(path) {
            let Step::To(place, wanted) = step else { return false };
            if end > 0 && !path::is_numeric(name) {
                let is_default =
                    wanted.is_some_and(|wanted| places.node(above).wanted[wanted].default.is_some());
                if is_default || self.declared.would_fill_in(place, &path[..end - 1], delta) {
                    return true;
                }
            }
            (step, above) = (places.step(place, name), place);
            end += name.len() + 1;
        }
        false
    }

    /// The removals that are left; a default takes the place of what it stands in for.
    fn removed(&mut self, delta: &UpdateDescription<'v>) -> Result<Vec<Element<'v>>, Unclear> {
        let mut kept = Vec::new();
        for element in delta.removed_fields.elements() {
            let element = element?;
            let path = path::of_removal(&element)?;
            let way = self.declared.way(path, delta, |_, _| {})?;
            let keeps = match way.step {
                // It means nothing: the server keeps it.
                _ if path == b"_id" => true,
                Step::Open => true,
                Step::New { is_number } => self.removed_new(is_number),
                Step::To(_, Some(wanted)) => self.removed_wanted(way.above, wanted, path),
                Step::To(place, None) => {
                    if way.is_number && !delta.is_diff {
                        self.removed_element(place, path);
                    }
                    true
                }
            };
            if keeps {
                kept.push(element);
            }
        }
        Ok(kept)
    }

    /// Whether the removal of a field that is not declared is kept.
    fn removed_new(&mut self, is_number: bool) -> bool {
        match self.declared.policies.new_field {
            NewField::Drop => {
                self.tally.count(Sort::NewField, Deed::Drop);
                is_number
            }
            // Without it the document is as it should be.
            NewField::Accept | NewField::Quarantine | NewField::Stop => true,
        }
    }

    fn removed_wanted(&mut self, above: Place, wanted: usize, path: &'v [u8]) -> bool {
        let node = self.declared.places.node(above);
        match &node.wanted[wanted].default {
            Some(default) => {
                self.tally.count(Sort::MissingField, Deed::Default);
                self.out.element(&defaults::element(path, default));
                false
            }
            None => {
                self.refuse_missing(wanted, node, Some(Part::Path(path)));
                true
            }
        }
    }

    /// The truncations of arrays that are still arrays.
    fn truncated(&mut self, delta: &UpdateDescription<'v>) -> Result<Vec<Element<'v>>, Unclear> {
        let mut kept = Vec::new();
        for element in delta.truncated_arrays.elements() {
            let element = element?;
            let way = self.declared.way(path::of_truncation(&element)?.0, delta, |_, _| {})?;
            if matches!(way.step, Step::New { .. }) && self.declared.policies.new_field == NewField::Drop {
                self.tally.count(Sort::NewField, Deed::Drop);
            } else {
                kept.push(element);
            }
        }
        Ok(kept)
    }

    /// What 4.4 logs as the removal of an array's element is its becoming null.
    fn removed_element(&mut self, place: Place, path: &'v [u8]) {
        let kinds: Kinds = self.declared.places.node(place).kinds;
        let policy = self.declared.policies.incompatible_type;
        if !kinds.has(Kind::Null) && policy != WrongType::Accept {
            self.refuse_type(Sort::IncompatibleType, policy, kinds, Part::Path(path), Kind::Null);
        }
    }
}

/// Closes the array that was begun, with these elements.
fn list(elements: &[Element<'_>], out: &mut Writer) {
    for (index, element) in elements.iter().enumerate() {
        out.value(element.kind, Decimal::of(index).bytes(), element.value);
    }
    out.end();
}
