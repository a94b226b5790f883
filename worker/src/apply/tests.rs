use std::{sync::Mutex, time::Duration};

use tokio::sync::Semaphore;

use super::*;
use crate::{
    checkpoint::Known,
    consume::{
        intake::{Partition, Room, Start},
        record::Record,
    },
};

/// Notes what it is given; ends when it is let.
#[derive(Clone)]
struct Scripted {
    seen: Arc<Mutex<Vec<Vec<i64>>>>,
    let_go: Arc<Semaphore>,
    fails_at: Option<i64>,
}

impl Scripted {
    fn new(fails_at: Option<i64>) -> Self {
        Self { seen: Arc::default(), let_go: Arc::new(Semaphore::new(0)), fails_at }
    }

    fn seen(&self) -> Vec<Vec<i64>> {
        self.seen.lock().unwrap().clone()
    }
}

impl Apply for Scripted {
    async fn apply(self, taken: Vec<Taken>) -> Outcome {
        let offsets: Vec<_> = taken.iter().flat_map(|t| t.records.iter().map(|r| r.offset)).collect();
        self.seen.lock().unwrap().push(offsets.clone());
        self.let_go.acquire().await.unwrap().forget();
        assert!(!offsets.contains(&666), "told to panic");
        let failure = self.fails_at.filter(|at| offsets.contains(at));
        let failure = failure.map(|_| Error::new(Kind::Invariant, "told to fail"));
        let settled = taken.iter().map(|t| Settled {
            head: (failure.is_none()).then(|| t.records.last().unwrap().offset + 1),
            ..Settled::nothing(t.lane)
        });
        Outcome { settled: settled.collect(), latest: None, failure }
    }
}

struct Bench {
    shared: Arc<Shared>,
    lanes: Vec<LaneId>,
    script: Scripted,
    shutdown: CancellationToken,
    running: tokio::task::JoinHandle<Result<()>>,
}

impl Bench {
    fn new(lanes: i32, most: usize, fails_at: Option<i64>) -> Self {
        let shared = Arc::new(Shared::new(Room { of_lane: 1 << 20, of_all: 1 << 30 }));
        let assign = |number| {
            let partition = Partition { topic: "t".into(), number };
            let start = Start {
                partition,
                at: 0,
                committed: None,
                anchor: None,
                known: Known::default(),
                is_ordered: false,
            };
            shared.intake().assign(start)
        };
        let lanes = (0..lanes).map(assign).collect();
        let (script, shutdown) = (Scripted::new(fails_at), CancellationToken::new());
        let limit = Limit { records: 3, bytes: 1 << 20 };
        let applier = Applier::new(shared.clone(), script.clone(), limit, most);
        let running = tokio::spawn(applier.run(shutdown.clone()));
        Self { shared, lanes, script, shutdown, running }
    }

    fn push(&self, lane: usize, offset: i64) {
        let record = Record::new(offset, None, None, Some(b"x"), std::iter::empty());
        self.shared.intake().push(self.lanes[lane], &mut vec![record]).unwrap();
        self.shared.wake_applier();
    }

    async fn until(&self, holds: impl Fn(&Self) -> bool) {
        let wait = async {
            while !holds(self) {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(Duration::from_secs(5), wait).await.expect("it holds in time");
    }

    fn heads(&self) -> Vec<(i32, i64)> {
        let heads = self.shared.intake().uncommitted(self.lanes.iter().copied());
        heads.into_iter().map(|(partition, offset)| (partition.number, offset)).collect()
    }
}

#[tokio::test]
async fn lone_record_goes_at_once_and_what_comes_meanwhile_gathers() {
    let bench = Bench::new(1, 2, None);
    bench.push(0, 0);
    bench.until(|b| b.script.seen() == [[0]]).await;
    (1..6).for_each(|offset| bench.push(0, offset));
    bench.script.let_go.add_permits(10);
    bench.until(|b| b.heads() == [(0, 6)]).await;
    assert_eq!(bench.script.seen(), [vec![0], vec![1, 2, 3], vec![4, 5]]);
}

#[tokio::test]
async fn batches_in_flight_are_of_disjoint_lanes_and_bounded() {
    let bench = Bench::new(3, 2, None);
    for (lane, offset) in [(0, 10), (1, 20), (2, 30)] {
        bench.push(lane, offset);
        tokio::task::yield_now().await;
    }
    bench.until(|b| b.script.seen().len() == 2).await;
    bench.script.let_go.add_permits(10);
    bench.until(|b| b.heads().len() == 3).await;
}

#[tokio::test]
async fn shutdown_waits_for_what_is_in_flight_and_starts_nothing() {
    let bench = Bench::new(1, 2, None);
    bench.push(0, 0);
    bench.until(|b| b.script.seen().len() == 1).await;
    bench.push(0, 1);
    bench.shutdown.cancel();
    tokio::task::yield_now().await;
    assert!(!bench.running.is_finished());
    bench.script.let_go.add_permits(10);
    bench.running.await.unwrap().unwrap();
    assert_eq!(bench.script.seen(), [[0]]);
}

#[tokio::test]
async fn failed_or_panicked_batch_moves_no_head_and_ends_the_loop_after_the_others() {
    for bad in [5, 666] {
        let bench = Bench::new(2, 2, Some(5));
        bench.push(0, bad);
        bench.until(|b| b.script.seen().len() == 1).await;
        bench.push(1, 7);
        bench.until(|b| b.script.seen().len() == 2).await;
        bench.script.let_go.add_permits(10);
        let (shared, lanes) = (bench.shared.clone(), bench.lanes.clone());
        assert_eq!(bench.running.await.unwrap().unwrap_err().kind, Kind::Invariant);
        let heads = shared.intake().uncommitted(lanes.iter().copied());
        assert_eq!(heads.iter().map(|(p, offset)| (p.number, *offset)).collect::<Vec<_>>(), [(1, 8)]);
        assert!(lanes.iter().all(|lane| shared.intake().is_drained(*lane)));
    }
}
