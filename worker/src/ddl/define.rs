//! Making collections with their options, and changing both, at the target.
//!
//! A collection that is made has no UUID yet that could fence the command. So it is made in one transaction with a statement that compares where the
//! barrier's document stands: one who stood still before it and wakes up late makes nothing. What a transaction cannot make here (a sharded
//! target may refuse) is made without.
//!
//! A collection of that name which is there already stays as it is, but for a validator that is off or was not there; where it may come to hold other
//! documents than the source's, the worker stops.

use bson::{Bson, Document, doc};
use common::{
    error::{Error, Kind, Result},
    mongo::{self, Reason},
    namespace::Namespace,
};
use futures_util::TryStreamExt as _;
use mongodb::error::{Error as DriverError, TRANSIENT_TRANSACTION_ERROR};

use super::{
    deed::{Collections, PATIENCE, answered, binary},
    definition::Definition,
    notes::Notes,
    options::{self, Differing},
    work::Work,
};
use crate::{
    checkpoint::Uuid,
    sink::{
        Open, failed_whole,
        target::{Target as _, Transaction as _, Unfinished},
    },
};

/// `NamespaceExists`, `IllegalOperation` and `OperationNotSupportedInTransaction`.
const EXISTS: i32 = 48;
const NOT_IN_TRANSACTIONS: [i32; 2] = [20, 263];

/// The document that says who may do something, as it has to stand.
#[derive(Debug, Clone)]
pub(super) struct Fence {
    pub(super) documents: Namespace,
    pub(super) filter: Document,
}

/// A collection of the target.
struct There {
    uuid: Option<Uuid>,
    options: Document,
}

impl Collections {
    /// Does all of it, and notes what is put off.
    ///
    /// # Errors
    /// Transient when the target does not answer; misconfigured for what it cannot have.
    pub(super) async fn define(
        &self,
        ns: &Namespace,
        definition: &Definition,
        uuid: Option<Uuid>,
        fence: &Fence,
    ) -> Result<()> {
        if !definition.left_out.is_empty() {
            let what = definition.left_out.join(", ");
            tracing::warn!(%ns, what, "not carried to the target: options of the source's own, or what field rules change");
        }
        if let Some(options) = &definition.make {
            self.ensure(ns, (options, definition.insists), fence).await?;
        }
        let Some(there) = self.there(ns).await? else {
            // Gone, or never made here; an index makes it.
            self.work(ns, uuid, &definition.works, definition.may_not_fit).await?;
            return self.note_by_name(ns, &definition.notes).await;
        };
        let mut notes = definition.notes.clone();
        if options::is_validated(&there.options) {
            if !definition.validation.is_empty() {
                tracing::warn!(%ns, "the target's collection has a validator of its own, which stays");
            }
            notes = options::without_validation(&notes);
        } else if self.is_behind(definition, &there) {
            let work = Work { name: "collMod", arguments: definition.validation.clone() };
            self.work(ns, uuid, &[work], false).await?;
        }
        let own = self.work(ns, uuid, &definition.works, definition.may_not_fit).await?;
        self.note(there.uuid, ns, &notes.without(&own)).await
    }

    /// Whether validation is to be changed.
    fn is_behind(&self, definition: &Definition, there: &There) -> bool {
        definition.validation.iter().any(|(name, value)| there.options.get(name) != Some(value))
    }

    /// Makes the collection, unless there is one, which has to have these options if somebody insists.
    async fn ensure(
        &self,
        ns: &Namespace,
        (options, insists): (&Document, bool),
        fence: &Fence,
    ) -> Result<()> {
        if let Some(there) = self.there(ns).await? {
            return settle(ns, &options::differing(&there.options, options), insists);
        }
        if options::is_capped(options) && !self.takes_uuid {
            let context = format!(
                "cannot make {ns} at the target: it is a capped collection, and a target before 6.0 cannot change its size when it takes over"
            );
            return Err(Error::new(Kind::Misconfigured, context));
        }
        let mut command = doc! {"create": &ns.coll};
        command.extend(options.clone());
        let made = answered(ns, PATIENCE, self.make(ns, command.clone(), fence)).await??;
        let made = match made {
            Err(error) if mongo::code(&error).is_some_and(|code| NOT_IN_TRANSACTIONS.contains(&code)) => {
                command.insert("writeConcern", doc! {"w": "majority"});
                let database = self.client.database(&ns.db);
                answered(ns, PATIENCE, database.run_command(command).into_future()).await?.map(drop)
            }
            made => made,
        };
        match made {
            Err(error) if mongo::code(&error) != Some(EXISTS) => Err(failed(ns, &error)),
            _ => Ok(()),
        }
    }

