//! Which collections there are to copy.

use bson::{Bson, Document, doc};
use common::{
    error::{Error, Kind, Result},
    mongo::{self, Version},
    namespace::{Filter, Namespace},
    position::CollectionCopy,
};
use futures_util::TryStreamExt as _;
use mongodb::Client;

const NAMESPACE_NOT_FOUND: i32 = 26;
/// From this version on change streams tell of what a capped collection drops (tried on 4.4.2, 5.0.4 and 6.0.27).
const TELLS_DROPPED: Version = Version::new(5, 0, 0);

/// Builds of indexes that have not ended have this, and what they build may come to nothing.
const BUILD: &str = "buildUUID";

/// What a collection is defined as.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Definition {
    /// Its options, as the server lists them.
    pub options: Document,
    /// Its indexes besides that of `_id`, as the server describes them.
    pub indexes: Vec<Document>,
}

/// A collection and what it is defined as.
pub type Defined = (Collection, Definition);

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
    let (mut found, mut refusals) = (Vec::new(), Vec::new());
    for (collection, _) in carried(client, filter).await? {
        match (collection.kind, collection.kind.refusal(version)) {
            (_, Some(why)) => refusals.push(format!("{} is {why}", collection.ns)),
            (Sort::View, None) => tracing::info!(ns = %collection.ns, "a view holds no documents to carry"),
            _ => found.push(collection),
        }
    }
    if !refusals.is_empty() {
        return Err(refused(&refusals.join(", ")));
    }
    found.sort_by(|a, b| a.ns.cmp(&b.ns));
    Ok(found)
}

/// What every carried collection is defined as; views are passed over. Those of kinds that cannot be carried come without
/// indexes.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn definitions(client: &Client, filter: &Filter, version: Version) -> Result<Vec<Defined>> {
    let mut found = Vec::new();
    for (collection, options) in carried(client, filter).await? {
        let indexes = match (collection.kind, collection.kind.refusal(version)) {
            (Sort::View, _) => continue,
            (_, Some(_)) => Vec::new(),
            (_, None) => indexes(client, &collection.ns).await?,
        };
        found.push((collection, Definition { options, indexes }));
    }
    Ok(found)
}

/// The collection with this UUID, under whatever name it has now; `None` when it is gone.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn by_uuid(client: &Client, db: &str, uuid: [u8; 16]) -> Result<Option<Collection>> {
    let found = of_database(client, db, doc! {"info.uuid": binary(uuid)}).await?;
    Ok(found.into_iter().next().map(|(collection, _)| collection))
}

/// The collection with this name; `None` when there is none.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn by_name(client: &Client, ns: &Namespace) -> Result<Option<Collection>> {
    let found = of_database(client, &ns.db, doc! {"name": &ns.coll}).await?;
    Ok(found.into_iter().next().map(|(collection, _)| collection))
}

/// The options of the collection with this UUID, as the server lists them; `None` when it is gone.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn options(client: &Client, db: &str, uuid: [u8; 16]) -> Result<Option<Document>> {
    let found = of_database(client, db, doc! {"info.uuid": binary(uuid)}).await?;
    Ok(found.into_iter().next().map(|(_, options)| options))
}

/// The collection's indexes, besides that of `_id` and those that are still being built, as the server describes them; none
/// when it is gone.
///
/// # Errors
/// Transient when the source does not answer.
pub async fn indexes(client: &Client, ns: &Namespace) -> Result<Vec<Document>> {
    let context = || format!("cannot list the indexes of {ns}");
    let command = doc! {"listIndexes": &ns.coll, "includeBuildUUIDs": true};
    let cursor = match client.database(&ns.db).run_cursor_command(command).await {
        Err(error) if mongo::code(&error) == Some(NAMESPACE_NOT_FOUND) => return Ok(Vec::new()),
        cursor => cursor.map_err(|error| mongo::failed(context(), error))?,
    };
    let all: Vec<_> = cursor.try_collect().await.map_err(|error| mongo::failed(context(), error))?;
    let is_of_id = |index: &Document| index.get_document("key").is_ok_and(|key| *key == doc! {"_id": 1});
    let built = all.into_iter().filter(|index| !is_of_id(index) && !index.contains_key(BUILD));
    Ok(built.map(nameless).collect())
}

