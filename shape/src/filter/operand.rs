//! Values that a query compares with, out of the configuration.

use common::raw::{Element, Kind};

/// A value of the query.
#[derive(Clone)]
pub(super) struct Operand {
    kind: Kind,
    value: Box<[u8]>,
}

impl Operand {
    pub(super) fn new(element: &Element<'_>) -> Self {
        Self { kind: element.kind, value: element.value.into() }
    }

    pub(super) fn view(&self) -> Element<'_> {
        Element { kind: self.kind, name: b"", value: &self.value }
    }
}

/// Its type only: it may be somebody's name.
impl std::fmt::Debug for Operand {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Operand({})", self.kind.alias())
    }
}