    /// Makes it where the barrier stands as it has to; else somebody else has seen to it. The session is one of those that the next owner of the
    /// barrier's document knows, so what hangs in it can be ended.
    async fn make(&self, ns: &Namespace, create: Document, fence: &Fence) -> Result<Result<(), DriverError>> {
        let mut open = self.deployment.begin().await.map_err(|trouble| failed_whole(ns, trouble))?;
        let made = make_within(ns, create, fence, &mut open).await;
        if matches!(made, Ok(true)) {
            let (Unfinished::Unknown(error) | Unfinished::Gone(error)) = match open.commit().await {
                Ok(()) => return Ok(Ok(())),
                Err(unfinished) => unfinished,
            };
            return Err(error);
        }
        open.abort().await;
        drop(open);
        if made.is_err() {
            // An abort that did not arrive would hold the document, and whoever tries again, for a minute.
            drop(self.deployment.end_dropped().await);
        }
        Ok(made.map(drop))
    }

    async fn there(&self, ns: &Namespace) -> Result<Option<There>> {
        let database = self.client.database(&ns.db);
        let listed = async {
            let command = doc! {"listCollections": 1, "filter": {"name": &ns.coll, "type": "collection"}};
            database.run_cursor_command(command).await?.try_collect::<Vec<_>>().await
        };
        let found = answered(ns, PATIENCE, listed).await?.map_err(|error| failed(ns, &error))?;
        Ok(found.first().map(|found| There {
            uuid: found.get_document("info").ok().and_then(|info| match info.get("uuid") {
                Some(Bson::Binary(uuid)) => Uuid::try_from(uuid.bytes.as_slice()).ok(),
                _ => None,
            }),
            options: found.get_document("options").cloned().unwrap_or_default(),
        }))
    }

    async fn note_by_name(&self, ns: &Namespace, notes: &Notes) -> Result<()> {
        let Some(there) = self.there(ns).await? else { return Ok(()) };
        self.note(there.uuid, ns, notes).await
    }

    async fn note(&self, uuid: Option<Uuid>, ns: &Namespace, notes: &Notes) -> Result<()> {
        let Some(uuid) = uuid.filter(|_| !notes.is_empty()) else { return Ok(()) };
        let noted = self.noted();
        let written = async {
            let which = doc! {"_id": binary(uuid)};
            let before = noted.find_one(which.clone()).await?.unwrap_or_default();
            let mut after = notes.added_to(&before);
            after.insert("ns", ns.to_string());
            noted.update_one(which, doc! {"$set": after}).upsert(true).await
        };
        answered(ns, PATIENCE, written).await?.map(drop).map_err(|error| failed(ns, &error))
    }

    /// Forgets what was put off of collections that are no more.
    ///
    /// # Errors
    /// Transient when the target does not answer.
    pub(super) async fn forget(&self, ns: &Namespace, uuid: Option<Uuid>) -> Result<()> {
        let Some(uuid) = uuid else { return Ok(()) };
        let noted = self.noted();
        let forgotten = noted.delete_one(doc! {"_id": binary(uuid)}).into_future();
        answered(ns, PATIENCE, forgotten).await?.map(drop).map_err(|error| failed(ns, &error))
    }
}

/// What becomes of a collection that is there already with other options.
fn settle(ns: &Namespace, differing: &[Differing], insists: bool) -> Result<()> {
    if differing.is_empty() {
        return Ok(());
    }
    let what = differing.iter().map(Differing::to_string).collect::<Vec<_>>().join(", ");
    if insists && differing.iter().any(|differing| differing.is_grave) {
        let context = format!(
            "the target has {ns} already, with other options than the source's, and a collection keeps them: {what}. Drop or rename it at the \
             target, or make it there with the source's options; or set worker.ddl.differing to `ignore`, and it stays as it is"
        );
        return Err(Error::new(Kind::Misconfigured, context));
    }
    tracing::warn!(%ns, what, "the target's collection has other options than the source's, and stays as it is");
    Ok(())
}

async fn make_within(
    ns: &Namespace,
    create: Document,
    fence: &Fence,
    open: &mut Open,
) -> Result<bool, DriverError> {
    let stands = doc! {"q": fence.filter.clone(), "u": {"$set": {"at.made": true}}};
    let update = doc! {"update": &fence.documents.coll, "updates": [stands]};
    let reply = open.run(&fence.documents.db, update).await?;
    if !matches!(reply.get("n"), Some(Bson::Int32(1))) {
        return Ok(false);
    }
    open.run(&ns.db, create).await?;
    Ok(true)
}

fn failed(ns: &Namespace, error: &DriverError) -> Error {
    let is_passing = error.contains_label(TRANSIENT_TRANSACTION_ERROR);
    let context = format!("cannot make {ns} at the target with the source's options");
    let code = mongo::code(error);
    let kind = match code {
        _ if is_passing => Kind::Transient,
        Some(code) if super::indexes::INEXPRESSIBLE.contains(&code) => Kind::Misconfigured,
        _ => mongo::classify(error),
    };
    Error::caused(kind, context, Reason::of(error))
}
