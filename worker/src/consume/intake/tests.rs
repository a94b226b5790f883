use super::*;
use crate::checkpoint::{Anchor, Known};

const LIMIT: Limit = Limit { records: 10, bytes: 10_000 };

fn record(offset: i64) -> Record {
    Record::new(offset, None, None, Some(&[b'x'; 100]), std::iter::empty())
}

fn the_one(mut questions: Vec<Question>) -> Question {
    assert_eq!(questions.len(), 1);
    questions.remove(0)
}

fn partition(number: i32) -> Partition {
    Partition { topic: "t".into(), number }
}

fn start(number: i32) -> Start {
    Start {
        partition: partition(number),
        at: 0,
        committed: None,
        anchor: None,
        known: Known::default(),
        is_ordered: false,
    }
}

fn intake(lanes: i32) -> (Intake, Vec<LaneId>) {
    let size = record(0).size();
    let room = Room { of_lane: 8 * size, of_all: 800 * size, of_batches: 800 * size };
    let mut intake = Intake::new(room);
    let ids = (0..lanes).map(|number| intake.assign(start(number))).collect();
    (intake, ids)
}

fn push(intake: &mut Intake, id: LaneId, offsets: std::ops::Range<i64>) {
    intake.push(id, &mut offsets.map(record).collect()).unwrap();
}

fn done(taken: &Taken) -> Settled {
    let head = taken.records.last().map(|record| record.offset + 1);
    Settled { head, ..Settled::nothing(taken.lane) }
}

fn offsets(taken: &[Taken]) -> Vec<(i32, Vec<i64>)> {
    taken.iter().map(|t| (t.partition.number, t.records.iter().map(|r| r.offset).collect())).collect()
}

#[test]
fn lane_is_in_one_batch_at_a_time() {
    let (mut intake, ids) = intake(1);
    push(&mut intake, ids[0], 0..12);
    let first = intake.take(LIMIT);
    assert_eq!(first[0].records.len(), 10);
    assert!(intake.take(LIMIT).is_empty());
    intake.settle(done(&first[0]));
    assert_eq!(offsets(&intake.take(LIMIT)), [(0, vec![10, 11])]);
}

#[test]
fn batch_is_filled_from_all_lanes_in_turn() {
    let (mut intake, ids) = intake(3);
    for id in &ids {
        push(&mut intake, *id, 0..4);
    }
    let taken = intake.take(LIMIT);
    let counts: Vec<_> = taken.iter().map(|t| t.records.len()).collect();
    assert_eq!(counts, [4, 4, 2]);
    for taken in &taken {
        intake.settle(done(taken));
    }
    push(&mut intake, ids[0], 4..30);
    assert_eq!(intake.take(LIMIT)[0].lane, ids[0], "the turn goes on behind the lane served last");
}

#[test]
fn record_over_the_limit_goes_alone() {
    let (mut intake, ids) = intake(2);
    push(&mut intake, ids[0], 0..2);
    push(&mut intake, ids[1], 0..2);
    let taken = intake.take(Limit { records: 10, bytes: 5 });
    assert_eq!(offsets(&taken), [(0, vec![0])]);
}

#[test]
fn full_lane_has_room_again_at_half() {
    let (mut intake, ids) = intake(1);
    push(&mut intake, ids[0], 0..8);
    assert!(intake.room(ids[0]) == 0);
    let taken = intake.take(Limit { records: 2, bytes: 10_000 });
    assert!(intake.room(ids[0]) == 0);
    intake.settle(done(&taken[0]));
    let taken = intake.take(Limit { records: 4, bytes: 10_000 });
    assert!(intake.room(ids[0]) > 0);
    assert_eq!(taken[0].records.len(), 4);
}

#[test]
fn many_lanes_have_less_room_each() {
    let (mut intake, ids) = intake(2);
    push(&mut intake, ids[0], 0..6);
    assert!(intake.room(ids[0]) > 0);
    let more: Vec<_> = (2..200).map(|number| intake.assign(start(number))).collect();
    push(&mut intake, more[0], 0..4);
    assert!(intake.room(more[0]) == 0);
}

