//! What is next for a partition that has come to a barrier, by what the documents of all its partitions say. Pure.

use std::collections::BTreeMap;

use super::marker::Marker;
use crate::{
    checkpoint::{At, Intent, Stored},
    consume::intake::Partition,
};

/// What is next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Next {
    /// Nothing was known here of a document that is behind the barrier by now.
    Passed,
    /// Write down that it stands here.
    Stand,
    /// Others have to come, to go on, or to do something first.
    Wait,
    /// Settle which collections will be touched.
    Intend,
    /// Do it.
    CarryOut(Intent),
    /// Go on behind it.
    Pass,
    /// This other partition is behind the barrier, which did not wait for ours: one of them was moved by somebody.
    SetBack(Partition),
}

/// Judges.
pub(super) fn judge(marker: &Marker, stored: &BTreeMap<Partition, Stored>) -> Next {
    let Some(own) = stored.get(&marker.places[marker.number]) else { return Next::Wait };
    if own.offset > marker.offset {
        return Next::Passed;
    }
    let Some(at) = standing(marker, own) else {
        return match is_passed(marker, stored) {
            Some(other) => Next::SetBack(other.clone()),
            None => Next::Stand,
        };
    };
    if marker.number == 0 { of_the_first(marker, at, stored) } else { of_another(marker, stored) }
}

/// The first partition goes on last, so that what it says of the barrier can be read by all others.
fn of_the_first(marker: &Marker, at: &At, stored: &BTreeMap<Partition, Stored>) -> Next {
    let stand = |place: &&Partition| stored.get(*place).is_some_and(|s| standing(marker, s).is_some());
    let others = marker.places[1..].iter().filter(stand).count();
    match (at.is_done, at.intent) {
        (true, _) if others == 0 => Next::Pass,
        (true, _) => Next::Wait,
        (false, _) if others < marker.places.len() - 1 => Next::Wait,
        (false, None) => Next::Intend,
        (false, Some(intent)) => Next::CarryOut(intent),
    }
}

fn of_another(marker: &Marker, stored: &BTreeMap<Partition, Stored>) -> Next {
    let Some(first) = stored.get(marker.first()) else { return Next::Wait };
    match standing(marker, first) {
        Some(at) if at.is_done => Next::Pass,
        Some(_) => Next::Wait,
        None if is_behind(marker, 0, first) => Next::SetBack(marker.first().clone()),
        None => Next::Wait,
    }
}

fn standing<'s>(marker: &Marker, stored: &'s Stored) -> Option<&'s At> {
    stored.barrier.as_ref().filter(|at| at.barrier == marker.barrier)
}

/// A partition of the barrier that is behind it.
fn is_passed<'m>(marker: &'m Marker, stored: &BTreeMap<Partition, Stored>) -> Option<&'m Partition> {
    let mut places = marker.places.iter().enumerate();
    let passed =
        places.find(|(number, place)| stored.get(*place).is_some_and(|s| is_behind(marker, *number, s)));
    passed.map(|(_, place)| place)
}

fn is_behind(marker: &Marker, number: usize, stored: &Stored) -> bool {
    let place = marker.place(number);
    let mut delivered = stored.delivered.iter();
    delivered.any(|last| last.slice == marker.barrier.slice && (last.epoch, last.number) >= place)
}

/// The partitions of the barrier that do not stand at it.
pub(super) fn missing<'m>(
    marker: &'m Marker,
    stored: &BTreeMap<Partition, Stored>,
) -> impl Iterator<Item = &'m Partition> {
    let stands = |place: &Partition| stored.get(place).is_some_and(|s| standing(marker, s).is_some());
    marker.places.iter().filter(move |place| !stands(place))
}

#[cfg(test)]
mod tests {
    use common::{headers::Sequence, namespace::Namespace};

    use super::*;
    use crate::{checkpoint::Origin, ddl::marker::Change};

    /// Three partitions, each with its record of the barrier 20, 21, 22 at offset 5.
    fn marker(number: usize) -> Marker {
        let partition = |number| Partition { topic: "t".into(), number };
        Marker {
            barrier: Origin { slice: "rs0".to_owned(), epoch: 1, number: 20 },
            number,
            places: (0..3).map(partition).collect(),
            offset: 5,
            sequence: String::new(),
            change: Change::Drop(Namespace::new("d", "a")),
            is_read: false,
            cluster_time: None,
        }
    }

