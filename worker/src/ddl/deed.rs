//! What a barrier does to the target's collections, fenced by their UUIDs.
//!
//! ```text
//!   intent {uuid, onto}  ─▸  look: is the name still that collection's?  ─ no ─▸ it is done
//!                                  └ yes ─▸ drop or rename *that* collection ─▸ look again
//! ```
//!
//! The one who sends a command may stand still before it and be replaced; the command then arrives late, when the name may belong to another
//! collection. From 6.0 on the server compares the UUID (`collectionUUID`) and refuses. Before that it knows no such field, and 4.4's `drop`
//! would ignore it and drop. There what goes is renamed to a name of the barrier's own, a *tombstone*: a second attempt finds that name taken (48).
//! The tombstone is dropped when every partition is behind the barrier.

use std::{fmt::Display, time::Duration};

use bson::{Binary, Bson, Document, doc, spec::BinarySubtype};
use common::{
    error::{Error, Kind, Result},
    mongo::{self, Reason, Version},
    namespace::Namespace,
};
use futures_util::TryStreamExt as _;
use mongodb::{
    Client, Collection,
    error::Error as DriverError,
    options::{Acknowledgment, CollectionOptions, WriteConcern},
    results::CollectionType,
};
use tokio::time::timeout;

use super::definition::Definition;
use crate::{
    checkpoint::{Intent, Origin, Store, Uuid},
    sink::Deployment,
};

/// From this version on a command can say which collection it means.
const TAKES_UUID: Version = Version::new(6, 0, 0);
/// How long a command may take: dropping waits for transactions that hold the collection, up to a minute.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// `NamespaceNotFound`, `NamespaceExists` and `CollectionUUIDMismatch`.
const NOT_FOUND: i32 = 26;
const EXISTS: i32 = 48;
const ANOTHER: i32 = 361;

/// What is to be done, by the target's names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Drop(Namespace),
    Rename {
        from: Namespace,
        to: Namespace,
        /// Whether the source says that it has replaced a collection.
        replaces: Option<bool>,
    },
    /// Options and indexes.
    Define(Namespace, Box<Definition>),
}

/// The target's collections.
#[derive(Debug, Clone)]
pub(super) struct Collections {
    pub(super) client: Client,
    pub(super) deployment: Deployment,
    pub(super) takes_uuid: bool,
    notes: Namespace,
}

impl Deed {
    /// The names that mean something else afterwards.
    pub(super) fn touches(&self) -> impl Iterator<Item = &Namespace> {
        let (one, other) = match self {
            Self::Drop(ns) | Self::Define(ns, _) => (ns, None),
            Self::Rename { from, to, .. } => (from, Some(to)),
        };
        std::iter::once(one).chain(other)
    }
}

impl Collections {
    pub(super) fn new(deployment: Deployment, version: Version, store: &Store<Deployment>) -> Self {
        let client = deployment.client().clone();
        Self { client, deployment, takes_uuid: version >= TAKES_UUID, notes: store.definitions() }
    }

    /// Where it is noted what is put off.
    pub(super) fn noted(&self) -> Collection<Document> {
        let majority = WriteConcern::builder().w(Acknowledgment::Majority).build();
        let options = CollectionOptions::builder().write_concern(majority).build();
        self.client.database(&self.notes.db).collection_with_options(&self.notes.coll, options)
    }

    /// Which collections a deed is about to touch.
    ///
    /// # Errors
    /// Misconfigured where a rename would take away a collection with documents that the source never had.
    pub(super) async fn intent(&self, deed: &Deed) -> Result<Intent> {
        match deed {
            Deed::Drop(ns) | Deed::Define(ns, _) => Ok(Intent { uuid: self.uuid(ns).await?, onto: None }),
            Deed::Rename { from, to, replaces } => {
                let intent = Intent { uuid: self.uuid(from).await?, onto: self.uuid(to).await? };
                if intent.onto.is_some() && *replaces == Some(false) && !self.is_empty(to).await? {
                    let context = format!(
                        "{from} is to become {to}, which at the source named no collection: but the target has one, with documents. \
                         Drop or rename it there"
                    );
                    return Err(Error::new(Kind::Misconfigured, context));
                }
                Ok(intent)
            }
        }
    }

    /// Goes one step; `true` when nothing is left to be done.
    ///
    /// # Errors
    /// Transient when the target does not answer, misconfigured when it does not allow it.
    pub(super) async fn carry_out(&self, deed: &Deed, intent: Intent, barrier: &Origin) -> Result<bool> {
        match deed {
            Deed::Drop(ns) => self.drop(ns, intent.uuid, barrier).await,
            // It goes on beside other barriers.
            Deed::Define(..) => Ok(true),
            Deed::Rename { from, to, .. } => match intent.uuid {
                Some(uuid) => self.rename((from, to), uuid, intent.onto, barrier).await,
                // Nothing was ever written to it; what it has replaced is gone all the same.
                None => self.drop(to, intent.onto, barrier).await,
            },
        }
    }