#[test]
fn head_moves_to_what_is_durable_and_what_is_not_comes_again() {
    let (mut intake, ids) = intake(1);
    push(&mut intake, ids[0], 5..9);
    let mut taken = intake.take(LIMIT).remove(0);
    assert!(intake.uncommitted(ids.iter().copied()).is_empty());
    let rest = taken.records.split_off(1);
    let settled = Settled { rest, ..done(&taken) };
    intake.settle(settled);
    assert_eq!(intake.uncommitted(ids.iter().copied()), [(partition(0), 6)]);
    intake.committed(&partition(0), Some(6));
    assert!(intake.uncommitted(ids.iter().copied()).is_empty());
    assert_eq!(offsets(&intake.take(LIMIT)), [(0, vec![6, 7, 8])]);
}

#[test]
fn revoked_partition_commits_nothing_past_its_head() {
    let (mut intake, ids) = intake(1);
    push(&mut intake, ids[0], 0..12);
    let taken = intake.take(LIMIT);
    intake.leave(ids[0]);
    assert!(!intake.is_drained(ids[0]));
    push(&mut intake, ids[0], 12..14);
    intake.settle(done(&taken[0]));
    assert!(intake.is_drained(ids[0]));
    assert!(intake.take(LIMIT).is_empty());
    assert_eq!(intake.uncommitted(ids.iter().copied()), [(partition(0), 10)]);
}

#[test]
fn lost_partition_commits_nothing_and_its_batch_is_told() {
    let (mut intake, ids) = intake(1);
    push(&mut intake, ids[0], 0..3);
    let taken = intake.take(LIMIT).remove(0);
    intake.remove(ids[0]);
    assert!(taken.gone.is_cancelled());
    let again = intake.assign(start(0));
    intake.settle(done(&taken));
    assert!(intake.uncommitted([again].into_iter()).is_empty(), "late news of the old lane meets nobody");
}

#[test]
fn transaction_markers_count_as_done_only_where_nothing_waits() {
    let (mut intake, ids) = intake(1);
    push(&mut intake, ids[0], 0..3);
    intake.passed(ids[0], 4);
    let taken = intake.take(LIMIT);
    intake.passed(ids[0], 4);
    intake.settle(done(&taken[0]));
    assert_eq!(intake.uncommitted(ids.iter().copied()), [(partition(0), 3)]);
    intake.passed(ids[0], 4);
    assert_eq!(intake.uncommitted(ids.iter().copied()), [(partition(0), 4)]);
}

#[test]
fn what_a_leaving_lane_had_buffered_never_counts_as_done() {
    let (mut intake, ids) = intake(1);
    push(&mut intake, ids[0], 0..3);
    intake.leave(ids[0]);
    intake.passed(ids[0], 3);
    assert!(intake.uncommitted(ids.iter().copied()).is_empty());
}

#[test]
fn offset_that_goes_back_is_refused() {
    let (mut intake, ids) = intake(1);
    push(&mut intake, ids[0], 0..3);
    let error = intake.push(ids[0], &mut vec![record(2)]).unwrap_err();
    assert_eq!(error.to_string(), "t[0] delivered offset 2 after 3");
}

#[test]
fn anchor_must_come_first_and_is_not_applied_again() {
    let (mut intake, _) = intake(0);
    let anchored = || Start { at: 7, anchor: Some(Anchor { offset: 7, sequence: None }), ..start(0) };
    let id = intake.assign(anchored());
    assert_eq!(
        intake.uncommitted([id].into_iter()),
        [(partition(0), 8)],
        "Kafka is told where the target stands"
    );
    intake.passed(id, 20);
    assert_eq!(
        intake.uncommitted([id].into_iter()),
        [(partition(0), 8)],
        "nothing is passed before the anchor came"
    );
    push(&mut intake, id, 7..10);
    assert_eq!(offsets(&intake.take(LIMIT)), [(0, vec![8, 9])]);

    let id = intake.assign(anchored());
    let error = intake.push(id, &mut vec![record(8)]).unwrap_err();
    assert!(error.to_string().contains("recreated"), "{error}");
}

/// A record of an ordered topic.
fn numbered(offset: i64, number: u64) -> Record {
    let sequence = format!("rs0/0/{number}");
    Record::new(offset, None, None, Some(b"x"), [("seq", Some(sequence.as_bytes()))].into_iter())
}

fn ordered(lanes: i32) -> (Intake, Vec<LaneId>) {
    let (mut intake, _) = intake(0);
    let ids = (0..lanes).map(|number| intake.assign(Start { is_ordered: true, ..start(number) })).collect();
    (intake, ids)
}