    const INTENT: Intent = Intent { uuid: Some([1; 16]), onto: None };

    /// `.` before the barrier, `|` at it, `i` at it with an intent, `d` at it and done, `>` behind it.
    fn stored(places: &str) -> BTreeMap<Partition, Stored> {
        let document = |(number, place): (i32, char)| {
            let last = u64::try_from(number).unwrap() + if place == '>' { 20 } else { 10 };
            let mut stored = Stored::at(if place == '>' { 6 } else { 4 });
            stored.delivered.admit(&Sequence { slice: "rs0", epoch: 1, number: last });
            stored.barrier = "|id".contains(place).then(|| At {
                barrier: marker(0).barrier,
                intent: (place != '|').then_some(INTENT),
                is_done: place == 'd',
            });
            (Partition { topic: "t".into(), number }, stored)
        };
        (0..).zip(places.chars()).map(document).collect()
    }

    fn next(number: usize, places: &str) -> Next {
        judge(&marker(number), &stored(places))
    }

    #[test]
    fn all_stand_before_anything_is_done_and_the_first_goes_on_last() {
        let set_back = |number: i32| Next::SetBack(Partition { topic: "t".into(), number });
        for (places, wanted) in [
            ("...", [Next::Stand, Next::Stand, Next::Stand]),
            (".||", [Next::Stand, Next::Wait, Next::Wait]),
            ("||.", [Next::Wait, Next::Wait, Next::Stand]),
            ("|||", [Next::Intend, Next::Wait, Next::Wait]),
            ("i||", [Next::CarryOut(INTENT), Next::Wait, Next::Wait]),
            ("d||", [Next::Wait, Next::Pass, Next::Pass]),
            ("d>|", [Next::Wait, Next::Passed, Next::Pass]),
            ("d>>", [Next::Pass, Next::Passed, Next::Passed]),
            (">>>", [Next::Passed, Next::Passed, Next::Passed]),
            // Moved by hand.
            (">>.", [Next::Passed, Next::Passed, set_back(0)]),
            (".>>", [set_back(1), Next::Passed, Next::Passed]),
            (">|>", [Next::Passed, set_back(0), Next::Passed]),
        ] {
            for (number, wanted) in wanted.into_iter().enumerate() {
                assert_eq!(next(number, places), wanted, "{number} of {places}");
            }
        }
    }

    #[test]
    fn who_stands_at_another_barrier_or_has_no_document_yet_is_waited_for() {
        let mut stored = stored("|||");
        let last = Partition { topic: "t".into(), number: 2 };
        stored.get_mut(&last).unwrap().barrier.as_mut().unwrap().barrier.number = 11;
        assert_eq!(judge(&marker(0), &stored), Next::Wait);
        stored.remove(&last);
        assert_eq!(judge(&marker(0), &stored), Next::Wait);
        assert_eq!(missing(&marker(0), &stored).collect::<Vec<_>>(), [&last]);
    }

    /// Every way in which three workers can come to a barrier, one step of one of them at a time, ends behind it with one deed.
    #[test]
    fn whoever_goes_first_it_is_carried_out_once_and_everybody_goes_on() {
        let mut open = vec![("...".to_owned(), 0)];
        let mut seen = std::collections::BTreeSet::new();
        while let Some((places, deeds)) = open.pop() {
            if !seen.insert((places.clone(), deeds)) {
                continue;
            }
            let mut moved = false;
            for number in 0..3 {
                let (to, deed) = match next(number, &places) {
                    Next::Stand => ('|', 0),
                    Next::Intend => ('i', 0),
                    Next::CarryOut(_) => ('d', 1),
                    Next::Pass => ('>', 0),
                    Next::Wait | Next::Passed => continue,
                    Next::SetBack(other) => panic!("{places}: {other}"),
                };
                moved = true;
                let mut after = places.clone();
                after.replace_range(number..=number, &to.to_string());
                open.push((after, deeds + deed));
            }
            assert!(moved || (places == ">>>" && deeds == 1), "{places} after {deeds} deeds");
        }
        assert!(seen.len() > 8);
    }
}
