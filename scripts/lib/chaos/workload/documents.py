"""Documents, `_id`s and values, from a stream of chances. Values only."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from random import Random
from typing import Any, Dict, List

from bson import Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp
from bson.binary import Binary

EPOCH = datetime(2020, 1, 1, tzinfo=timezone.utc)
WORDS = "amber cedar coral hazel indigo maple olive pearl sage teal Zoë Kovács 東京 {} $ a.b".split()


def value(chance: Random, depth: int = 0) -> Any:
    """Anything that a field may hold."""
    makers = [
        lambda: chance.randint(-(2**31), 2**31 - 1),
        lambda: Int64(chance.randint(-(2**40), 2**40)),
        lambda: chance.choice([0.0, -0.0, 1.5, -2.25e300, float("inf"), chance.random()]),
        lambda: Decimal128(str(chance.randint(-(10**9), 10**9) / 100)),
        lambda: chance.choice(WORDS),
        lambda: None,
        lambda: chance.random() < 0.5,
        lambda: EPOCH + timedelta(milliseconds=chance.randint(0, 10**11)),
        lambda: object_id(chance),
        lambda: Binary(
            chance.randbytes(chance.randint(0, 12)) if hasattr(chance, "randbytes") else b"\1\2", chance.choice([0, 5, 128])
        ),
        lambda: Timestamp(chance.randint(1, 2**31), chance.randint(1, 100)),
        lambda: chance.choice([MinKey(), MaxKey(), Regex("^a", "i")]),
        lambda: [value(chance, depth + 1) for _ in range(chance.randint(0, 3))],
        lambda: {chance.choice("abcxyz"): value(chance, depth + 1) for _ in range(chance.randint(0, 3))},
    ]
    return chance.choice(makers if depth < 2 else makers[:-2])()


def object_id(chance: Random) -> ObjectId:
    """From the same chances as everything else."""
    return ObjectId(chance.getrandbits(96).to_bytes(12, "big"))


def document(key: Any, rev: int, chance: Random, padding: int = 0) -> Dict[str, Any]:
    """A whole document, its fields now and then in another order."""
    fields: Dict[str, Any] = {
        "name": chance.choice(WORDS),
        "count": chance.randint(0, 100),
        "secret": value(chance),
        "nested": {"a": value(chance), "b": {"c": value(chance), "d": [value(chance)]}},
        "list": [chance.randint(0, 9) for _ in range(chance.randint(0, 8))],
        "items": [{"sku": chance.choice(WORDS), "n": chance.randint(0, 9)} for _ in range(chance.randint(0, 4))],
        "tags": chance.sample(WORDS, chance.randint(0, 5)),
        "extra": value(chance),
    }
    names = list(fields)
    if chance.random() < 0.3:
        chance.shuffle(names)
    filling = {"padding": "x" * padding} if padding else {}
    return {"_id": key, "rev": rev, **{name: fields[name] for name in names}, **filling}


def numbered_ids(count: int) -> List[Any]:
    """Plain numbers."""
    return list(range(1, count + 1))


def mixed_ids(count: int, chance: Random) -> List[Any]:
    """All types, among them numbers of every type that differ in value, and the ends of the order."""
    ids: List[Any] = [None, MinKey(), MaxKey(), True, False, float("nan"), float("-inf"), b"", "", {}, {"a": {"b": 1}}]
    makers = [
        lambda n: n,
        lambda n: Int64(n),
        lambda n: n + 0.5,
        lambda n: Decimal128(f"{n}.25"),
        lambda n: f"text {n}",
        lambda n: Binary(n.to_bytes(3, "big"), 128),
        lambda n: {"shop": n, "item": float(n)},
        lambda n: EPOCH + timedelta(days=n),
        lambda n: object_id(chance),
        lambda n: {"list": [n, Int64(n)], "text": "é"},
    ]
    while len(ids) < count:
        ids.append(makers[len(ids) % len(makers)](len(ids)))
    return ids