/// Sequence numbers of what was taken.
fn numbers(taken: &[Taken]) -> Vec<(i32, Vec<u64>)> {
    let number = |record: &Record| crate::consume::order::place(record).unwrap().1;
    taken.iter().map(|t| (t.partition.number, t.records.iter().map(number).collect())).collect()
}

#[test]
fn ordered_lanes_are_taken_together_as_far_as_nothing_can_be_missing() {
    let (mut intake, ids) = ordered(3);
    intake.push(ids[0], &mut vec![numbered(0, 3), numbered(1, 7), numbered(2, 8)]).unwrap();
    intake.push(ids[1], &mut vec![numbered(0, 4), numbered(1, 9)]).unwrap();
    assert!(intake.take(LIMIT).is_empty(), "of the third partition nothing is known");
    let question = the_one(intake.unsure());
    assert_eq!((&*question.topic, question.upto), ("t", (0, 9)));
    intake.probed(&question, BTreeMap::from([(0, 3), (1, 2), (2, 5)]));
    assert!(intake.take(LIMIT).is_empty(), "the third partition is not read to its end");
    assert!(intake.unsure().is_empty(), "what was asked once is not asked again");
    intake.passed(ids[2], 5);
    let taken = intake.take(Limit { records: 3, ..LIMIT });
    assert_eq!(numbers(&taken), [(0, vec![3, 7]), (1, vec![4])]);
    assert!(intake.take(LIMIT).is_empty(), "one batch at a time");
    taken.iter().for_each(|taken| intake.settle(done(taken)));
    let taken = intake.take(LIMIT);
    assert_eq!(numbers(&taken), [(0, vec![8])], "something below 9 may come in the first partition");
    taken.iter().for_each(|taken| intake.settle(done(taken)));
    intake.passed(ids[0], 3);
    assert_eq!(numbers(&intake.take(LIMIT)), [(1, vec![9])]);
}

#[test]
fn ordered_lanes_share_no_batch_with_others() {
    let (mut intake, ids) = ordered(1);
    let other = Partition { topic: "u".into(), number: 0 };
    let other = intake.assign(Start { partition: other, ..start(0) });
    intake.push(ids[0], &mut vec![numbered(0, 1)]).unwrap();
    push(&mut intake, other, 0..1);
    let (first, second) = (intake.take(LIMIT), intake.take(LIMIT));
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first[0].is_ordered, second[0].is_ordered);
}

/// A record that holds part `number` of `of`.
fn part(offset: i64, number: u32, of: u32) -> Record {
    let place = format!("{number}/{of}");
    let header = std::iter::once(("part", Some(place.as_bytes())));
    Record::new(offset, None, None, Some(&[b'x'; 100]), header)
}

/// Lanes that may hold `of_all` records together, and `of_batches` in batches.
fn narrow(lanes: i32, of_all: usize, of_batches: usize) -> (Intake, Vec<LaneId>) {
    let size = record(0).size();
    let room = Room { of_lane: 100 * size, of_all: of_all * size, of_batches: of_batches * size };
    let mut intake = Intake::new(room);
    let ids = (0..lanes).map(|number| intake.assign(start(number))).collect();
    (intake, ids)
}

#[test]
fn full_lanes_together_stop_the_others_but_for_the_value_that_is_not_whole() {
    let (mut intake, ids) = narrow(3, 6, 100);
    push(&mut intake, ids[0], 0..4);
    intake.push(ids[1], &mut vec![part(0, 1, 5), part(1, 2, 5)]).unwrap();
    assert_eq!(intake.room(ids[0]), 0);
    assert!(intake.room(ids[1]) > 0, "only more of it helps");
    assert_eq!(intake.room(ids[2]), 0, "what is empty stays empty");
    let taken = intake.take(LIMIT);
    assert_eq!(offsets(&taken), [(0, vec![0, 1, 2, 3])]);
    assert!(intake.room(ids[2]) > 0, "what is in a batch does not wait");
    intake.push(ids[1], &mut (2..5).map(|n| part(n, 1 + u32::try_from(n).unwrap(), 5)).collect()).unwrap();
    assert_eq!(offsets(&intake.take(LIMIT)), [(1, vec![0, 1, 2, 3, 4])]);
}

