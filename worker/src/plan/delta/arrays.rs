//! Looking up array elements by index, again and again in rising order.

use common::raw::{self, Document, Element, Elements};

use super::tree::Component;

/// Where the last look into each level's array was: a delta names an array's elements by rising index, so the next look goes on from
/// there and does not count from the front again.
#[derive(Default)]
pub(super) struct Arrays<'b> {
    levels: Vec<Option<Look<'b>>>,
}

struct Look<'b> {
    array: Document<'b>,
    index: usize,
    element: Option<Element<'b>>,
    rest: Elements<'b>,
}

impl<'b> Arrays<'b> {
    /// What stands at a component of a container on that level of the path.
    pub(super) fn find(
        &mut self,
        level: usize,
        container: Document<'b>,
        component: Component<'_>,
    ) -> Result<Option<Element<'b>>, raw::Error> {
        match component {
            Component::Index(index) => self.element(level, container, index),
            Component::Field(name) => {
                let found = container.elements().find(|element| !matches!(element, Ok(e) if e.name != name));
                found.transpose()
            }
        }
    }

    pub(super) fn element(
        &mut self,
        level: usize,
        array: Document<'b>,
        index: usize,
    ) -> Result<Option<Element<'b>>, raw::Error> {
        if self.levels.len() <= level {
            self.levels.resize_with(level + 1, || None);
        }
        let last = self.levels[level].take();
        let last =
            last.filter(|last| std::ptr::eq(last.array.as_bytes(), array.as_bytes()) && last.index <= index);
        let mut look = match last {
            Some(look) => look,
            None => {
                let mut rest = array.elements();
                Look { array, index: 0, element: rest.next().transpose()?, rest }
            }
        };
        while look.index < index && look.element.is_some() {
            look.element = look.rest.next().transpose()?;
            look.index += 1;
        }
        let found = look.element.filter(|_| look.index == index);
        self.levels[level] = Some(look);
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use bson::doc;

    use super::*;

    #[test]
    fn looks_in_any_order_find_what_counting_finds() {
        let arrays: Vec<_> =
            [0, 1, 7].map(|len| doc! {"a": (0..len).collect::<Vec<i32>>()}.to_vec().unwrap()).into();
        let arrays: Vec<_> = arrays
            .iter()
            .map(|bytes| Document::new(bytes).unwrap().get("a").unwrap().unwrap().as_document().unwrap())
            .collect();
        let mut looks = Arrays::default();
        for (array, index) in [
            (2, 0),
            (2, 0),
            (2, 3),
            (0, 0),
            (2, 4),
            (2, 9),
            (2, 12),
            (2, 1),
            (1, 0),
            (1, 1),
            (2, 6),
            (2, 7),
            (0, 5),
        ] {
            let expected = arrays[array].elements().nth(index).transpose().unwrap();
            for level in [0, array] {
                assert_eq!(looks.element(level, arrays[array], index).unwrap(), expected, "{array} {index}");
            }
        }
    }
}
