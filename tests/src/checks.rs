//! What is compared at the end of a test.

use std::fs;

use bson::RawDocument;

use crate::{
    DEADLINE, Pipeline, compare, eventually, history, log::parse_time, source_events, source_events::Time,
};

impl Pipeline {
    /// Waits until everything is through, then compares everything: the records in Kafka with the source's own change
    /// stream, and the target with the source.
    pub async fn check(&mut self) {
        let last = self.applied().await;
        self.check_history(last).await;
        self.check_target().await;
    }

    /// Compares the records in Kafka with the source's own change stream up to `last`.
    pub async fn check_history(&mut self, last: Time) {
        let begin = self.beginning();
        let mut events = source_events::between(&self.source, &self.databases, begin, last).await;
        events.retain(|event| is_carried(event, &self.left_out));
        let records = self.view.records().expect("Kafka answers");
        history::is_sound(records).expect("the records are a sound history");
        history::is_that_of(records, &events).expect("the records are the source's history");
    }

    /// Compares the target with the source.
    pub async fn check_target(&self) {
        if let Some(differences) = self.differences().await {
            panic!("the target differs from the source: {differences}");
        }
    }

    /// Waits until the target is what it should be: documents that are asked for take another round.
    pub async fn arrives(&mut self) {
        self.applied().await;
        eventually("the target is the source", DEADLINE, async || {
            self.differences().await.map_or(Ok(()), Err)
        })
        .await;
    }

    async fn differences(&self) -> Option<String> {
        let mut source = compare::contents(&self.source, &self.databases).await.expect("the source answers");
        source.retain(|ns, _| !self.left_out.contains(ns));
        let found = compare::filtered(&self.source, &mut source, &self.rules).await;
        found.expect("the source answers");
        let target = compare::contents(&self.target, &self.databases).await.expect("the target answers");
        compare::differences(&compare::shaped(source, &self.rules), &target)
    }

    /// Where the stream began, as the producer's log says: the last time, for one that is killed before its first position is
    /// written begins anew.
    fn beginning(&self) -> Time {
        let log = fs::read_to_string(self.folder().join("producer.log")).expect("the producer has a log");
        let line = log.lines().rfind(|line| line.contains("first start of this slice"));
        let time = line.and_then(|line| line.split_once("cluster_time=")?.1.split_whitespace().next());
        time.and_then(parse_time).expect("the producer logs where it begins")
    }

    /// No log may hold a secret.
    pub(crate) fn check_secrets(&self) {
        for entry in fs::read_dir(self.folder()).expect("the folder is there").flatten() {
            if entry.path().extension().is_some_and(|extension| extension == "log") {
                let log = fs::read_to_string(entry.path()).expect("a log is text");
                let found = self.secrets.iter().find(|secret| log.contains(*secret));
                assert!(found.is_none(), "{} holds the secret {found:?}", entry.path().display());
            }
        }
    }
}

fn is_carried(event: &RawDocument, left_out: &[String]) -> bool {
    // Only what ends the stream (`invalidate`) has no namespace.
    let Ok(ns) = event.get_document("ns") else { return false };
    let db = ns.get_str("db").expect("a namespace has a database");
    let makes_a_view =
        event.get_document("operationDescription").is_ok_and(|made| made.get_str("viewOn").is_ok());
    ns.get_str("coll").is_ok_and(|coll| !makes_a_view && !left_out.contains(&format!("{db}.{coll}")))
}