#[test]
fn of_several_values_that_are_not_whole_one_goes_on() {
    let (mut intake, ids) = narrow(2, 4, 100);
    for id in &ids {
        intake.push(*id, &mut vec![part(0, 1, 9), part(1, 2, 9)]).unwrap();
    }
    assert_eq!([intake.room(ids[0]) > 0, intake.room(ids[1]) > 0], [true, false]);
    intake.leave(ids[0]);
    assert!(intake.room(ids[1]) > 0);
}

#[test]
fn empty_lanes_of_an_ordered_topic_are_read_though_all_is_full() {
    let (mut intake, ids) = narrow(2, 2, 100);
    let ordered = intake.assign(Start {
        partition: Partition { topic: "o".into(), number: 0 },
        is_ordered: true,
        ..start(0)
    });
    push(&mut intake, ids[0], 0..3);
    assert_eq!((intake.room(ids[0]), intake.room(ids[1])), (0, 0));
    assert!(intake.room(ordered) > 0, "its topic's other lanes may wait for what it holds");
}

#[test]
fn a_value_beyond_the_room_of_batches_goes_alone_once_it_is_its_turn() {
    let (mut intake, ids) = narrow(3, 1000, 4);
    push(&mut intake, ids[0], 0..4);
    let first = intake.take(Limit { records: 2, ..LIMIT });
    assert_eq!(offsets(&first), [(0, vec![0, 1])]);
    intake.push(ids[1], &mut (0..6).map(|n| part(n, 1 + u32::try_from(n).unwrap(), 6)).collect()).unwrap();
    push(&mut intake, ids[2], 0..1);
    assert!(intake.take(LIMIT).is_empty(), "nobody overtakes it, or it would wait for ever");
    intake.settle(done(&first[0]));
    let taken = intake.take(LIMIT);
    assert_eq!(offsets(&taken), [(1, vec![0, 1, 2, 3, 4, 5])]);
    assert!(intake.take(LIMIT).is_empty(), "alone");
    intake.settle(done(&taken[0]));
    assert_eq!(offsets(&intake.take(LIMIT)), [(2, vec![0]), (0, vec![2, 3])]);
}

#[test]
fn what_was_too_little_is_taken_again_with_more_or_when_there_is_no_more() {
    let (mut intake, ids) = ordered(1);
    let too_little = |taken: Vec<Taken>, intake: &mut Intake| {
        let too_few = Some(taken.iter().map(|taken| taken.records.len()).sum());
        for Taken { lane, records: rest, .. } in taken {
            intake.settle(Settled { rest, too_few, ..Settled::nothing(lane) });
        }
    };
    intake.push(ids[0], &mut vec![numbered(0, 3), numbered(1, 7)]).unwrap();
    let taken = intake.take(LIMIT);
    assert!(!taken[0].is_all, "nobody has asked where the partition ends");
    too_little(taken, &mut intake);
    assert!(intake.take(LIMIT).is_empty());
    let overtaken = the_one(intake.unsure());
    assert_eq!(overtaken.upto, (0, 7));
    intake.push(ids[0], &mut vec![numbered(2, 9)]).unwrap();
    let taken = intake.take(LIMIT);
    assert_eq!(numbers(&taken), [(0, vec![3, 7, 9])]);
    too_little(taken, &mut intake);
    intake.probed(&overtaken, BTreeMap::from([(0, 3)]));
    let question = the_one(intake.unsure());
    assert_eq!(question.upto, (0, 9), "what was answered before more was asked for tells nothing");
    intake.probed(&question, BTreeMap::from([(0, 3)]));
    assert!(intake.take(LIMIT).is_empty());
    intake.passed(ids[0], 3);
    let taken = intake.take(LIMIT);
    assert!(taken[0].is_all);
    taken.iter().for_each(|taken| intake.settle(done(taken)));
    intake
        .push(ids[0], &mut (3..40).map(|offset| numbered(offset, 7 + offset.unsigned_abs())).collect())
        .unwrap();
    assert_eq!(intake.take(LIMIT)[0].records.len(), 10, "what was enough is taken as ever");
}

/// As [`record`], with the header of a barrier.
fn barrier(offset: i64, sequence: u64) -> Record {
    let sequence = format!("rs0/0/{sequence}");
    let headers = [("barrier", Some(&b"1/2 t/2"[..])), ("seq", Some(sequence.as_bytes()))];
    Record::new(offset, None, None, Some(&[b'x'; 100]), headers.into_iter())
}

