"""Options and indexes that collections come to have, from a stream of chances. Values only."""

from __future__ import annotations

from random import Random
from typing import Any, Dict

COLLATIONS = ({"locale": "en", "strength": 2}, {"locale": "fr", "backwards": True}, {"locale": "simple"})
VALIDATORS: "tuple[Dict[str, Any], ...]" = (
    {"n": {"$type": "int"}},
    {"$jsonSchema": {"required": ["rev"], "properties": {"rev": {"bsonType": ["int", "long"]}}}},
    {"rev": {"$gt": 0}, "$or": [{"n": {"$lt": 90}}, {"place": {"$exists": True}}]},
    {},
)
# What comes and goes at the latest when a collection does.
FAR_SECONDS = 10_000_000


def options(chance: Random, is_modern: bool) -> Dict[str, Any]:
    """What `create` is told; older servers know less."""
    made: Dict[str, Any] = {}
    if chance.random() < 0.3:
        made["collation"] = chance.choice(COLLATIONS)
    if chance.random() < 0.4:
        made.update(validation(chance, is_whole=True))
    if is_modern and chance.random() < 0.15:
        made.update(capped=True, size=chance.choice([4096, 16384, 1048576]))
        if chance.random() < 0.5:
            made["max"] = chance.randint(3, 20)
    elif is_modern and chance.random() < 0.25:
        made["clusteredIndex"] = {"key": {"_id": 1}, "unique": True, "name": chance.choice(["by id", "_id_"])}
        if chance.random() < 0.5:
            made["expireAfterSeconds"] = FAR_SECONDS + chance.randint(0, 9)
    if is_modern and chance.random() < 0.2:
        made["changeStreamPreAndPostImages"] = {"enabled": chance.random() < 0.5}
    return made


def validation(chance: Random, is_whole: bool) -> Dict[str, Any]:
    """All of validation, or some of it."""
    parts = {
        "validator": chance.choice(VALIDATORS),
        "validationLevel": chance.choice(["strict", "moderate", "off"]),
        "validationAction": chance.choice(["error", "warn"]),
    }
    names = list(parts) if is_whole else chance.sample(list(parts), chance.randint(1, 2))
    return {name: parts[name] for name in parts if name in names}


def index(chance: Random) -> Dict[str, Any]:
    """One index, which may meet documents that it refuses, at the source."""
    kinds: "list[Dict[str, Any]]" = [
        {"key": {"n": 1}},
        {"key": {"n": -1, "rev": 1}},
        {"key": {"rev": 1}, "unique": True},
        {"key": {"word": 1}, "collation": {"locale": "fr"}},
        {"key": {"word": "text"}},
        {"key": {"word": "hashed"}},
        {"key": {"place": "2dsphere"}},
        {"key": {"n": 1, "word": 1}, "partialFilterExpression": {"n": {"$gt": 10}}},
        {"key": {"seen": 1}, "expireAfterSeconds": FAR_SECONDS + chance.randint(0, 9)},
        {"key": {"rare": 1}, "unique": True, "sparse": True},
        {"key": {"n": 1, "rev": 1}, "hidden": True},
    ]
    made = chance.choice(kinds)
    # The same name now and then means something else.
    return {**made, "name": chance.choice(["one", "two", "three", "four", "five"])}


def change_of_index(chance: Random, name: str) -> Dict[str, Any]:
    """What `collMod` is told of an index."""
    if chance.random() < 0.3:
        return {"name": name, "expireAfterSeconds": FAR_SECONDS + chance.randint(10, 19)}
    return {"name": name, "hidden": chance.random() < 0.5}


def document(key: Any, rev: int, chance: Random, is_modern: bool) -> Dict[str, Any]:
    """A document that some of the indexes and validators above refuse; from older servers, which do not tell when such an index goes, only validators."""
    made: Dict[str, Any] = {"_id": key, "rev": rev, "n": chance.choice([chance.randint(0, 99), 1.5, None]), "word": chance.choice(["a", "é", "B", "b"])}
    if chance.random() < 0.3:
        made["place"] = chance.choice([[1, 2], {"type": "Point", "coordinates": [3, 4]}, *(["nowhere"] if is_modern else [])])
    return made


def key(chance: Random) -> Any:
    """Strings among them that some collations hold equal."""
    number = chance.randint(0, 30)
    return chance.choice([number, f"k{number}", f"K{number}"])
