use super::*;
use crate::checkpoint::{Anchor, Known};

const LIMIT: Limit = Limit { records: 10, bytes: 10_000 };

fn record(offset: i64) -> Record {
    Record::new(offset, None, None, Some(&[b'x'; 100]), std::iter::empty())
}

fn partition(number: i32) -> Partition {
    Partition { topic: "t".into(), number }
}

fn start(number: i32) -> Start {
    Start { partition: partition(number), at: 0, committed: None, anchor: None, known: Known::default() }
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

#[test]
fn lane_that_waits_for_another_goes_later_alone_with_one_record() {
    let (mut intake, ids) = intake(2);
    push(&mut intake, ids[0], 0..3);
    push(&mut intake, ids[1], 0..3);
    let mut taken = intake.take(LIMIT);
    let later = Instant::now() + std::time::Duration::from_secs(3600);
    let waits = |taken: &mut Taken, not_before| Settled {
        rest: std::mem::take(&mut taken.records),
        not_before: Some(not_before),
        ..Settled::nothing(taken.lane)
    };
    intake.settle(waits(&mut taken[0], later));
    intake.settle(done(&taken[1]));
    assert!(intake.take(LIMIT).is_empty());
    assert_eq!(intake.waits_until(), Some(later));
    push(&mut intake, ids[1], 3..5);
    let mut taken = intake.take(LIMIT);
    assert_eq!(offsets(&taken), [(1, vec![3, 4])], "the other goes on");
    intake.settle(waits(&mut taken[0], Instant::now()));
    assert_eq!(offsets(&intake.take(LIMIT)), [(1, vec![3])]);
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
fn empty_lanes_are_read_while_somebody_waits_for_another_lane() {
    let (mut intake, ids) = narrow(2, 2, 100);
    push(&mut intake, ids[0], 0..3);
    let mut taken = intake.take(LIMIT);
    let later = Instant::now() + std::time::Duration::from_secs(3600);
    let rest = std::mem::take(&mut taken[0].records);
    intake.settle(Settled { rest, not_before: Some(later), ..Settled::nothing(taken[0].lane) });
    assert_eq!(intake.room(ids[0]), 0);
    assert!(intake.room(ids[1]) > 0, "the other may hold what it waits for");
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
