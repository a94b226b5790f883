//! Making, dropping and hiding indexes at the target, and changing options, on the collection that was meant.
//!
//! What is there already, or gone already, is done. An index of the target's own that has the name or the keys stays.

use std::time::Duration;

use bson::doc;
use common::{
    error::{Error, Kind, Result},
    mongo::{self, Reason},
    namespace::Namespace,
};

use super::{
    deed::{Collections, answered, binary},
    work::Work,
};
use crate::{checkpoint::Uuid, plan::code};

/// How long a build is waited for at one time; asked again, the server goes on waiting for the same one.
const PATIENCE: Duration = Duration::from_secs(600);

/// `NamespaceNotFound`, `IndexNotFound`, `CollectionUUIDMismatch`: nothing to be done any more.
const GONE: [i32; 3] = [26, 27, 361];
/// `IndexOptionsConflict` and `IndexKeySpecsConflict`.
const CONFLICTS: [i32; 2] = [85, 86];
/// `BadValue`, `FailedToParse`, `TypeMismatch`, `CannotCreateIndex`, `InvalidOptions`, `IncompatibleCollationVersion`,
/// `InvalidIndexSpecificationOption`, an unknown field: not with this server.
pub(super) const INEXPRESSIBLE: [i32; 8] = [2, 9, 14, 67, 72, 161, 197, 40_415];

impl Collections {
    /// Does all of it, on the collection that was meant. Gives the names of indexes that are not made: the target has its own, or
    /// its documents do not fit where they may not.
    ///
    /// # Errors
    /// Transient when the target does not answer; misconfigured for what it cannot have.
    pub(super) async fn work(
        &self,
        ns: &Namespace,
        uuid: Option<Uuid>,
        work: &[Work],
        may_not_fit: bool,
    ) -> Result<Vec<String>> {
        let mut own = Vec::new();
        for one in work {
            let mut command = doc! {one.name: &ns.coll};
            command.extend(if self.takes_uuid { one.arguments.clone() } else { one.without_expiry() });
            command.extend(
                uuid.filter(|_| self.takes_uuid).map(|uuid| ("collectionUUID".to_owned(), binary(uuid))),
            );
            command.insert("writeConcern", doc! {"w": "majority"});
            let database = self.client.database(&ns.db);
            let what = format!("a definition of {ns}");
            let sent = answered(what, PATIENCE, database.run_command(command).into_future()).await?;
            let Err(error) = sent else { continue };
            if judged(ns, one, &error, may_not_fit)? {
                own.extend(one.index_name());
            }
        }
        Ok(own)
    }
}

/// Whether an index is not made, for something is in its way.
fn judged(ns: &Namespace, work: &Work, error: &mongodb::error::Error, may_not_fit: bool) -> Result<bool> {
    let context = format!("`{}` of {ns} at the target", work.name);
    match mongo::code(error) {
        Some(code) if GONE.contains(&code) => Ok(false),
        Some(code) if CONFLICTS.contains(&code) => {
            tracing::warn!(%ns, code, "an index of the target's own has this one's name or keys and stays");
            Ok(true)
        }
        Some(code) if may_not_fit && code::is_of_index_keys(code) => {
            let index = work.index_name();
            tracing::warn!(%ns, index, code, "an index is not made: there are documents that do not fit it, which the source has taken since it dropped the index");
            Ok(true)
        }
        Some(code) if INEXPRESSIBLE.contains(&code) => Err(Error::caused(
            Kind::Misconfigured,
            format!("{context}: it cannot have it"),
            Reason::of(error),
        )),
        _ => Err(Error::caused(mongo::classify(error), context, Reason::of(error))),
    }
}
