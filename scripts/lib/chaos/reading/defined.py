"""What collections there are on a side, with their options, their indexes and their documents."""

from __future__ import annotations

from typing import Any, Dict, Mapping

from pymongo import MongoClient

from chaos.reading.tail import RAW
from chaos.workload.settings import DATABASES, is_left_out

# What the target has otherwise on purpose until it takes over, and a server's own.
OF_OPTIONS = ("validationLevel", "expireAfterSeconds", "changeStreamPreAndPostImages")
OF_INDEX = ("unique", "prepareUnique")
NEVER = 2**31 - 1

Defined = Dict[str, Dict[str, Any]]


def defined(client: MongoClient, keeps_expiry: bool) -> Defined:
    """Every collection; of indexes that expire documents only those parts that a target keeps."""
    found: Defined = {}
    for db in DATABASES:
        for one in client[db].list_collections():
            namespace = f"{db}.{one['name']}"
            if not is_left_out(namespace) and one["type"] == "collection":
                found[namespace] = _collection(client, db, one, keeps_expiry)
    return found


def _collection(client: MongoClient, db: str, one: Mapping[str, Any], keeps_expiry: bool) -> Dict[str, Any]:
    # In the order of their bytes: some collations hold different `_id`s equal, and of those there is one.
    documents = sorted(held.raw for held in client[db].get_collection(one["name"], codec_options=RAW).find())
    indexes = {held["name"]: _index(held, keeps_expiry) for held in client[db][one["name"]].list_indexes()}
    return {"documents": documents, "options": _options(one["options"]), "indexes": indexes}


def _options(options: Mapping[str, Any]) -> Dict[str, Any]:
    kept = {name: held for name, held in options.items() if name not in OF_OPTIONS}
    # Said or not, it is what a validator does.
    if kept.get("validationAction") == "error":
        del kept["validationAction"]
    if kept.get("validator") == {}:
        del kept["validator"]
    if kept.get("capped"):
        # The target's drops nothing by itself.
        kept.pop("size")
        kept.pop("max", None)
    return kept


def _index(index: Mapping[str, Any], keeps_expiry: bool) -> Dict[str, Any]:
    kept = {name: held for name, held in index.items() if name not in OF_INDEX}
    if index.get("clustered") or not keeps_expiry:
        kept.pop("expireAfterSeconds", None)
    elif "expireAfterSeconds" in kept:
        kept["expireAfterSeconds"] = NEVER
    return {**kept, "key": list(index["key"].items())}
