//! The reader's part in ordered topics: holding, leading, asking how far they may be taken, looking whether they still are.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, Instant},
};

use common::{
    error::{Error, Kind, Result},
    kafka::failed,
};
use rdkafka::{Offset, TopicPartitionList, consumer::Consumer as _};
use tokio_util::task::AbortOnDropHandle;

use super::{
    begin,
    intake::Question,
    reader::Reader,
    taken::{LaneId, Partition, Start},
    tap::Tap,
};

/// How often it is looked whether the topics are still to be applied in order.
const LOOK_EVERY: Duration = Duration::from_secs(2);

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
        let client = self.leading.client()?;
        for start in starts {
            self.open(&client, start)?;
            self.leading.led.insert(start.partition.topic.clone());
        }
        let assigned = client.incremental_assign(&begin::assignment(starts, &[]));
        assigned.map_err(|error| failed("cannot take an ordered topic on", error))
    }

    /// Forgets which of these were assigned and not read; gives those.
    pub(super) fn let_go(&mut self, partitions: &TopicPartitionList) -> TopicPartitionList {
        let is_gone =
            |held: &Partition, _: &mut Tap| partitions.find_partition(&held.topic, held.number).is_some();
        let gone = self.leading.held.extract_if(.., is_gone);
        gone.map(|(held, _)| (held.topic.to_string(), held.number, Offset::Invalid)).collect()
    }

    /// Has the client forget that it paused partitions. A pause outlives the assignment that it was made for (read: librdkafka 2.12,
    /// `rd_kafka_assignment_serve_removals`): a partition that came back once its topic is no longer ordered would never be read.
    pub(super) fn resume(&self, partitions: &TopicPartitionList) -> Result<()> {
        if partitions.count() == 0 {
            return Ok(());
        }
        self.consumer.resume(partitions).map_err(|error| failed("cannot take a pause back", error))
    }

    /// Lets go of the topics whose first partition is among these, and whose lanes are drained.
    pub(super) fn stop_leading(&mut self, partitions: &TopicPartitionList) -> Result<()> {
        for element in partitions.elements() {
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

    /// Finds out how far ordered topics may be taken. Asked beside the reading, for the brokers may be slow.
    pub(super) fn follow_order(&mut self) -> Result<()> {
        if !self.shared.intake().waits_in_order() {
            return Ok(());
        }
        self.pass(self.leading.client.as_deref());
        self.hear()?;
        let unsure = self.shared.intake().unsure();
        for question in unsure {
            if !self.leading.asked.contains_key(&question.topic) {
                self.ask(question);
            }
        }
        self.shared.wake_applier();
        Ok(())
    }

    fn ask(&mut self, question: Question) {
        let Some(authority) = self.around.authority.as_ref() else { return };
        let (group, shared, topic) = (self.leading.asks.clone(), self.shared.clone(), question.topic.clone());
        let answer = authority.runtime.spawn(async move {
            let ends = group.ask(move |group| group.ends(&topic)).await;
            shared.wake_reader();
            ends
        });
        self.leading.asked.insert(question.topic.clone(), (question, AbortOnDropHandle::new(answer)));
    }

    /// Takes the answers that have come.
    fn hear(&mut self) -> Result<()> {
        let Some(authority) = self.around.authority.as_ref() else { return Ok(()) };
        let come = self.leading.asked.extract_if(.., |_, (_, answer)| answer.is_finished());
        for (topic, (question, answer)) in come {
            match authority.runtime.block_on(answer) {
                Ok(Ok(ends)) => {
                    let ends = ends.into_iter().map(|(number, (_, end))| (number, end)).collect();
                    self.shared.intake().probed(&question, ends);
                }
                Ok(Err(error)) if error.kind != Kind::Transient => return Err(error),
                Ok(Err(error)) => {
                    tracing::warn!(%topic, reason = error.chain(), "where its partitions end is asked anew");
                }
                // Only a runtime that ends does that.
                Err(_) => {}
            }
        }
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
