//! Walking values along the declared places: what is judged, in which order, and what is written instead.
//!
//! One walk serves twice: without output it tells whether anything has to be done at all, which is all that most documents need; with output
//! it writes what is left. Both see the same departures, so the walk may not depend on what is written.

use common::{
    config::types::{MissingField, NewField, WrongType},
    raw::{self, Document, Element, Kind, MAX_DEPTH, Writer},
};

use super::{
    Declared, Deed, Drift, Sort, Tally, defaults,
    kinds::Kinds,
    node::{Node, Place, Places, Step},
    reading,
    spelling::{Part, spelt},
};

/// Where the walk writes to.
pub(super) trait Out {
    fn element(&mut self, element: &Element<'_>);
    fn begin(&mut self, kind: Kind, name: &[u8]);
    fn end(&mut self);
}

/// Nothing is written.
pub(super) struct Nowhere;

impl Out for Nowhere {
    #[inline(always)]
    fn element(&mut self, _: &Element<'_>) {}
    #[inline(always)]
    fn begin(&mut self, _: Kind, _: &[u8]) {}
    #[inline(always)]
    fn end(&mut self) {}
}

impl Out for Writer {
    fn element(&mut self, element: &Element<'_>) {
        Self::element(self, element);
    }

    fn begin(&mut self, kind: Kind, name: &[u8]) {
        if kind == Kind::Array { self.begin_array(name) } else { self.begin_document(name) }
    }

    fn end(&mut self) {
        Self::end(self);
    }
}

/// A walk on its way.
pub(super) struct Walk<'d, 'v, O> {
    pub(super) declared: &'d Declared,
    pub(super) out: O,
    /// What was done; whatever is done changes the document or refuses it.
    pub(super) tally: Tally,
    /// The worst of what the record is refused for; of two that are equally bad, the first.
    pub(super) refused: Option<Drift>,
    /// The way to where the walk is.
    pub(super) at: Vec<Part<'v>>,
}

impl<'d, 'v, O: Out> Walk<'d, 'v, O> {
    pub(super) const fn new(declared: &'d Declared, out: O) -> Self {
        let tally = Tally::new();
        Self { declared, out, tally, refused: None, at: Vec::new() }
    }

    /// The fields of the document at a place.
    pub(super) fn fields(&mut self, place: Place, document: Document<'v>, depth: usize) -> Walked {
        let places: &'d Places = &self.declared.places;
        let node = places.node(place);
        let mut seen = Seen::new(node.wanted.len());
        for element in document.elements() {
            let element = element?;
            let step = places.field(place, element.name);
            if let Step::To(_, Some(wanted)) = step {
                seen.note(wanted);
            }
            if place == Places::ROOT && element.name == b"_id" {
                self.id(step, &element);
            } else {
                self.go(step, Part::Field(element.name), &element, depth)?;
            }
        }
        if !node.wanted.is_empty() {
            self.missing(node, &seen);
        }
        Ok(())
    }

    /// Judges the value that a step has led to.
    pub(super) fn go(&mut self, step: Step, part: Part<'v>, element: &Element<'v>, depth: usize) -> Walked {
        match step {
            Step::To(place, _) => self.value(place, part, element, depth),
            Step::Open => {
                self.out.element(element);
                Ok(())
            }
            Step::New { is_number } => {
                self.new_field(is_number, part, element);
                Ok(())
            }
        }
    }

    #[inline]
    fn value(&mut self, place: Place, part: Part<'v>, element: &Element<'v>, depth: usize) -> Walked {
        let node = self.declared.places.node(place);
        if !node.kinds.has(element.kind) && self.wrong_type(node.kinds, part, element) {
            return Ok(());
        }
        match element.as_document().filter(|_| node.goes_deeper()) {
            Some(inner) => self.inside(place, part, element, inner, depth),
            None => {
                self.out.element(element);
                Ok(())
            }
        }
    }

    fn inside(
        &mut self,
        place: Place,
        part: Part<'v>,
        element: &Element<'v>,
        inner: Document<'v>,
        depth: usize,
    ) -> Walked {
        let depth = depth.checked_sub(1).ok_or(raw::Error::TooDeep)?;
        self.at.push(part);
        self.out.begin(element.kind, element.name);
        if element.kind == Kind::Array {
            for (index, element) in inner.elements().enumerate() {
                self.go(self.declared.places.element(place, index), Part::Element, &element?, depth)?;
            }
        } else {
            self.fields(place, inner, depth)?;
        }
        self.out.end();
        self.at.pop();
        Ok(())
    }

    /// `_id` stays as it is; all that can be asked is its type.
    fn id(&mut self, step: Step, element: &Element<'v>) {
        if let Step::To(place, _) = step {
            let kinds = self.declared.places.node(place).kinds;
            if !kinds.has(element.kind) {
                let (sort, policy) = self.policy(kinds, element.kind);
                if policy != WrongType::Accept {
                    self.refuse_type(sort, policy, kinds, Part::Field(b"_id"), element.kind);
                }
            }
        }
        self.out.element(element);
    }

