//! What lies in Kafka: committed records, read to the end.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use bson::{Bson, Document};
use rdkafka::{
    ClientConfig, Message as _, Offset, TopicPartitionList,
    consumer::{BaseConsumer, Consumer as _},
    error::KafkaError,
    message::{BorrowedMessage, Headers as _},
};

/// A partition by topic and number.
pub type Partition = (String, i32);

/// How long reading to the end may take.
const READ_WITHIN: Duration = Duration::from_secs(60);
/// More than the largest record.
const MOST_BYTES: &str = "180000000";

/// A record as it was read.
#[derive(Debug, Clone)]
pub struct Record {
    /// Topic and partition.
    pub partition: Partition,
    /// Offset; of a value in parts, that of the last one.
    pub offset: i64,
    /// How many records of Kafka it stands in.
    pub parts: usize,
    /// Key.
    pub key: Option<Vec<u8>>,
    /// Value.
    pub value: Option<Vec<u8>>,
    /// Headers, in order.
    pub headers: Vec<(String, Vec<u8>)>,
}

impl Record {
    /// Text of a header; empty when there is none.
    #[must_use]
    pub fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(key, _)| key == name);
        found.map_or("", |(_, value)| std::str::from_utf8(value).expect("headers are text"))
    }

    /// Whether this is a document of the snapshot.
    #[must_use]
    pub fn is_snapshot(&self) -> bool {
        self.header("snapshot") == "true"
    }

    /// Whether an earlier record holds the same event: a definition change stands in every partition.
    #[must_use]
    pub fn is_repeated(&self) -> bool {
        let place = self.header("barrier");
        !place.is_empty() && !place.starts_with("1/")
    }

    /// The last part of the header `seq`, `slice/epoch/number`.
    #[must_use]
    pub fn sequence(&self) -> u64 {
        let number = self.header("seq").rsplit('/').next();
        number.and_then(|n| n.parse().ok()).unwrap_or_else(|| panic!("no sequence: {:?}", self.headers))
    }

    /// The cluster time, comparable.
    #[must_use]
    pub fn cluster_time(&self) -> (u32, u32) {
        parse_time(self.header("ct")).unwrap_or_else(|| panic!("no cluster time: {:?}", self.headers))
    }

    /// The change event.
    #[must_use]
    pub fn event(&self) -> Document {
        let value = self.value.as_deref().unwrap_or_default();
        if self.header("format") == "bson" { from_bson(value) } else { from_json(value) }
    }

    /// The key: Extended JSON, or BSON where the text would read as something else.
    #[must_use]
    pub fn decoded_key(&self) -> Option<Document> {
        let key = self.key.as_deref()?;
        Some(if key.first() == Some(&b'{') && key.last() == Some(&b'}') {
            from_json(key)
        } else {
            from_bson(key)
        })
    }
}

fn from_bson(bytes: &[u8]) -> Document {
    Document::from_reader(bytes).expect("this is BSON")
}

fn from_json(text: &[u8]) -> Document {
    let value = serde_json::from_slice::<serde_json::Value>(text).expect("this is JSON");
    match Bson::try_from(value).expect("this is Extended JSON") {
        Bson::Document(document) => document,
        other => panic!("this is no document: {other:?}"),
    }
}

/// `seconds.increment`.
#[must_use]
pub fn parse_time(text: &str) -> Option<(u32, u32)> {
    let (seconds, increment) = text.split_once('.')?;
    Some((seconds.parse().ok()?, increment.parse().ok()?))
}

/// Some partitions, and what was read of them so far.
pub struct Log {
    settings: ClientConfig,
    consumer: BaseConsumer,
    next: BTreeMap<Partition, i64>,
    /// Every record, in the order of its partition.
    pub records: Vec<Record>,
}

impl Log {
    /// Nothing yet.
    #[must_use]
    pub fn open(brokers: &str) -> Self {
        let settings = client(brokers, "oplogue-e2e");
        let consumer = settings.create().expect("librdkafka takes these options");
        Self { settings, consumer, next: BTreeMap::new(), records: Vec::new() }
    }

    /// Also reads these partitions of a topic from now on.
    pub fn follow(&mut self, topic: &str, partitions: i32) {
        for number in 0..partitions {
            self.next.entry((topic.to_owned(), number)).or_insert(0);
        }
    }

    /// Reads every partition to the end it has now. Blocks.
    ///
    /// # Errors
    /// When the brokers do not answer or a topic is not there (yet).
    pub fn read(&mut self) -> Result<(), String> {
        let read = self.read_on();
        if read.is_err() {
            // After an outage a client may know no broker any more, for good (`common::kafka::OnDemand` says why).
            self.consumer = self.settings.create().expect("librdkafka takes these options");
        }
        read
    }

