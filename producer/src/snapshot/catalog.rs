//! Which collections there are to copy.

use bson::{Bson, Document, doc};
use common::{
    error::{Error, Kind, Result},
    mongo::{self, Version},
    namespace::{Filter, Namespace},
    position::CollectionCopy,
};
use futures_util::TryStreamExt as _;
use mongodb::{
    Client,
    results::{CollectionSpecification, CollectionType},
};

const NAMESPACE_NOT_FOUND: i32 = 26;
/// From this version on change streams tell of what a capped collection drops (tried on 4.4.2, 5.0.4 and 6.0.27).
const TELLS_DROPPED: Version = Version::new(5, 0, 0);

/// A collection of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its present name.
    pub ns: Namespace,
    /// Its UUID.
    pub uuid: [u8; 16],
    /// Whether its default collation compares strings by their bytes.
    pub has_simple_collation: bool,
    /// What sort of collection it is.
    pub kind: Sort,
}

/// What sort of collection a namespace is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// Documents that change streams tell everything of.
    Plain,
    /// Holds no documents of its own.
    View,
    /// Its measurements lie in buckets that change streams do not show.
    TimeSeries,
    /// Cannot be read at a cluster time, and keeps its documents in the order in which they came.
    Capped,
}

impl Sort {
    /// Refuses what cannot be carried without loss.
    ///
    /// # Errors
    /// [`Kind::Misconfigured`], naming the namespace and what to do.
    pub fn check(self, ns: &Namespace, version: Version) -> Result<()> {
        match self.refusal(version) {
            None => Ok(()),
            Some(why) => Err(refused(&format!("{ns} is {why}"))),
        }
    }

    /// Why a source of this version does not tell all of it.
    fn refusal(self, version: Version) -> Option<&'static str> {
        match self {
            Self::TimeSeries => Some("a time series collection"),
            Self::Capped if version < TELLS_DROPPED => Some(
                "a capped collection, and the source tells only from 5.0 on what such a collection drops",
            ),
            Self::Plain | Self::View | Self::Capped => None,
        }
    }
}

fn refused(what: &str) -> Error {
    let context = format!("{what}; leave them out with namespaces.exclude");
    Error::new(Kind::Misconfigured, format!("cannot carry every collection: {context}"))
}

/// The copy of a collection, before its first document.
#[must_use]
pub fn copy(ns: Namespace, uuid: [u8; 16]) -> CollectionCopy {
    CollectionCopy { ns, uuid: uuid_text(uuid), after: None, documents: 0, done: false }
}

/// A UUID as the position holds it: 32 hex digits.
#[must_use]
pub fn uuid_text(uuid: [u8; 16]) -> String {
    format!("{:032x}", u128::from_be_bytes(uuid))
}

/// Documents a collection is estimated to hold; 0 when it is gone.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn estimate(client: &Client, ns: &Namespace) -> Result<u64> {
    let collection = client.database(&ns.db).collection::<Document>(&ns.coll);
    let count = collection.estimated_document_count().await;
    count.map_err(|error| mongo::failed(format!("cannot count the documents of {ns}"), error))
}

/// The carried collections that hold documents. Views are passed over.
///
/// # Errors
/// [`Kind::Misconfigured`] for collections that cannot be carried (time series; capped ones before 5.0), all of them at once;
/// transient when the source does not answer.
pub async fn list(client: &Client, filter: &Filter, version: Version) -> Result<Vec<Collection>> {
    let names = client.list_database_names().await;
    let names = names.map_err(|error| mongo::failed("cannot list the source's databases", error))?;
    let (mut found, mut refusals) = (Vec::new(), Vec::new());
    for db in names.into_iter().filter(|db| filter.reaches(db)) {
        for collection in of_database(client, &db, doc! {}).await? {
            match (collection.kind, collection.kind.refusal(version)) {
                _ if !filter.carries(&collection.ns) => {}
                (_, Some(why)) => refusals.push(format!("{} is {why}", collection.ns)),
                (Sort::View, None) => {
                    tracing::info!(ns = %collection.ns, "a view holds no documents to carry")
                }
                _ => found.push(collection),
            }
        }
    }
    if !refusals.is_empty() {
        return Err(refused(&refusals.join(", ")));
    }
    found.sort_by(|a, b| a.ns.cmp(&b.ns));
    Ok(found)
}

