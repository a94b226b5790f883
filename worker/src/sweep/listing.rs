//! Listing the target's `_id`s, in their own order, a batch at a time.
//!
//! A batch begins behind a key by `$expr` `$gt`, which compares across all BSON types, as `{$gt: …}` alone does not. Servers before 5.0
//! have no tight index bounds for it, so the read also begins at the key (`min`); a read with `min` leaves out the document whose
//! `_id` is `MaxKey`, which is asked for once, at the end.

use bson::RawDocumentBuf;
use common::{
    control::Sweep,
    error::{Error, Kind, Result},
    key_text,
    namespace::Namespace,
    raw::{self, Document, Kind as Type, Writer},
};
use serde_json::value::RawValue;

use crate::sink::{
    self,
    target::{Target, Trouble},
};

/// Keys of one batch at most.
const MOST_KEYS: i32 = 2000;
/// Bytes of keys after which a batch ends.
const MOST_BYTES: usize = 256 * 1024;
/// Bytes of a batch's text after which it ends: a record of the control topic holds less than a megabyte.
const MOST_TEXT: usize = 512 * 1024;
/// Bytes that one key's text may have.
const LARGEST_TEXT: usize = 900_000;

/// The batch behind `after`: what `target` holds there under the name `at`.
///
/// # Errors
/// Transient when the target does not answer; what it refuses otherwise.
pub(crate) async fn batch<T: Target>(
    target: &T,
    at: &Namespace,
    ns: &Namespace,
    after: Option<&RawValue>,
) -> Result<Sweep> {
    let from = after.map(|after| key_text::parse(after.get())).transpose()?;
    let found = behind(target, at, from.as_deref()).await?;
    let mut sweep =
        Sweep { ns: ns.clone(), after: after.map(ToOwned::to_owned), keys: Vec::new(), reason: None };
    let mut bytes = 0;
    for key in found {
        let key = key_text::text(Document::new(key.as_bytes()).map_err(malformed)?)?;
        bytes += key.get().len();
        if key.get().len() > LARGEST_TEXT && sweep.keys.is_empty() {
            sweep.reason = Some("the target holds an `_id` that is too large to be asked about".to_owned());
        }
        if bytes > MOST_TEXT && !sweep.keys.is_empty() || sweep.reason.is_some() {
            break;
        }
        sweep.keys.push(key);
    }
    Ok(sweep)
}

/// Keys behind `after`, raw BSON `{_id: …}`; none where nothing is left.
async fn behind<T: Target>(target: &T, at: &Namespace, after: Option<&[u8]>) -> Result<Vec<RawDocumentBuf>> {
    if is_max_key(after)? {
        return Ok(Vec::new());
    }
    let found = find(target, at, next(at, after)?).await?;
    if !found.is_empty() || after.is_none() {
        return Ok(found);
    }
    find(target, at, greatest(at)).await
}

async fn find<T: Target>(target: &T, at: &Namespace, command: Writer) -> Result<Vec<RawDocumentBuf>> {
    match target.find(at, sink::raw(command.into_bytes())?, MOST_BYTES).await {
        Ok(found) => Ok(found.documents),
        Err(Trouble::Failed(error)) => Err(error),
        Err(Trouble::Refused(fault)) => {
            Err(Error::caused(Kind::Transient, format!("the target does not list {at}"), fault))
        }
    }
}

fn next(at: &Namespace, after: Option<&[u8]>) -> Result<Writer> {
    let mut command = Writer::new();
    command.begin();
    command.str(b"find", &at.coll);
    command.begin_document(b"filter");
    if let Some(id) = after.map(id_of).transpose()? {
        command.begin_document(b"$expr");
        command.begin_array(b"$gt");
        command.str(b"0", "$_id");
        command.begin_document(b"1");
        command.value(id.kind, b"$literal", id.value);
        command.end();
        command.end();
        command.end();
    }
    command.end();
    if let Some(after) = after {
        command.value(Type::Document, b"min", after);
    }
    end(&mut command);
    Ok(command)
}

/// Asks for the greatest `_id` there can be.
fn greatest(at: &Namespace) -> Writer {
    let mut command = Writer::new();
    command.begin();
    command.str(b"find", &at.coll);
    command.begin_document(b"filter");
    command.value(Type::MaxKey, b"_id", &[]);
    command.end();
    end(&mut command);
    command
}

/// Only `_id`s, in their order, in one reply.
fn end(command: &mut Writer) {
    for field in [b"projection".as_slice(), b"sort", b"hint"] {
        command.begin_document(field);
        command.i32(b"_id", 1);
        command.end();
    }
    command.i32(b"limit", MOST_KEYS);
    command.i32(b"batchSize", MOST_KEYS);
    command.end();
}

fn is_max_key(key: Option<&[u8]>) -> Result<bool> {
    Ok(key.map(id_of).transpose()?.is_some_and(|id| id.kind == Type::MaxKey))
}

fn id_of(key: &[u8]) -> Result<raw::Element<'_>> {
    let id = Document::new(key).map_err(malformed)?.get("_id").map_err(malformed)?;
    id.ok_or_else(|| Error::new(Kind::Invariant, "a key without `_id`"))
}

fn malformed(error: raw::Error) -> Error {
    Error::caused(Kind::Invariant, "a key of the target is malformed", error)
}