fn holding(lanes: i32) -> (Intake, Vec<LaneId>) {
    let (mut intake, _) = intake(0);
    intake.hold_barriers();
    let ids = (0..lanes).map(|number| intake.assign(start(number))).collect();
    (intake, ids)
}

#[test]
fn lane_gives_out_what_is_before_a_barrier_and_nothing_behind_it_until_it_may_pass() {
    let (mut intake, ids) = holding(2);
    push(&mut intake, ids[0], 0..2);
    intake.push(ids[0], &mut vec![barrier(2, 3), record(3)]).unwrap();
    push(&mut intake, ids[1], 0..3);
    assert!(intake.at_barriers().is_empty(), "what is before it has not been done");
    let taken = intake.take(LIMIT);
    assert_eq!(offsets(&taken), [(0, vec![0, 1]), (1, vec![0, 1, 2])]);
    assert!(intake.at_barriers().is_empty(), "it is not done");
    for taken in &taken {
        intake.settle(done(taken));
    }
    assert_eq!(intake.at_barriers(), [ids[0]]);
    assert_eq!(intake.barrier(ids[0]).unwrap().record.offset, 2);
    push(&mut intake, ids[1], 3..4);
    assert_eq!(offsets(&intake.take(LIMIT)), [(1, vec![3])], "others go on");
    intake.pass_barrier(ids[0], Known { offset: 3, ..Known::default() });
    assert_eq!(offsets(&intake.take(LIMIT)), [(0, vec![3])]);
    intake.pass_barrier(ids[0], Known { offset: 99, ..Known::default() });
    assert_eq!(intake.uncommitted(ids[..1].iter().copied()), [(partition(0), 3)], "it was at none");
}

#[test]
fn where_nobody_lets_lanes_pass_barriers_are_given_out() {
    let (mut intake, ids) = intake(1);
    intake.push(ids[0], &mut vec![barrier(0, 3), record(1)]).unwrap();
    assert_eq!(offsets(&intake.take(LIMIT)), [(0, vec![0, 1])]);
}

#[test]
fn full_lane_at_a_barrier_is_not_read_and_leaves_room_for_those_it_waits_for() {
    let size = record(0).size();
    let room = Room { of_lane: 100 * size, of_all: 4 * size, of_batches: 100 * size };
    let mut intake = Intake::new(room);
    intake.hold_barriers();
    let ids: Vec<_> = (0..2).map(|number| intake.assign(start(number))).collect();
    let mut records = vec![barrier(0, 3)];
    records.extend((1..6).map(record));
    intake.push(ids[0], &mut records).unwrap();
    assert_eq!(intake.room(ids[0]), 0);
    assert_eq!(intake.room(ids[1]), 1, "all is full, but it may be awaited");
    push(&mut intake, ids[1], 0..1);
    assert_eq!(intake.room(ids[1]), 0, "it has something to give");
}

#[test]
fn ordered_lanes_stop_at_a_barrier_together() {
    let (mut intake, _) = holding(0);
    let ids: Vec<_> =
        (0..2).map(|number| intake.assign(Start { is_ordered: true, ..start(number) })).collect();
    let placed = |offset, sequence: u64| {
        let sequence = format!("rs0/0/{sequence}");
        Record::new(offset, None, None, None, [("seq", Some(sequence.as_bytes()))].into_iter())
    };
    intake.push(ids[0], &mut vec![placed(0, 1), barrier(1, 4), placed(2, 6)]).unwrap();
    intake.push(ids[1], &mut vec![placed(0, 2), placed(1, 3), barrier(2, 5), placed(3, 7)]).unwrap();
    let taken = intake.take(LIMIT);
    assert_eq!(offsets(&taken), [(0, vec![0]), (1, vec![0, 1])]);
    for taken in &taken {
        intake.settle(done(taken));
    }
    assert!(intake.take(LIMIT).is_empty());
    assert_eq!(intake.at_barriers(), ids);
    for (id, offset) in ids.iter().zip([2, 3]) {
        intake.pass_barrier(*id, Known { offset, ..Known::default() });
    }
    assert_eq!(offsets(&intake.take(LIMIT)), [(0, vec![2])], "nobody knows what comes before 7");
}
