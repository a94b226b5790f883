//! Giving the target what was put off of the source's definitions: for the target that takes over.
//!
//! Only while no worker runs: what is given back refuses and removes documents, and the source's changes would meet it. Each step says what shall be, not what
//! shall change, so all of it may be repeated.

use std::{io::Write, sync::Arc};

use bson::{Bson, Document, doc};
use common::{
    cli::DefinitionsOrder,
    config::Config,
    error::{Error, Kind, Result},
    mongo::{self, Reason, Version},
    namespace::Namespace,
};
use futures_util::TryStreamExt as _;
use mongodb::{Client, error::Error as DriverError};

use crate::{checkpoint::Store, consume::Group, sink::Deployment, target};

/// From this version on an index that is there can be made unique, and expiring.
const CONVERTS: Version = Version::new(6, 0, 0);

/// Shows or restores; what there is to say goes to `out`.
///
/// # Errors
/// Misconfigured while a worker runs; otherwise the first step that the target refuses, when all others are done.
pub async fn restore(config: &Config, order: &DefinitionsOrder, out: &mut impl Write) -> Result<()> {
    let (client, server) = target::connect(config).await?;
    if order.restores {
        Arc::new(Group::new(config)).has_no_members().await?;
    }
    let noted = Store::new(Deployment::plain(client.clone()), &config.pipeline).definitions();
    let noted = client.database(&noted.db).collection::<Document>(&noted.coll);
    let noted = async { noted.find(doc! {}).sort(doc! {"ns": 1}).await?.try_collect::<Vec<_>>().await };
    let mut refused = None;
    for noted in noted.await.map_err(|error| failed("cannot read what is noted", &error))? {
        let Some((ns, options)) = present(&client, &noted).await? else { continue };
        if order.ns.as_ref().is_some_and(|only| *only != ns) {
            continue;
        }
        for step in steps(&noted, &options) {
            let said = if order.restores {
                let done = carry_out(&client, &ns, step.clone(), server.version).await;
                let said = done.as_ref().map_or_else(Error::chain, |()| "done".to_owned());
                refused = refused.or(done.err());
                format!(": {said}")
            } else {
                String::new()
            };
            // A reader who went away is no failure.
            drop(writeln!(out, "{ns} {step}{said}"));
        }
    }
    mongo::close(client).await;
    refused.map_or(Ok(()), Err)
}

/// The collection's present name and options; `None` when it is gone.
async fn present(client: &Client, noted: &Document) -> Result<Option<(Namespace, Document)>> {
    let Some(ns) = noted.get_str("ns").ok().and_then(|ns| ns.parse::<Namespace>().ok()) else {
        return Ok(None);
    };
    let uuid = noted.get("_id").cloned().unwrap_or(Bson::Null);
    let command = doc! {"listCollections": 1, "filter": {"info.uuid": uuid}};
    let listed = async { client.database(&ns.db).run_cursor_command(command).await?.try_next().await };
    let found = listed.await.map_err(|error| failed("cannot list the target's collections", &error))?;
    Ok(found.and_then(|found| {
        let ns = Namespace::new(ns.db, found.get_str("name").ok()?);
        Some((ns, found.get_document("options").cloned().unwrap_or_default()))
    }))
}

/// What `collMod` is told, one thing after the other.
fn steps(noted: &Document, options: &Document) -> Vec<Document> {
    let mut steps = Vec::new();
    for index in noted.get_array("indexes").into_iter().flatten().filter_map(Bson::as_document) {
        let Some(name) = index.get("name") else { continue };
        let mut of_index =
            |option: &str, value: Bson| steps.push(doc! {"index": {"name": name.clone(), option: value}});
        let is_unique = index.get_bool("unique").unwrap_or(false);
        if is_unique || index.get_bool("prepareUnique").unwrap_or(false) {
            of_index("prepareUnique", true.into());
        }
        if is_unique {
            of_index("unique", true.into());
        }
        if let Some(seconds) = index.get("expireAfterSeconds") {
            of_index("expireAfterSeconds", seconds.clone());
        }
    }
    let put_off = noted.get_document("options").cloned().unwrap_or_default();
    let has_validator = options.get_document("validator").is_ok_and(|validator| !validator.is_empty());
    if has_validator {
        steps.push(doc! {"validationLevel": put_off.get_str("validationLevel").unwrap_or("strict")});
    }
    if let Some(seconds) = put_off.get("expireAfterSeconds").filter(|seconds| seconds.as_str().is_none()) {
        steps.push(doc! {"expireAfterSeconds": seconds.clone()});
    }
    if options.get_bool("capped").unwrap_or(false) {
        let bounds = ["cappedSize", "cappedMax"].into_iter();
        steps.extend(bounds.filter_map(|bound| Some(doc! {bound: put_off.get(bound)?.clone()})));
    }
    if let Ok(images) = put_off.get_document("changeStreamPreAndPostImages") {
        steps.push(doc! {"changeStreamPreAndPostImages": images.clone()});
    }
    steps
}

async fn carry_out(client: &Client, ns: &Namespace, step: Document, version: Version) -> Result<()> {
    if step.contains_key("index") && version < CONVERTS {
        let context =
            "a target before 6.0 cannot make an index unique or expiring: drop it and build it anew";
        return Err(Error::new(Kind::Misconfigured, context));
    }
    let mut command = doc! {"collMod": &ns.coll};
    command.extend(step);
    let done = client.database(&ns.db).run_command(command).await;
    done.map(drop).map_err(|error| failed(&format!("{ns} cannot have it"), &error))
}

fn failed(what: &str, error: &DriverError) -> Error {
    Error::caused(mongo::classify(error), what.to_owned(), Reason::of(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_put_off_is_given_back_as_the_source_said_it() {
        let noted = doc! {
            "options": {"validationLevel": "moderate", "expireAfterSeconds": 9_i64, "changeStreamPreAndPostImages": {"enabled": true}},
            "indexes": [{"name": "a", "key": {"a": 1}, "unique": true}, {"name": "b", "key": {"b": 1}, "expireAfterSeconds": 5}],
        };
        let wanted = [
            doc! {"index": {"name": "a", "prepareUnique": true}},
            doc! {"index": {"name": "a", "unique": true}},
            doc! {"index": {"name": "b", "expireAfterSeconds": 5}},
            doc! {"validationLevel": "moderate"},
            doc! {"expireAfterSeconds": 9_i64},
            doc! {"changeStreamPreAndPostImages": {"enabled": true}},
        ];
        assert_eq!(steps(&noted, &doc! {"validator": {"a": 1}}), wanted);
        assert!(!steps(&noted, &doc! {}).contains(&wanted[3]), "there is no validator");
        let capped = doc! {"options": {"cappedMax": 5, "cappedSize": 4096_i64}};
        let wanted = [doc! {"cappedSize": 4096_i64}, doc! {"cappedMax": 5}];
        assert_eq!(steps(&capped, &doc! {"capped": true, "size": 1_i64 << 50}), wanted);
        assert!(steps(&capped, &doc! {}).is_empty(), "the target's own is not capped");
        let silent = doc! {"options": {"expireAfterSeconds": "off"}};
        assert_eq!(steps(&silent, &doc! {"validator": {"a": 1}}), [doc! {"validationLevel": "strict"}]);
    }
}