    fn policy(&self, kinds: Kinds, met: Kind) -> (Sort, WrongType) {
        let policies = &self.declared.policies;
        if Kinds::NUMBERS.has(met) && kinds.meets(Kinds::NUMBERS) {
            (Sort::WidenedType, policies.widened_type)
        } else {
            (Sort::IncompatibleType, policies.incompatible_type)
        }
    }

    /// Deals with a value of a type that is not declared; whether that was all there is to do.
    #[cold]
    fn wrong_type(&mut self, kinds: Kinds, part: Part<'v>, element: &Element<'v>) -> bool {
        let (sort, policy) = self.policy(kinds, element.kind);
        if policy == WrongType::Accept {
            return false;
        }
        if policy == WrongType::Coerce
            && let Some((kind, value)) = reading::read(element, kinds, sort)
        {
            self.tally.count(sort, Deed::Coerce);
            self.out.element(&Element { kind, name: element.name, value: &value });
            return true;
        }
        self.refuse_type(sort, policy, kinds, part, element.kind);
        self.out.element(element);
        true
    }

    pub(super) fn refuse_type(
        &mut self,
        sort: Sort,
        policy: WrongType,
        declared: Kinds,
        part: Part<'v>,
        met: Kind,
    ) {
        let deed = if policy == WrongType::Stop { Deed::Stop } else { Deed::Quarantine };
        let path = spelt(&self.at, part);
        let is_unreadable = policy == WrongType::Coerce;
        self.refuse(Drift { path, sort, deed, met: Some(met), declared, is_unreadable });
    }

    #[cold]
    fn new_field(&mut self, is_number: bool, part: Part<'v>, element: &Element<'v>) {
        let deed = match self.declared.policies.new_field {
            NewField::Accept => return self.out.element(element),
            NewField::Drop => {
                self.tally.count(Sort::NewField, Deed::Drop);
                if is_number {
                    self.out.element(&Element { kind: Kind::Null, name: element.name, value: &[] });
                }
                return;
            }
            NewField::Quarantine => Deed::Quarantine,
            NewField::Stop => Deed::Stop,
        };
        let (path, met) = (spelt(&self.at, part), Some(element.kind));
        let (sort, declared) = (Sort::NewField, Kinds::NONE);
        self.refuse(Drift { path, sort, deed, met, declared, is_unreadable: false });
        self.out.element(element);
    }

    /// Fills in, or misses, what is not there.
    fn missing(&mut self, node: &'d Node, seen: &Seen) {
        for (number, wanted) in node.wanted.iter().enumerate().filter(|(number, _)| !seen.has(*number)) {
            match &wanted.default {
                Some(default) => {
                    self.tally.count(Sort::MissingField, Deed::Default);
                    self.out.element(&defaults::element(&wanted.name, default));
                }
                None => self.refuse_missing(number, node, None),
            }
        }
    }

    /// A required field that is not there, or no longer; in a delta by the path that it has there.
    pub(super) fn refuse_missing(&mut self, wanted: usize, node: &Node, path: Option<Part<'v>>) {
        let deed = match self.declared.policies.missing_field {
            MissingField::Accept => return,
            MissingField::Quarantine => Deed::Quarantine,
            MissingField::Stop => Deed::Stop,
        };
        let path = match path {
            Some(path) => spelt(&self.at, path),
            None => spelt(&self.at, Part::Field(&node.wanted[wanted].name)),
        };
        let (sort, declared) = (Sort::MissingField, Kinds::NONE);
        self.refuse(Drift { path, sort, deed, met: None, declared, is_unreadable: false });
    }

    fn refuse(&mut self, drift: Drift) {
        self.tally.count(drift.sort, drift.deed);
        let is_worse = |known: &Drift| known.deed < drift.deed;
        if self.refused.as_ref().is_none_or(is_worse) {
            self.refused = Some(drift);
        }
    }
}

pub(super) type Walked = Result<(), raw::Error>;

impl Declared {
    /// Whether the schema takes the value at a place as it is.
    pub(super) fn takes(&self, place: Place, element: &Element<'_>) -> bool {
        let mut strict = self.clone();
        strict.policies.widened_type = WrongType::Quarantine;
        strict.policies.incompatible_type = WrongType::Quarantine;
        let mut walk = Walk::new(&strict, Nowhere);
        let walked = walk.go(Step::To(place, None), Part::Element, element, MAX_DEPTH);
        walked.is_ok() && walk.tally.is_empty()
    }
}

/// Which of the wanted fields were seen.
struct Seen {
    first: u64,
    others: Vec<bool>,
}

impl Seen {
    fn new(wanted: usize) -> Self {
        Self { first: 0, others: vec![false; wanted.saturating_sub(64)] }
    }

    fn note(&mut self, wanted: usize) {
        match wanted.checked_sub(64) {
            None => self.first |= 1 << wanted,
            Some(other) => self.others[other] = true,
        }
    }

    fn has(&self, wanted: usize) -> bool {
        match wanted.checked_sub(64) {
            None => self.first & (1 << wanted) != 0,
            Some(other) => self.others[other],
        }
    }
}