    async fn drop(&self, ns: &Namespace, uuid: Option<Uuid>, barrier: &Origin) -> Result<bool> {
        let Some(uuid) = uuid else { return Ok(true) };
        if self.uuid(ns).await? != Some(uuid) {
            return Ok(true);
        }
        if self.takes_uuid {
            let command = doc! {"drop": &ns.coll, "collectionUUID": binary(uuid)};
            self.send(&ns.db, command, ns).await?;
        } else {
            self.bury(ns, barrier).await?;
        }
        Ok(false)
    }

    async fn rename(
        &self,
        (from, to): (&Namespace, &Namespace),
        uuid: Uuid,
        onto: Option<Uuid>,
        barrier: &Origin,
    ) -> Result<bool> {
        if self.uuid(from).await? != Some(uuid) {
            return Ok(true);
        }
        let mut command = doc! {"renameCollection": from.to_string(), "to": to.to_string()};
        if self.takes_uuid {
            // A worker that stood still may have made an empty one since the intent.
            command.extend(doc! {"dropTarget": true, "collectionUUID": binary(uuid)});
        } else if onto.is_some() && self.uuid(to).await? == onto {
            self.bury(to, barrier).await?;
            return Ok(false);
        }
        self.send("admin", command, from).await?;
        Ok(false)
    }

    /// Puts a collection out of the way, once.
    async fn bury(&self, ns: &Namespace, barrier: &Origin) -> Result<()> {
        let grave = tombstone(&ns.db, barrier);
        let command = doc! {"renameCollection": ns.to_string(), "to": grave.to_string()};
        self.send("admin", command, ns).await
    }

    /// Drops what was put out of the way, when nobody can come late any more.
    ///
    /// # Errors
    /// As [`carry_out`](Self::carry_out).
    pub(super) async fn clear(&self, deed: &Deed, barrier: &Origin) -> Result<()> {
        if self.takes_uuid || matches!(deed, Deed::Define(..)) {
            return Ok(());
        }
        for ns in deed.touches() {
            let grave = tombstone(&ns.db, barrier);
            self.send(&grave.db, doc! {"drop": &grave.coll}, &grave).await?;
        }
        Ok(())
    }

    async fn send(&self, db: &str, mut command: Document, ns: &Namespace) -> Result<()> {
        command.insert("writeConcern", doc! {"w": "majority"});
        let database = self.client.database(db);
        match answered(ns, PATIENCE, database.run_command(command).into_future()).await? {
            // Done by an earlier attempt, which the next look shows.
            Err(error) if matches!(mongo::code(&error), Some(NOT_FOUND | EXISTS | ANOTHER)) => {
                tracing::debug!(%ns, code = mongo::code(&error), "not as it was a moment ago");
                Ok(())
            }
            Err(error) => Err(failed(ns, &error)),
            Ok(_) => Ok(()),
        }
    }

    /// The UUID of the collection with this name.
    async fn uuid(&self, ns: &Namespace) -> Result<Option<Uuid>> {
        let database = self.client.database(&ns.db);
        let listed = async {
            let cursor = database.list_collections().filter(doc! {"name": &ns.coll}).await?;
            cursor.try_collect::<Vec<_>>().await
        };
        match answered(ns, PATIENCE, listed).await?.map_err(|error| failed(ns, &error))?.pop() {
            Some(found) if found.collection_type == CollectionType::Collection => {
                Ok(found.info.uuid.and_then(|uuid| Uuid::try_from(uuid.bytes.as_slice()).ok()))
            }
            _ => Ok(None),
        }
    }

    async fn is_empty(&self, ns: &Namespace) -> Result<bool> {
        let collection = self.client.database(&ns.db).collection::<Document>(&ns.coll);
        let found = collection.find_one(doc! {}).projection(doc! {"_id": 1}).await;
        Ok(found.map_err(|error| failed(ns, &error))?.is_none())
    }
}

/// What came of asking, if anything came in time.
pub(super) async fn answered<T>(
    what: impl Display,
    within: Duration,
    asked: impl Future<Output = T>,
) -> Result<T> {
    let answer = timeout(within, asked).await;
    answer.map_err(|_| Error::new(Kind::Transient, format!("no answer about {what} in {within:?}")))
}

fn tombstone(db: &str, barrier: &Origin) -> Namespace {
    let Origin { slice, epoch, number } = barrier;
    Namespace::new(db, format!("oplogue_dropped_{slice}_{epoch}_{number}"))
}

pub(super) fn binary(uuid: Uuid) -> Bson {
    Bson::Binary(Binary { subtype: BinarySubtype::Uuid, bytes: uuid.to_vec() })
}

fn failed(ns: &Namespace, error: &DriverError) -> Error {
    let context = format!("cannot drop or rename {ns} at the target");
    Error::caused(mongo::classify(error), context, Reason::of(error))
}
