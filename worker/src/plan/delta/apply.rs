//! Applying a delta to the document at hand, byte for byte as the server would.
//!
//! ```text
//!   delta                          tree                        base ──copied, field by field──▸ out
//!   truncatedArrays  items ▸ 2     ├ items  ⟨cut to 2⟩         {_id, items: [ {p: 1}, 5, 6 ], x: 1}
//!   updatedFields    n: 7          │  └ 0 ─ p  ⟨= 9⟩            │      │         │    │  ╳    ╳
//!                    items.0.p: 9  ├ n      ⟨= 7⟩               ▼      ▼         ▼    ▼          n: 7
//!   removedFields    x             └ x      ⟨gone⟩             {_id, items: [ {p: 9}, 5 ],       n: 7}
//! ```
//!
//! The paths are read against the base first ([`super::reading`]) and put into a tree ([`super::tree`]); then the base is copied once from
//! front to back. A field without a node is copied as it stands; nothing is decoded. Fields of the tree that the base
//! did not have are appended at the end, in the tree's order, which is the delta's.

use common::{
    event::UpdateDescription,
    raw::{self, Document, Element, Kind, MAX_DEPTH, Writer},
};

use super::{
    Inexact,
    reading::{End, Reader},
    tree::{Change, Component, Node, Tree},
};
use shape::path::{self, Decimal, MAX_PADDING};

/// Appends to `out`, as an outermost document, what the update made of `base`.
///
/// # Errors
/// [`Inexact`]; `out` then holds an unfinished document and is for clearing.
pub fn apply(base: Document<'_>, delta: &UpdateDescription<'_>, out: &mut Writer) -> Result<(), Inexact> {
    let (mut reader, mut tree) = (Reader::new(delta, base), Tree::new());
    truncations(delta, &mut reader, &mut tree)?;
    updates(delta, &mut reader, &mut tree)?;
    removals(delta, &mut reader, &mut tree)?;
    out.begin();
    Rewrite { tree: &tree, makes_parents: !delta.is_diff }.document(tree.node(0), base, out, MAX_DEPTH)?;
    out.end();
    Ok(())
}

fn truncations<'a>(
    delta: &UpdateDescription<'a>,
    reader: &mut Reader<'_, 'a, '_>,
    tree: &mut Tree<'a>,
) -> Result<(), Inexact> {
    for truncation in path::truncations(delta) {
        let (path, len) = truncation?;
        match reader.read(path)? {
            Some((path, End::Exists)) => tree.insert(&path, Change::Truncate(len))?,
            _ => return Err(Inexact::BaseDoesNotFit),
        }
    }
    Ok(())
}

fn updates<'a>(
    delta: &UpdateDescription<'a>,
    reader: &mut Reader<'_, 'a, '_>,
    tree: &mut Tree<'a>,
) -> Result<(), Inexact> {
    for element in delta.updated_fields.elements() {
        let element = element?;
        let reading = reader.read(element.name)?;
        let (path, _) = reading.ok_or(Inexact::BaseDoesNotFit)?;
        tree.insert(&path, Change::Set(element))?;
    }
    Ok(())
}

/// What is to be removed and is not there is gone already, as it is for the server.
fn removals<'a>(
    delta: &UpdateDescription<'a>,
    reader: &mut Reader<'_, 'a, '_>,
    tree: &mut Tree<'a>,
) -> Result<(), Inexact> {
    for path in path::removals(delta) {
        if let Some((path, End::Exists)) = reader.read(path?)? {
            tree.insert(&path, Change::Unset)?;
        }
    }
    Ok(())
}

/// Copies the base along the tree.
struct Rewrite<'t, 'a> {
    tree: &'t Tree<'a>,
    /// Whether documents on the way that are missing are made.
    makes_parents: bool,
}