    fn read_on(&mut self) -> Result<(), String> {
        let mut list = TopicPartitionList::new();
        for ((topic, number), offset) in &self.next {
            let added = list.add_partition_offset(topic, *number, Offset::Offset(*offset));
            added.map_err(|error| error.to_string())?;
        }
        self.consumer.assign(&list).map_err(|error| error.to_string())?;
        let read = self.read_assigned();
        // What is not read must not be fetched.
        self.consumer.unassign().map_err(|error| error.to_string())?;
        read
    }

    fn read_assigned(&mut self) -> Result<(), String> {
        let mut unread = self.ends()?;
        let until = Instant::now() + READ_WITHIN;
        while !unread.is_empty() {
            if Instant::now() > until {
                return Err(format!("not read to the end within {READ_WITHIN:?}: {unread:?}"));
            }
            match self.consumer.poll(Duration::from_millis(100)) {
                None | Some(Err(KafkaError::PartitionEOF(_))) => self.pass_markers()?,
                Some(Err(error)) => return Err(error.to_string()),
                Some(Ok(message)) => {
                    let record = copy(&message);
                    self.next.insert(record.partition.clone(), record.offset + 1);
                    self.keep(record);
                }
            }
            unread.retain(|partition, end| self.next[partition] < *end);
        }
        Ok(())
    }

    /// Keeps a record; a part goes to the parts before it, which must stand right before it: what is in Kafka does not mend itself, so
    /// whoever waits for it need not go on.
    fn keep(&mut self, record: Record) {
        let Some((number, of)) = place(&record).filter(|(number, _)| *number > 1) else {
            self.records.push(record);
            return;
        };
        let before = self.records.iter_mut().rfind(|before| before.partition == record.partition);
        let fits = |before: &&mut Record| {
            let same = ["v", "ns", "op", "ct", "seq", "snapshot", "txn", "format", "dead.topic"];
            before.parts + 1 == number
                && before.offset + 1 == record.offset
                && before.key == record.key
                && place(before) == Some((1, of))
                && same.iter().all(|name| before.header(name) == record.header(name))
        };
        let Some(before) = before.filter(fits) else { panic!("{}", self.alone(&record)) };
        before.value.get_or_insert_default().extend_from_slice(record.value.as_deref().unwrap_or_default());
        (before.offset, before.parts) = (record.offset, number);
    }

    /// What is said of a part that stands alone.
    fn alone(&self, record: &Record) -> String {
        let said = |record: &Record| {
            let headers: Vec<_> =
                record.headers.iter().map(|(name, value)| (name, String::from_utf8_lossy(value))).collect();
            format!("offset {}, parts {}, {headers:?}", record.offset, record.parts)
        };
        let before = self.records.iter().rfind(|before| before.partition == record.partition);
        let before = before.map_or("nothing".into(), said);
        format!("{:?}: a part that stands alone: {}\nbehind {before}", record.partition, said(record))
    }

    /// Where the partitions end now, as far as they have not been read to there.
    fn ends(&self) -> Result<BTreeMap<Partition, i64>, String> {
        let mut ends = BTreeMap::new();
        for (partition, next) in &self.next {
            let watermarks = self.consumer.fetch_watermarks(&partition.0, partition.1, READ_WITHIN);
            let (_, end) = watermarks.map_err(|error| format!("{partition:?}: {error}"))?;
            if *next < end {
                ends.insert(partition.clone(), end);
            }
        }
        Ok(ends)
    }

    /// What stands between the last record and the end is no record: transaction markers, aborted transactions.
    fn pass_markers(&mut self) -> Result<(), String> {
        let positions = self.consumer.position().map_err(|error| error.to_string())?;
        for element in positions.elements() {
            if let Offset::Offset(offset) = element.offset() {
                let partition = (element.topic().to_owned(), element.partition());
                self.next.entry(partition).and_modify(|next| *next = offset.max(*next));
            }
        }
        Ok(())
    }
}

/// A part's number, and how many there are.
fn place(record: &Record) -> Option<(usize, usize)> {
    let (number, of) = record.header("part").split_once('/')?;
    Some((number.parse().ok()?, of.parse().ok()?))
}

fn copy(message: &BorrowedMessage<'_>) -> Record {
    let headers = message.headers().into_iter().flat_map(|headers| headers.iter());
    Record {
        partition: (message.topic().to_owned(), message.partition()),
        offset: message.offset(),
        parts: 1,
        key: message.key().map(<[u8]>::to_vec),
        value: message.payload().map(<[u8]>::to_vec),
        headers: headers.map(|h| (h.key.to_owned(), h.value.unwrap_or_default().to_vec())).collect(),
    }
}

/// A consumer of committed records that joins no group.
#[must_use]
pub fn client(brokers: &str, group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    for (key, value) in [
        ("bootstrap.servers", brokers),
        ("group.id", group),
        ("enable.auto.commit", "false"),
        ("isolation.level", "read_committed"),
        ("enable.partition.eof", "true"),
        ("auto.offset.reset", "error"),
        ("fetch.wait.max.ms", "10"),
        ("receive.message.max.bytes", MOST_BYTES),
        ("allow.auto.create.topics", "false"),
    ] {
        config.set(key, value);
    }
    config
}
