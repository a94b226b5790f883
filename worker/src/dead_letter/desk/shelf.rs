//! What lies in the dead-letter topic, put in order. Pure.
//!
//! A letter is one refused record of the source topics, however many records of the dead-letter topic it takes: the parts of a value are
//! one letter, and one that was written again (a worker failed between writing and moving on) takes the place of the former, with its number.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use common::cli::LetterId;

use super::{
    letter::{Letter, Place},
    verdict::{Decision, Verdict},
};
use crate::consume::record::Record;

/// Every letter, in the order in which they were written.
#[derive(Debug, Default)]
pub(super) struct Shelf {
    letters: Vec<Option<Letter>>,
    /// Where the letter of a record is.
    places: HashMap<Place, usize>,
    /// Where a letter is by any number that it ever had.
    ids: BTreeMap<LetterId, usize>,
    words: HashSet<Arc<str>>,
}

impl Shelf {
    /// Takes note of the next record of the dead-letter topic; one that is neither letter nor verdict is passed over.
    pub(super) fn add(&mut self, partition: i32, record: &Record) {
        let id = LetterId { partition, offset: record.offset };
        if let Some(letter) = Letter::read(id, record, |text| word(&mut self.words, text)) {
            self.put(letter, record);
        } else if let Some((verdict, ids)) = Verdict::read(record) {
            ids.iter().for_each(|id| self.decide(*id, &verdict));
        }
    }

    fn put(&mut self, mut letter: Letter, record: &Record) {
        let id = letter.id();
        if record.goes_on()
            && let Some(place) = self.begin_of(&letter, record)
        {
            let whole = self.letters[place].as_mut().expect("a place leads to a letter");
            whole.pieces.push(id);
            whole.bytes += letter.bytes;
            self.ids.insert(id, place);
            return;
        }
        let next = self.letters.len();
        if let Some(before) = self.places.insert(letter.place.clone(), next) {
            let former = self.letters[before].take().expect("a place leads to a letter");
            letter.earlier = [former.earlier, former.pieces].concat();
            self.ids.extend(letter.earlier.iter().map(|id| (*id, next)));
        }
        self.ids.insert(id, next);
        self.letters.push(Some(letter));
    }

    /// The letter that this part continues.
    fn begin_of(&self, letter: &Letter, record: &Record) -> Option<usize> {
        let behind = i64::from(record.part?.number) - 1;
        let (topic, partition, offset) = &letter.place;
        let place = *self.places.get(&(topic.clone(), *partition, offset - behind))?;
        let begun = self.letters[place].as_ref()?;
        (begun.pieces.len() as i64 == behind && begun.key == letter.key).then_some(place)
    }

    fn decide(&mut self, id: LetterId, verdict: &Verdict) {
        let Some(place) = self.ids.get(&id) else { return };
        // One that was written again after it was looked at is not meant.
        let letter = self.letters[*place].as_mut().filter(|letter| letter.pieces.contains(&id));
        let Some(letter) = letter else { return };
        let is_replay =
            |letter: &Letter| letter.verdict.as_ref().is_some_and(|v| v.decision == Decision::Replayed);
        // What was discarded may be replayed after all, not the other way round.
        if letter.verdict.is_none() || (verdict.decision == Decision::Replayed && !is_replay(letter)) {
            letter.verdict = Some(verdict.clone());
        }
    }

    /// The letter of this number, or of one that it had before.
    pub(super) fn get(&self, id: LetterId) -> Option<&Letter> {
        self.letters[*self.ids.get(&id)?].as_ref()
    }

    /// Every letter.
    pub(super) fn letters(&self) -> impl Iterator<Item = &Letter> {
        self.letters.iter().flatten()
    }
}

/// One copy of a text that many letters share.
fn word(words: &mut HashSet<Arc<str>>, text: &str) -> Arc<str> {
    if let Some(word) = words.get(text) {
        return word.clone();
    }
    let word: Arc<str> = text.into();
    words.insert(word.clone());
    word
}

#[cfg(test)]
mod tests {
    use super::{
        super::{letter::tests::record, verdict::tests::record as verdict},
        *,
    };

    fn id(offset: i64) -> LetterId {
        LetterId { partition: 0, offset }
    }

    fn shelf(records: &[Record]) -> Shelf {
        let mut shelf = Shelf::default();
        records.iter().for_each(|record| shelf.add(0, record));
        shelf
    }

    /// Number, former numbers and pieces of each letter.
    fn seen(shelf: &Shelf) -> Vec<(i64, usize, usize)> {
        shelf
            .letters()
            .map(|letter| (letter.id().offset, letter.earlier.len(), letter.pieces.len()))
            .collect()
    }

    fn decision(shelf: &Shelf, offset: i64) -> Option<Decision> {
        shelf.get(id(offset)).unwrap().verdict.as_ref().map(|verdict| verdict.decision)
    }

    #[test]
    fn a_letter_that_was_written_again_is_one_under_its_last_number() {
        let shelf = shelf(&[record(0, 40, &[], None), record(1, 41, &[], None), record(2, 40, &[], None)]);
        assert_eq!(seen(&shelf), [(1, 0, 1), (2, 1, 1)]);
        assert_eq!(shelf.get(id(0)).unwrap().id(), id(2));
        assert!(shelf.get(id(3)).is_none());
    }

    #[test]
    fn the_parts_of_a_value_are_one_letter_and_stray_parts_are_letters_of_their_own() {
        let part = |offset, at, part| record(offset, at, &[("part", part)], None);
        let between = record(1, 90, &[], None);
        let whole = [part(0, 40, "1/3"), between, part(2, 41, "2/3"), part(3, 42, "3/3")];
        let found = shelf(&whole);
        assert_eq!(seen(&found), [(0, 0, 3), (1, 0, 1)]);
        assert_eq!((found.get(id(3)).unwrap().id(), found.get(id(0)).unwrap().bytes), (id(0), 15));

        let again = [part(0, 40, "1/2"), part(1, 40, "1/2"), part(2, 41, "2/2")];
        assert_eq!(seen(&shelf(&again)), [(1, 1, 2)]);
        let stray = [part(0, 41, "2/3"), part(1, 42, "3/3"), part(2, 41, "2/3"), part(3, 50, "x")];
        assert_eq!(seen(&shelf(&stray)), [(1, 0, 1), (2, 1, 1), (3, 0, 1)]);
    }

    #[test]
    fn a_verdict_is_about_the_letter_as_it_stood_there() {
        let first = [record(0, 40, &[], None), record(1, 41, &[], None)];
        let decided = [first.as_slice(), &[verdict(2, Decision::Discarded, &[0, 77], None)]].concat();
        let found = shelf(&decided);
        assert_eq!((decision(&found, 0), decision(&found, 1)), (Some(Decision::Discarded), None));

        let refused_again = [decided.as_slice(), &[record(3, 40, &[], None)]].concat();
        assert_eq!(decision(&shelf(&refused_again), 3), None);
        let late = [refused_again.as_slice(), &[verdict(4, Decision::Discarded, &[0], None)]].concat();
        assert_eq!(decision(&shelf(&late), 3), None, "a verdict on the former is none on the latter");

        let after_all = [decided.as_slice(), &[verdict(3, Decision::Replayed, &[0], None)]].concat();
        assert_eq!(decision(&shelf(&after_all), 0), Some(Decision::Replayed));
        let not_back = [after_all.as_slice(), &[verdict(4, Decision::Discarded, &[0], None)]].concat();
        assert_eq!(decision(&shelf(&not_back), 0), Some(Decision::Replayed));
    }
}
