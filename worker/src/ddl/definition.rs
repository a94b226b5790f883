//! What is to be done about a collection's options and indexes. Pure.

use bson::Document;

use shape::Shaper;

use super::{notes::Notes, translated, work::Work};

/// What is to be done to one collection, and what is remembered of it.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Definition {
    /// The options that it is made with, where it is to be made.
    pub(super) make: Option<Document>,
    /// Whether one that is there already with other options is a reason to stop.
    pub(super) insists: bool,
    /// What `collMod` is told of validation; empty for nothing.
    pub(super) validation: Document,
    /// What is done about indexes.
    pub(super) works: Vec<Work>,
    /// Whether the indexes may not fit the documents that stand in front of them: the source had them a moment before or after.
    pub(super) may_not_fit: bool,
    /// What is put off.
    pub(super) notes: Notes,
    /// Options and indexes that are not carried.
    pub(super) left_out: Vec<String>,
}

impl Eq for Definition {}

impl Definition {
    /// Indexes by the names that fields have at the target; those that cannot be made are left out.
    pub(super) fn create_indexes(indexes: &[Document], shaper: Option<&Shaper>) -> Self {
        let (mut made, mut left_out) = (Vec::new(), Vec::new());
        for index in indexes {
            match shaper.map_or_else(|| Some(index.clone()), |shaper| translated::index(index, shaper)) {
                Some(index) => made.push(index),
                None => left_out.push(format!("index {}", index.get_str("name").unwrap_or_default())),
            }
        }
        Self { works: Work::create(&made), notes: Notes::of_indexes(&made), left_out, ..Self::default() }
    }

    pub(super) fn drop_indexes(names: &[String]) -> Self {
        let notes = Notes { dropped: names.to_vec(), ..Notes::default() };
        Self { works: Work::drop(names), notes, ..Self::default() }
    }

    /// The same `modify` may also be about an index.
    pub(super) fn with_index(mut self, index: Option<&Document>) -> Self {
        if let Some(index) = index {
            self.works = Work::modify(index);
            self.notes.modified = Notes::part_of(index).into_iter().collect();
        }
        self
    }
}
