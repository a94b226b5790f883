//! Which collections there are to copy.

use bson::{Bson, Document, doc};
use common::{
    error::{Error, Kind, Result},
    mongo,
    namespace::{Filter, Namespace},
    position::CollectionCopy,
};
use futures_util::TryStreamExt as _;
use mongodb::{Client, results::CollectionType};

/// A collection of the source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// Its present name.
    pub ns: Namespace,
    /// Its UUID.
    pub uuid: [u8; 16],
    /// Whether its default collation compares strings by their bytes.
    pub has_simple_collation: bool,
}

impl Collection {
    /// The copy of this collection, before its first document.
    #[must_use]
    pub fn into_copy(self) -> CollectionCopy {
        let uuid = format!("{:032x}", u128::from_be_bytes(self.uuid));
        CollectionCopy { ns: self.ns, uuid, after: None, documents: 0, done: false }
    }
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

/// The carried collections that a snapshot copies. Views hold no documents of their own and are passed over.
///
/// # Errors
/// [`Kind::Misconfigured`] for collections that cannot be copied (capped, time series), all of them at once; transient
/// when the source does not answer.
pub async fn list(client: &Client, filter: &Filter) -> Result<Vec<Collection>> {
    let names = client.list_database_names().await;
    let names = names.map_err(|error| mongo::failed("cannot list the source's databases", error))?;
    let (mut found, mut refused) = (Vec::new(), Vec::new());
    for db in names.into_iter().filter(|db| filter.reaches(db)) {
        for (kind, collection) in of_database(client, &db, doc! {}).await? {
            match kind {
                _ if !filter.carries(&collection.ns) => {}
                Sort::Plain => found.push(collection),
                Sort::View => {
                    tracing::info!(ns = %collection.ns, "a view is not copied: it holds no documents")
                }
                Sort::Refused(why) => refused.push(format!("{} is {why}", collection.ns)),
            }
        }
    }
    if refused.is_empty() {
        found.sort_by(|a, b| a.ns.cmp(&b.ns));
        return Ok(found);
    }
    let context = format!("{}; leave them out with namespaces.exclude", refused.join(", "));
    Err(Error::new(Kind::Misconfigured, format!("cannot copy every collection: {context}")))
}

/// The collection with this UUID, under whatever name it has now; `None` when it is gone.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn by_uuid(client: &Client, db: &str, uuid: [u8; 16]) -> Result<Option<Collection>> {
    let uuid = Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: uuid.to_vec() });
    let found = of_database(client, db, doc! {"info.uuid": uuid}).await?;
    Ok(found.into_iter().next().map(|(_, collection)| collection))
}

/// The collection with this name; `None` when there is none.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn by_name(client: &Client, ns: &Namespace) -> Result<Option<Collection>> {
    let found = of_database(client, &ns.db, doc! {"name": &ns.coll}).await?;
    Ok(found.into_iter().next().map(|(_, collection)| collection))
}

enum Sort {
    Plain,
    View,
    Refused(&'static str),
}

async fn of_database(client: &Client, db: &str, filter: Document) -> Result<Vec<(Sort, Collection)>> {
    let context = || format!("cannot list the collections of {db}");
    let database = client.database(db);
    let cursor = database.list_collections().filter(filter).await;
    let cursor = cursor.map_err(|error| mongo::failed(context(), error))?;
    let all: Vec<_> = cursor.try_collect().await.map_err(|error| mongo::failed(context(), error))?;
    Ok(all
        .into_iter()
        .map(|spec| {
            let sort = match spec.collection_type {
                CollectionType::View => Sort::View,
                CollectionType::Timeseries => Sort::Refused("a time series collection"),
                _ if spec.options.capped == Some(true) => Sort::Refused("a capped collection"),
                _ => Sort::Plain,
            };
            let mut uuid = [0; 16];
            if let Some(id) = spec.info.uuid.filter(|id| id.bytes.len() == uuid.len()) {
                uuid.copy_from_slice(&id.bytes);
            }
            let has_simple_collation = spec.options.collation.is_none();
            (sort, Collection { ns: Namespace::new(db, spec.name), uuid, has_simple_collation })
        })
        .collect())
}