/// Without the namespace, which indexes of old servers say and keep through renames.
fn nameless(mut index: Document) -> Document {
    index.remove("ns");
    index
}

/// The carried collections of every database, with their options.
async fn carried(client: &Client, filter: &Filter) -> Result<Vec<(Collection, Document)>> {
    let names = client.list_database_names().await;
    let names = names.map_err(|error| mongo::failed("cannot list the source's databases", error))?;
    let mut found = Vec::new();
    for db in names.into_iter().filter(|db| filter.reaches(db)) {
        let all = of_database(client, &db, doc! {}).await?;
        found.extend(all.into_iter().filter(|(collection, _)| filter.carries(&collection.ns)));
    }
    Ok(found)
}

async fn of_database(client: &Client, db: &str, filter: Document) -> Result<Vec<(Collection, Document)>> {
    let context = || format!("cannot list the collections of {db}");
    let command = doc! {"listCollections": 1, "filter": filter};
    let cursor = client.database(db).run_cursor_command(command).await;
    let cursor = cursor.map_err(|error| mongo::failed(context(), error))?;
    let all: Vec<_> = cursor.try_collect().await.map_err(|error| mongo::failed(context(), error))?;
    Ok(all.into_iter().map(|listed| collection(db, listed)).collect())
}

/// A collection and its options, from what `listCollections` says of it.
fn collection(db: &str, mut listed: Document) -> (Collection, Document) {
    let options = match listed.remove("options") {
        Some(Bson::Document(options)) => options,
        _ => Document::new(),
    };
    let kind = match listed.get_str("type") {
        Ok("view") => Sort::View,
        Ok("timeseries") => Sort::TimeSeries,
        _ if options.get_bool("capped").unwrap_or(false) => Sort::Capped,
        _ => Sort::Plain,
    };
    let uuid = match listed.get_document("info").ok().and_then(|info| info.get("uuid")) {
        Some(Bson::Binary(id)) => id.bytes.as_slice().try_into().unwrap_or_default(),
        _ => Default::default(),
    };
    let ns = Namespace::new(db, listed.get_str("name").unwrap_or_default());
    let has_simple_collation = !options.contains_key("collation");
    (Collection { ns, uuid, has_simple_collation, kind }, options)
}

/// A UUID as the server says it.
#[must_use]
pub fn binary(uuid: [u8; 16]) -> Bson {
    Bson::Binary(bson::Binary { subtype: bson::spec::BinarySubtype::Uuid, bytes: uuid.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_collection_is_what_the_server_lists() {
        let uuid = [9; 16];
        let listed = |more: Document| {
            let mut listed = doc! {"name": "c.d", "type": "collection", "options": {}, "info": {"readOnly": false, "uuid": binary(uuid)}};
            listed.extend(more);
            collection("db", listed)
        };
        let ns = Namespace::new("db", "c.d");
        let plain = Collection { ns, uuid, has_simple_collation: true, kind: Sort::Plain };
        assert_eq!(listed(doc! {}), (plain.clone(), doc! {}));
        let options = doc! {"capped": true, "size": 4096, "collation": {"locale": "fr"}};
        let capped = Collection { has_simple_collation: false, kind: Sort::Capped, ..plain.clone() };
        assert_eq!(listed(doc! {"options": options.clone()}), (capped, options));
        let view = Collection { uuid: [0; 16], kind: Sort::View, ..plain };
        assert_eq!(listed(doc! {"type": "view", "info": {"readOnly": true}}).0, view);
        assert_eq!(listed(doc! {"type": "timeseries"}).0.kind, Sort::TimeSeries);
    }

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
