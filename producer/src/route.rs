//! Routes: which topic a namespace's events go to.
//!
//! Owns the topics of a slice: each is created, with its partitions and configs, before the transaction that needs it,
//! and remembered with the position. Guards: the partition count of a namespace never changes under its documents, and
//! a topic with fewer partitions than the position knows is refused.

use std::{collections::HashMap, sync::Arc, time::Duration};

use common::{
    config::types::Kafka,
    error::{Error, Kind, Result},
    kafka::{
        MAX_RECORD_BYTES,
        admin::{Admin, Ensured, REQUEST_TIMEOUT, Wanted},
    },
    namespace::{Filter, Namespace},
    position::Topic,
    topics::Topics,
};
use tokio::time::Instant;

use shape::{Rule, Rules};

use crate::{
    capture::{Beside, Wanted as Images},
    publish::Limits,
    snapshot::catalog::{self, Sort},
    source::Source,
};

/// How soon a broker is asked again about a topic that it has not heard of.
const ASK_AGAIN: Duration = Duration::from_millis(50);

/// Where one namespace's events go.
#[derive(Debug)]
pub struct Route {
    /// The topic.
    pub topic: Topic,
    /// The namespace's text, `db.coll`.
    pub name: String,
    /// The rules that are applied before anything of the namespace enters Kafka.
    pub rule: Option<Rule>,
    /// Which documents stand beside its changes; `None` where the stream shows none.
    pub beside: Option<Beside>,
    /// The largest record, in bytes, that the topic takes and `producer.memory_mib` allows.
    pub limit: usize,
}

/// What is known of a namespace.
#[derive(Debug, Clone)]
pub enum Decision {
    /// Its events go here.
    Carried(Arc<Route>),
    /// The filter leaves it out.
    Foreign,
}

/// Every namespace seen so far.
pub struct Routes {
    known: HashMap<String, HashMap<String, Decision>>,
    filter: Filter,
    topics: Topics,
    kafka: Kafka,
    admin: Admin,
    limits: Arc<Limits>,
    /// Bytes of a record, whatever its topic takes.
    most: usize,
    source: Source,
    rules: Rules,
    images: Images,
}

impl Routes {
    /// The routes the position knows.
    ///
    /// # Errors
    /// [`Kind::PositionLost`] when one of its topics is gone or has fewer partitions; transient when one takes less than the
    /// batches that are made, see [`Limits::learn`].
    pub async fn open(
        known: &[Topic],
        filter: Filter,
        topics: Topics,
        (kafka, admin): (Kafka, Admin),
        (limits, most): (Arc<Limits>, usize),
        source: Source,
        (rules, images): (Rules, Images),
    ) -> Result<Self> {
        let mut routes =
            Self { known: HashMap::new(), filter, topics, kafka, admin, limits, most, source, rules, images };
        known.iter().try_for_each(|topic| routes.check(topic))?;
        let ledgers = [routes.topics.positions(), routes.topics.control()];
        let names = known.iter().map(|topic| topic.topic.clone()).chain(ledgers);
        let limits = routes.limits(names.collect()).await?;
        for (topic, limit) in known.iter().zip(limits) {
            if routes.filter.carries(&topic.ns) {
                routes.learn(topic.clone(), limit)?;
            }
        }
        Ok(routes)
    }

    /// What these topics take now.
    async fn limits(&self, topics: Vec<String>) -> Result<Vec<usize>> {
        let limits = self.admin.limits(&topics).await?;
        self.limits.learn(topics.iter().map(String::as_str).zip(limits.iter().copied()))?;
        Ok(limits)
    }

    /// What a topic takes that is there since a moment ago: not every broker knows of it, or of its configuration, at once.
    async fn limit_of_new(&self, topic: &str, ensured: Ensured) -> Result<usize> {
        let wanted = self.wanted(topic.to_owned(), 1).config;
        let created = wanted.get("max.message.bytes").and_then(|limit| limit.parse().ok());
        if let Some(limit) = created.filter(|_| ensured == Ensured::Created) {
            self.limits.learn([(topic, limit)])?;
            return Ok(limit);
        }
        let (topics, until) = ([topic.to_owned()], Instant::now() + REQUEST_TIMEOUT);
        let limit = loop {
            match self.admin.limits(&topics).await {
                Ok(limits) => break limits[0],
                Err(error) if error.kind == Kind::Transient && Instant::now() < until => {}
                Err(error) => return Err(error),
            }
            tokio::time::sleep(ASK_AGAIN).await;
        };
        self.limits.learn([(topic, limit)])?;
        Ok(limit)
    }

    /// The pipeline's namespace filter.
    #[must_use]
    pub const fn filter(&self) -> &Filter {
        &self.filter
    }

    /// What is known of a namespace; `None` for one not seen before.
    #[must_use]
    pub fn get(&self, db: &str, coll: &str) -> Option<&Decision> {
        self.known.get(db)?.get(coll)
    }

