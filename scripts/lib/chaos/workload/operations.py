"""One write to one document: chosen by chance, told as a pymongo write. Values only."""

from __future__ import annotations

from random import Random
from typing import Any, Callable, Dict, List, Optional, Tuple

from bson import Decimal128, Int64
from pymongo import DeleteOne, InsertOne, ReplaceOne, UpdateOne

from chaos.workload.documents import WORDS, document, value
from chaos.workload.namespaces import Namespace

Update = Any
MIB = 1024 * 1024
FILLINGS, FILLING_WEIGHTS = (MIB // 2, 2 * MIB, 5 * MIB, 16 * MIB - 64 * 1024), (6, 4, 2, 1)


def insertion(namespace: Namespace, key: Any, rev: int, chance: Random, u: Optional[int] = None) -> InsertOne:
    """A document that is not there; a number as `_id` may come back as a number of another type, which is the same `_id`."""
    if namespace.has_mixed_ids and type(key) is int:
        key = chance.choice([key, Int64(key), float(key), Decimal128(str(key))])
    return InsertOne(_document(namespace, key, rev, chance, u))


def restoration(namespace: Namespace, key: Any, rev: int, chance: Random) -> ReplaceOne:
    """A document of which nobody knows whether it is there."""
    return ReplaceOne({"_id": key}, _document(namespace, key, rev, chance), upsert=True)


def change(namespace: Namespace, key: Any, rev: int, chance: Random) -> Tuple[Any, bool]:
    """A change of a document that is there, and whether it still is afterwards."""
    kind = chance.random()
    if kind < 0.10:
        return DeleteOne({"_id": key}), False
    if kind < 0.22:
        return ReplaceOne({"_id": key}, _document(namespace, key, rev, chance)), True
    return UpdateOne({"_id": key}, update(namespace, rev, chance)), True


def _document(namespace: Namespace, key: Any, rev: int, chance: Random, u: Optional[int] = None) -> Dict[str, Any]:
    whole = document(key, rev, chance, _large(chance) if namespace.is_large else namespace.padding)
    return {**whole, "u": rev if u is None else u} if namespace.is_unique else whole


def _large(chance: Random) -> int:
    """Bytes of filling; what stands beside it in a document fits what the largest one leaves of 16 MiB."""
    return chance.choices(FILLINGS, FILLING_WEIGHTS)[0]


def update(namespace: Namespace, rev: int, chance: Random) -> Update:
    """Operators or a pipeline; every one of them sets `rev`."""
    makers: List[Callable[[int, Random], Update]] = [*OPERATORS]
    if namespace.may_move:
        makers += [_moving] * len(OPERATORS)
    if namespace.is_large:
        makers += [_fill] * (len(OPERATORS) // 2)
    return chance.choice(makers)(rev, chance)


def _set(rev: int, chance: Random, **more: Any) -> Update:
    return {"$set": {"rev": rev}, **more}


def _nested(rev: int, chance: Random) -> Update:
    path = chance.choice(["nested.a", "nested.b.c", "nested.b", "nested.new", "extra", "secret", "fresh"])
    return {"$set": {"rev": rev, path: value(chance)}}


def _in_arrays(rev: int, chance: Random) -> Update:
    return {"$set": {"rev": rev, f"items.{chance.randint(0, 2)}.n": chance.randint(0, 99), f"list.{chance.randint(0, 4)}": 7}}


def _push(rev: int, chance: Random) -> Update:
    each = [chance.randint(0, 9) for _ in range(chance.randint(0, 3))]
    kept = chance.choice([-5, -2, 0, 2, 5])
    return _set(rev, chance, **{"$push": {"list": {"$each": each, "$slice": kept}, "tags": chance.choice(WORDS)}})


def _push_sorted(rev: int, chance: Random) -> Update:
    each = [{"sku": chance.choice(WORDS), "n": chance.randint(0, 9)}]
    return _set(rev, chance, **{"$push": {"items": {"$each": each, "$sort": {"n": 1}, "$slice": 3}}})


def _pull(rev: int, chance: Random) -> Update:
    return _set(rev, chance, **{"$pull": {"list": {"$gt": chance.randint(3, 9)}, "items": {"n": {"$lt": chance.randint(0, 5)}}}})


def _pop(rev: int, chance: Random) -> Update:
    return _set(rev, chance, **{"$pop": {"list": chance.choice([1, -1]), "tags": 1}})


def _unset(rev: int, chance: Random) -> Update:
    return _set(rev, chance, **{"$unset": {chance.choice(["extra", "fresh", "nested.b.d", "nested.new", "secret"]): ""}})


def _add(rev: int, chance: Random) -> Update:
    return _set(rev, chance, **{"$inc": {"count": chance.choice([1, 2.5])}, "$addToSet": {"tags": chance.choice(WORDS)}})


def _rename(rev: int, chance: Random) -> Update:
    return _set(rev, chance, **{"$rename": {"fresh": "extra"}})


def _pipeline(rev: int, chance: Random) -> Update:
    """A pipeline that leaves every field where it is."""
    truncated = {"$slice": [{"$ifNull": ["$list", []]}, chance.randint(1, 3)]}
    counted = {"$add": [{"$ifNull": ["$count", 0]}, 1]}
    return [{"$set": {"rev": rev, "count": counted, "list": chance.choice([truncated, [1, 2, 3]])}}]


def _fill(rev: int, chance: Random) -> Update:
    """A delta that is about as large as a document."""
    return _set(rev, chance, **{"$set": {"rev": rev, "padding": chance.choice("xyz") * _large(chance)}})


def _moving(rev: int, chance: Random) -> Update:
    """A pipeline after which a field stands at the end."""
    name = chance.choice(["count", "list", "name"])
    return [{"$set": {"rev": rev, "kept": f"${name}"}}, {"$unset": name}, {"$set": {name: "$kept"}}, {"$unset": "kept"}]


OPERATORS = (_nested, _in_arrays, _push, _push, _push_sorted, _pull, _pop, _unset, _add, _rename, _pipeline)