/// The collection with this UUID, under whatever name it has now; `None` when it is gone.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn by_uuid(client: &Client, db: &str, uuid: [u8; 16]) -> Result<Option<Collection>> {
    let uuid = Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: uuid.to_vec() });
    let found = of_database(client, db, doc! {"info.uuid": uuid}).await?;
    Ok(found.into_iter().next())
}

/// The collection with this name; `None` when there is none.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn by_name(client: &Client, ns: &Namespace) -> Result<Option<Collection>> {
    let found = of_database(client, &ns.db, doc! {"name": &ns.coll}).await?;
    Ok(found.into_iter().next())
}

/// The options of the collection with this UUID, as the server lists them; `None` when it is gone.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn options(client: &Client, db: &str, uuid: [u8; 16]) -> Result<Option<Document>> {
    let context = || format!("cannot list the collections of {db}");
    let uuid = Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: uuid.to_vec() });
    let command = doc! {"listCollections": 1, "filter": {"info.uuid": uuid}};
    let cursor = client.database(db).run_cursor_command(command).await;
    let cursor = cursor.map_err(|error| mongo::failed(context(), error))?;
    let found: Vec<_> = cursor.try_collect().await.map_err(|error| mongo::failed(context(), error))?;
    Ok(found.first().map(|one| one.get_document("options").cloned().unwrap_or_default()))
}

/// The collection's indexes, besides that of `_id`, as the server describes them; none when it is gone.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn indexes(client: &Client, ns: &Namespace) -> Result<Vec<Document>> {
    let context = || format!("cannot list the indexes of {ns}");
    let command = doc! {"listIndexes": &ns.coll};
    let cursor = match client.database(&ns.db).run_cursor_command(command).await {
        Err(error) if mongo::code(&error) == Some(NAMESPACE_NOT_FOUND) => return Ok(Vec::new()),
        cursor => cursor.map_err(|error| mongo::failed(context(), error))?,
    };
    let all: Vec<_> = cursor.try_collect().await.map_err(|error| mongo::failed(context(), error))?;
    let is_of_id = |index: &Document| index.get_document("key").is_ok_and(|key| *key == doc! {"_id": 1});
    Ok(all.into_iter().filter(|index| !is_of_id(index)).collect())
}

async fn of_database(client: &Client, db: &str, filter: Document) -> Result<Vec<Collection>> {
    let context = || format!("cannot list the collections of {db}");
    let cursor = client.database(db).list_collections().filter(filter).await;
    let cursor = cursor.map_err(|error| mongo::failed(context(), error))?;
    let all: Vec<_> = cursor.try_collect().await.map_err(|error| mongo::failed(context(), error))?;
    Ok(all.into_iter().map(|spec| collection(db, spec)).collect())
}

fn collection(db: &str, spec: CollectionSpecification) -> Collection {
    let kind = match spec.collection_type {
        CollectionType::View => Sort::View,
        CollectionType::Timeseries => Sort::TimeSeries,
        _ if spec.options.capped == Some(true) => Sort::Capped,
        _ => Sort::Plain,
    };
    let mut uuid = [0; 16];
    if let Some(id) = spec.info.uuid.filter(|id| id.bytes.len() == uuid.len()) {
        uuid.copy_from_slice(&id.bytes);
    }
    let has_simple_collation = spec.options.collation.is_none();
    Collection { ns: Namespace::new(db, spec.name), uuid, has_simple_collation, kind }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_source_does_not_tell_is_refused_by_name() {
        let (ns, of) = (Namespace::new("db", "odd"), |major| Version::new(major, 0, 0));
        for (kind, version, refused) in [
            (Sort::Plain, of(4), None),
            (Sort::View, of(4), None),
            (Sort::Capped, of(6), None),
            (Sort::Capped, of(5), None),
            (Sort::Capped, Version::new(4, 4, 29), Some("capped")),
            (Sort::TimeSeries, of(6), Some("time series")),
        ] {
            let said = kind.check(&ns, version).map_err(|error| error.context);
            match refused {
                None => assert_eq!(said, Ok(())),
                Some(what) => {
                    let said = said.unwrap_err();
                    assert!(said.contains("db.odd") && said.contains(what), "{said}");
                }
            }
        }
    }
}
