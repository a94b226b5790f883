"""From a raw change event, wherever it comes from, to what the checks compare."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Tuple

from bson import encode
from bson.raw_bson import RawBSONDocument

from chaos.identity import identity
from chaos.model import GONE, NO_DOCUMENT, UNKNOWN, Change, Definition, DocumentId, State, Time, digest

DELTA_PARTS = ("removedFields", "truncatedArrays")


def change_of(event: Mapping[str, Any]) -> Change:
    """Time, operation, content and state of an event of raw documents."""
    return Change(time_of(event), event["operationType"], _content(event), state_of(event), transaction_of(event))


def definition_of(event: Mapping[str, Any]) -> Definition:
    """An event that is about no document."""
    to = event.get("to")
    return Definition(time_of(event), event["operationType"], document_of(event)[0], f"{to['db']}.{to['coll']}" if to else None)


def transaction_of(event: Mapping[str, Any]) -> Optional[Tuple[str, int]]:
    """Session and number of the transaction that an event was part of."""
    session, number = event.get("lsid"), event.get("txnNumber")
    return None if session is None or number is None else (bytes(session["id"]).hex(), int(number))


def time_of(event: Mapping[str, Any]) -> Time:
    """`clusterTime`."""
    return event["clusterTime"].time, event["clusterTime"].inc


def document_of(event: Mapping[str, Any]) -> DocumentId:
    """Which document an event is about."""
    names = event["ns"]
    namespace = f"{names['db']}.{names.get('coll', '')}"
    key = event.get("documentKey")
    return (namespace, identity(_plain(key["_id"])) if key is not None else NO_DOCUMENT)


def state_of(event: Mapping[str, Any]) -> State:
    """What an event leaves."""
    operation = event["operationType"]
    if operation == "delete":
        return GONE
    if operation == "update":
        return event["updateDescription"]["updatedFields"].get("rev", UNKNOWN)
    whole = event.get("fullDocument")
    return whole.get("rev", UNKNOWN) if whole is not None else UNKNOWN


def _content(event: Mapping[str, Any]) -> bytes:
    operation = event["operationType"]
    if operation in ("insert", "replace"):
        return digest(event["fullDocument"].raw)
    if operation != "update":
        return digest()
    described = event["updateDescription"]
    rest = [bytes(encode({"": _plain(described.get(part) or [])})) for part in DELTA_PARTS]
    return digest(described["updatedFields"].raw, *rest)


def _plain(value: Any) -> Any:
    if isinstance(value, RawBSONDocument):
        return {name: _plain(held) for name, held in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list) else value