impl<'a> Rewrite<'_, 'a> {
    fn document(&self, node: &Node<'a>, base: Document<'_>, out: &mut Writer, depth: usize) -> Applied {
        let mut met = vec![false; node.children.len()];
        for element in base.elements() {
            let element = element?;
            match node.find(Component::Field(element.name)).filter(|place| !met[*place]) {
                Some(place) => {
                    met[place] = true;
                    self.value(self.child(node, place), &element, out, depth)?;
                }
                None => out.element(&element),
            }
        }
        for (place, _) in met.iter().enumerate().filter(|(_, met)| !**met) {
            match node.children[place].0 {
                Component::Field(name) => self.addition(self.child(node, place), name, out)?,
                Component::Index(_) => return Err(Inexact::BaseDoesNotFit),
            }
        }
        Ok(())
    }

    fn array(&self, node: &Node<'a>, base: Document<'_>, out: &mut Writer, depth: usize) -> Applied {
        let cut = match node.change {
            Some(Change::Truncate(len)) => Some(len),
            _ => None,
        };
        let mut len = 0;
        for element in base.elements().take(cut.unwrap_or(usize::MAX)) {
            let name = Decimal::of(len);
            let element = Element { name: name.bytes(), ..element? };
            match node.find(Component::Index(len)) {
                Some(place) => self.element(self.child(node, place), &element, out, depth)?,
                None => out.element(&element),
            }
            len += 1;
        }
        if cut.is_some_and(|cut| len < cut) {
            return Err(Inexact::BaseDoesNotFit);
        }
        self.additions(node, len, out)
    }

    /// The array's elements past its end, by index, `null` where the delta names none.
    fn additions(&self, node: &Node<'a>, len: usize, out: &mut Writer) -> Applied {
        let mut beyond = Vec::new();
        for (component, child) in &node.children {
            match component {
                Component::Index(index) if *index < len => {}
                Component::Index(index) => beyond.push((*index, *child)),
                Component::Field(_) => return Err(Inexact::BaseDoesNotFit),
            }
        }
        beyond.sort_unstable_by_key(|(index, _)| *index);
        let mut len = len;
        for (index, child) in beyond {
            if index - len > MAX_PADDING {
                return Err(Inexact::BaseDoesNotFit);
            }
            for gap in len..index {
                out.value(Kind::Null, Decimal::of(gap).bytes(), &[]);
            }
            self.addition(self.tree.node(child), Decimal::of(index).bytes(), out)?;
            len = index + 1;
        }
        Ok(())
    }

    /// An array's element: one that is removed leaves `null`, as `$unset` does.
    fn element(&self, node: &Node<'a>, element: &Element<'_>, out: &mut Writer, depth: usize) -> Applied {
        if node.change == Some(Change::Unset) {
            out.value(Kind::Null, element.name, &[]);
            return Ok(());
        }
        self.value(node, element, out, depth)
    }

    /// A value that exists.
    fn value(&self, node: &Node<'a>, element: &Element<'_>, out: &mut Writer, depth: usize) -> Applied {
        match (node.change, element.kind) {
            (Some(Change::Set(new)), _) => out.value(new.kind, element.name, new.value),
            (Some(Change::Unset), _) => {}
            (_, Kind::Array) => {
                out.begin_array(element.name);
                self.array(node, inner(element)?, out, below(depth)?)?;
                out.end();
            }
            (None, Kind::Document) => {
                out.begin_document(element.name);
                self.document(node, inner(element)?, out, below(depth)?)?;
                out.end();
            }
            _ => return Err(Inexact::BaseDoesNotFit),
        }
        Ok(())
    }

    /// A value that does not exist yet.
    fn addition(&self, node: &Node<'a>, name: &[u8], out: &mut Writer) -> Applied {
        match node.change {
            Some(Change::Set(new)) => out.value(new.kind, name, new.value),
            Some(Change::Unset) => {}
            None if self.makes_parents => {
                out.begin_document(name);
                self.document(node, Document::EMPTY, out, MAX_DEPTH)?;
                out.end();
            }
            Some(Change::Truncate(_)) | None => return Err(Inexact::BaseDoesNotFit),
        }
        Ok(())
    }

    fn child(&self, node: &Node<'a>, place: usize) -> &Node<'a> {
        self.tree.node(node.children[place].1)
    }
}

type Applied = Result<(), Inexact>;

fn inner<'e>(element: &Element<'e>) -> Result<Document<'e>, Inexact> {
    element.as_document().ok_or(Inexact::BaseDoesNotFit)
}

fn below(depth: usize) -> Result<usize, Inexact> {
    depth.checked_sub(1).ok_or(Inexact::Malformed(raw::Error::TooDeep))
}
