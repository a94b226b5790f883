//! Ordered topics: read whole by the worker whom the group has given the first partition, through a client of its own.
//!
//! ```text
//!   group      worker 1: t[0] t[1]          worker 2: t[2] t[3]
//!                  │ leads                       │ holds: assigned, paused, not read
//!   reads      t[0] t[1] t[2] t[3]  ──merged──▸ one batch at a time
//! ```
//!
//! The group cannot be told to give all partitions of a topic to one member, so who has the first leads. The others' partitions are assigned in
//! the client here by hand, which the group knows nothing of. Nothing of exactness rests on that: the partitions' documents move by
//! comparing, whoever moves them. Kafka takes the leader's commits for all of them.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    thread::{self, Thread},
    time::{Duration, Instant},
};

use common::{
    config::Config,
    error::{Error, Kind, Result},
    kafka::failed,
};
use rdkafka::{
    ClientConfig, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    begin, client,
    context::Context,
    group::Group,
    order::Probe,
    reader::Reader,
    taken::{LaneId, Partition, Start},
    tap::Tap,
};

/// How often it is looked whether the topics are still to be applied in order.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// What the reader has to do with ordered topics.
pub(super) struct Leading {
    settings: ClientConfig,
    /// Reads the topics that are led; built when there is one.
    pub(super) client: Option<Arc<BaseConsumer<Context>>>,
    /// Says where partitions end.
    asks: Group,
    led: BTreeSet<Arc<str>>,
    /// Assigned and not read.
    held: BTreeMap<Partition, Tap>,
    /// What the target was asked last.
    look: Option<AbortOnDropHandle<Result<BTreeSet<String>>>>,
    look_at: Instant,
}

impl Leading {
    pub(super) fn new(config: &Config) -> Self {
        Self {
            settings: client::settings(config),
            client: None,
            asks: Group::new(config),
            led: BTreeSet::new(),
            held: BTreeMap::new(),
            look: None,
            look_at: Instant::now() + LOOK_EVERY,
        }
    }

    fn client(&mut self, reader: Thread) -> Result<Arc<BaseConsumer<Context>>> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut client = client::create(&self.settings)?;
        client.set_nonempty_callback(move || reader.unpark());
        Ok(self.client.insert(Arc::new(client)).clone())
    }

    pub(super) fn leads(&self, topic: &str) -> bool {
        self.led.contains(topic)
    }

    pub(super) fn holds(&self, topic: &str, number: i32) -> bool {
        self.held.keys().any(|held| held.number == number && *held.topic == *topic)
    }
}

impl Reader {
    /// Keeps partitions of ordered topics that were assigned; to be called before that, for nothing of them may come out of the common queue.
    pub(super) fn hold(&mut self, partitions: &[Partition]) -> Result<()> {
        for partition in partitions {
            // No lane has this id, so nothing is ever read.
            let tap = Tap::open(&self.consumer, LaneId::default(), partition.clone(), &thread::current())?;
            self.leading.held.insert(partition.clone(), tap);
        }
        Ok(())
    }

    /// Reads all partitions of ordered topics.
    pub(super) fn lead(&mut self, starts: &[Start]) -> Result<()> {
        if starts.is_empty() {
            return Ok(());
        }
        let client = self.leading.client(thread::current())?;
        for start in starts {
            self.open(&client, start)?;
            self.leading.led.insert(start.partition.topic.clone());
        }
        let assigned = client.incremental_assign(&begin::assignment(starts));
        assigned.map_err(|error| failed("cannot take an ordered topic on", error))
    }

    /// Lets go of what was assigned and not read, and of the topics whose first partition is among them, whose lanes are drained.
    pub(super) fn stop_leading(&mut self, partitions: &TopicPartitionList) -> Result<()> {
        for element in partitions.elements() {
            self.leading
                .held
                .retain(|held, _| held.number != element.partition() || *held.topic != *element.topic());
            if element.partition() != 0 || !self.leading.led.remove(element.topic()) {
                continue;
            }
            let Some(client) = &self.leading.client else { continue };
            let assigned =
                client.assignment().map_err(|error| failed("cannot tell the assignment", error))?;
            let of_topic = assigned.elements_for_topic(element.topic());
            let of_topic: TopicPartitionList =
                of_topic.iter().map(|e| (e.topic().to_owned(), e.partition(), Offset::Invalid)).collect();
            let given_up = client.incremental_unassign(&of_topic);
            given_up.map_err(|error| failed("cannot give an ordered topic up", error))?;
        }
        Ok(())
    }

    /// Finds out how far ordered topics may be taken.
    pub(super) fn follow_order(&mut self) -> Result<()> {
        if !self.shared.intake().waits_in_order() {
            return Ok(());
        }
        self.pass(self.leading.client.as_deref());
        let unsure = self.shared.intake().unsure();
        for (topic, upto) in unsure {
            match self.leading.asks.ends(&topic) {
                Ok(ends) => {
                    let ends = ends.into_iter().map(|(number, (_, end))| (number, end)).collect();
                    self.shared.intake().probed(&topic, Probe::new(upto, ends));
                }
                Err(error) if error.kind == Kind::Transient => {
                    tracing::debug!(reason = error.chain(), "asked again in the next turn");
                }
                Err(error) => return Err(error),
            }
        }
        self.shared.wake_applier();
        Ok(())
    }

    /// An index that is gone, or one that another worker has found, changes how topics are read. Asked beside the reading, for the target may
    /// be slow.
    pub(super) fn look_whether_ordered(&mut self) -> Result<()> {
        let now = Instant::now();
        let Some(authority) = self.around.authority.as_ref() else { return Ok(()) };
        if let Some(look) = self.leading.look.take_if(|look| look.is_finished()) {
            return match authority.runtime.block_on(look) {
                Ok(Ok(ordered)) => self.compare(&ordered),
                Ok(Err(error)) if error.kind != Kind::Transient => Err(error),
                Ok(Err(_)) | Err(_) => Ok(()),
            };
        }
        if self.leading.look.is_none() && now >= self.leading.look_at {
            self.leading.look_at = now + LOOK_EVERY;
            let store = authority.store.clone();
            let look = authority.runtime.spawn(async move { store.ordered().await });
            self.leading.look = Some(AbortOnDropHandle::new(look));
        }
        Ok(())
    }

    fn compare(&self, ordered: &BTreeSet<String>) -> Result<()> {
        let anew = |what: String| Err(Error::new(Kind::Fenced, what));
        let leading = self.leading.held.keys().map(|held| &held.topic).chain(&self.leading.led);
        if let Some(topic) = leading.into_iter().find(|topic| !ordered.contains(&***topic)) {
            return anew(format!("{topic} is no longer to be applied in the source's order"));
        }
        let intake = self.shared.intake();
        let mut beside = intake.standings().filter(|lane| !lane.is_ordered).map(|lane| lane.partition);
        match beside.find(|partition| ordered.contains(&*partition.topic)) {
            Some(partition) => {
                anew(format!("{} is to be applied in the source's order by now", partition.topic))
            }
            None => Ok(()),
        }
    }
}