    /// Whether a namespace is carried and has had events.
    #[must_use]
    pub fn knows(&self, ns: &Namespace) -> bool {
        matches!(self.get(&ns.db, &ns.coll), Some(Decision::Carried(_)))
    }

    /// Every such namespace.
    #[must_use]
    pub fn known(&self) -> Vec<Namespace> {
        let decisions = self.known.values().flat_map(HashMap::values);
        let carried = decisions.filter_map(|decision| match decision {
            Decision::Carried(route) => Some(route.topic.ns.clone()),
            Decision::Foreign => None,
        });
        carried.collect()
    }

    /// Decides about a namespace not seen before; a carried one gets its topic. Returns the topic if it is new to the
    /// position.
    ///
    /// # Errors
    /// Transient when brokers or source do not answer, or the topic takes less than the batches that are made;
    /// [`Kind::Misconfigured`] when the topic is refused, or the collection is
    /// of a kind that cannot be carried.
    pub async fn decide(&mut self, ns: &Namespace) -> Result<Option<Topic>> {
        if !self.filter.carries(ns) {
            self.known.entry(ns.db.clone()).or_default().insert(ns.coll.clone(), Decision::Foreign);
            return Ok(None);
        }
        let (topic, ensured) = self.create(ns).await?;
        let limit = self.limit_of_new(&topic.topic, ensured).await?;
        tracing::info!(%ns, topic = %topic.topic, partitions = topic.partitions, limit, "carrying a namespace");
        self.learn(topic.clone(), limit)?;
        Ok(Some(topic))
    }

    fn learn(&mut self, topic: Topic, limit: usize) -> Result<()> {
        let ns = topic.ns.clone();
        let rule =
            self.rules.rule(&ns).map_err(|conflict| Error::new(Kind::Misconfigured, conflict.to_string()))?;
        let most = self.most.min(MAX_RECORD_BYTES as usize);
        let route = Route {
            name: ns.to_string(),
            topic,
            rule: rule.cloned(),
            beside: self.images.of(&ns),
            limit: limit.min(most),
        };
        self.known.entry(ns.db).or_default().insert(ns.coll, Decision::Carried(Arc::new(route)));
        Ok(())
    }

    async fn create(&self, ns: &Namespace) -> Result<(Topic, Ensured)> {
        let partitions = self.partitions(ns).await?;
        for name in [self.topics.events(ns), self.topics.events_apart(ns)] {
            let wanted = self.wanted(name, partitions);
            let ensured = self.admin.ensure(&wanted).await?;
            if ensured == Ensured::Collides {
                continue;
            }
            let topic = Topic { ns: ns.clone(), topic: wanted.name, partitions };
            let topic = if ensured == Ensured::Existed { self.adopt(topic)? } else { topic };
            return Ok((topic, ensured));
        }
        Err(Error::new(Kind::Misconfigured, format!("Kafka refuses every topic name for {ns}")))
    }

    /// As configured, but one partition where strings that differ in bytes can be equal, for the hash would part them, and where the
    /// order of all documents counts.
    async fn partitions(&self, ns: &Namespace) -> Result<u16> {
        let collection = catalog::by_name(&self.source.client, ns).await?;
        if let Some(collection) = &collection {
            collection.kind.check(ns, self.source.server.version)?;
        }
        let may_be_parted = collection.is_none_or(|c| c.has_simple_collation && c.kind != Sort::Capped);
        Ok(if may_be_parted { self.kafka.partitions } else { 1 })
    }

    fn wanted(&self, name: String, partitions: u16) -> Wanted {
        let mut config = self.kafka.topic_config.clone();
        config.entry("max.message.bytes".to_owned()).or_insert_with(|| MAX_RECORD_BYTES.to_string());
        Wanted { name, partitions, replication_factor: self.kafka.replication_factor, config }
    }

    /// A topic that somebody created before us is used with the partitions it has, where that is safe.
    fn adopt(&self, topic: Topic) -> Result<Topic> {
        let there = self.admin.partitions(&topic.topic)?.unwrap_or(0);
        if topic.partitions == 1 || there == 0 {
            return Ok(topic);
        }
        Ok(Topic { partitions: there, ..topic })
    }

    fn check(&self, topic: &Topic) -> Result<()> {
        let there = self.admin.partitions(&topic.topic)?.unwrap_or(0);
        if there >= topic.partitions {
            return Ok(());
        }
        let Topic { topic: name, partitions, .. } = topic;
        let context = match there {
            0 => format!("topic {name} is gone, which the position says holds {}", topic.ns),
            _ => {
                format!("topic {name} has {there} partitions, fewer than the {partitions} the position knows")
            }
        };
        Err(Error::new(Kind::PositionLost, context))
    }
}
