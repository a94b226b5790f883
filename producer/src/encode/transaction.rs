//! Places in the source's multi-document transactions (pure).
//!
//! All events of a transaction share one cluster time and come one after another, so one open transaction is all there is to
//! remember. It is part of the position: whoever goes on amid a transaction goes on counting. Only carried document changes count.

use common::{
    codec::hex,
    event::ChangeEvent,
    headers::Transaction,
    position::OpenTransaction,
    raw::{self, Element},
};

/// The place of `event` in its transaction as the header says it, `None` outside of one; `open` is the transaction of the
/// event before it, and then of this one.
///
/// # Errors
/// Malformed BSON in the session.
pub(super) fn place(
    event: &ChangeEvent<'_>,
    open: &mut Option<OpenTransaction>,
) -> Result<Option<String>, raw::Error> {
    let Some(session) = session(event)? else {
        *open = None;
        return Ok(None);
    };
    let number = event.txn_number.unwrap_or_default();
    let id = format!("{session}/{number}");
    let events = open.take().filter(|open| open.id == id).map_or(0, |open| open.events);
    *open = Some(OpenTransaction { id, events: events + 1 });
    Ok(Some(Transaction { session: &session, number, index: events }.to_string()))
}

/// An event that has no place in a transaction, whether it comes amid one (a `create`) or not: `open` goes on being open only there.
///
/// # Errors
/// Malformed BSON in the session.
pub(super) fn keep(event: &ChangeEvent<'_>, open: &mut Option<OpenTransaction>) -> Result<(), raw::Error> {
    let own = session(event)?.map(|session| format!("{session}/{}", event.txn_number.unwrap_or_default()));
    if own.is_none() || open.as_ref().map(|open| &open.id) != own.as_ref() {
        *open = None;
    }
    Ok(())
}

/// `lsid.id` in hex, where the event has a transaction number, too.
fn session(event: &ChangeEvent<'_>) -> Result<Option<String>, raw::Error> {
    let (Some(lsid), Some(_)) = (event.lsid, event.txn_number) else { return Ok(None) };
    let id = lsid.get("id")?.as_ref().and_then(Element::as_uuid);
    Ok(id.map(|id| hex::text(&id)))
}
