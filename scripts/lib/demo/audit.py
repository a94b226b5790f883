"""What a reader can prove from a topic alone: keys, canonical form, that nothing is missing, doubled or out of order.

Each check answers what is wrong, in words; an empty list means that all is well.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Dict, Iterable, List

from bson import json_util

from demo.records import Record, Sequence

CANONICAL = json_util.CANONICAL_JSON_OPTIONS


def is_canonical(text: str) -> bool:
    """Whether reading it as Extended JSON and writing it as canonical Extended JSON gives the same JSON, order included."""
    written = json_util.dumps(json_util.loads(text, json_options=CANONICAL), json_options=CANONICAL)
    return _ordered(written) == _ordered(text)


def wrong_documents(records: Iterable[Record]) -> List[str]:
    """Records whose key or value is not canonical Extended JSON, or whose key is not the event's `documentKey`."""
    return [f"{_place(record)}: {why}" for record in records for why in _wrong(record)]


def _wrong(record: Record) -> List[str]:
    try:
        key, value = _ordered(record.key), _ordered(record.value)
    except ValueError:
        return ["key or value is not JSON"]
    wrong = [f"{what} is not canonical" for what in ("key", "value") if not is_canonical(getattr(record, what))]
    if dict(value).get("documentKey") != key:
        wrong.append(f"key {record.key} is not its documentKey")
    return wrong


def repeated_keys(records: Iterable[Record]) -> List[str]:
    """Keys that more than one record has."""
    return [key for key, times in Counter(record.key for record in records).items() if times > 1]


def wandering_keys(records: Iterable[Record]) -> List[str]:
    """Keys whose records are in more than one partition."""
    homes: Dict[str, int] = {}
    return [f"{record.key} in {record.partition}" for record in records if homes.setdefault(record.key, record.partition) != record.partition]


def wrong_order(records: Iterable[Record]) -> List[str]:
    """Records whose sequence number or cluster time goes back within their partition."""
    last: Dict[int, Record] = {}
    wrong = []
    for record in records:
        before = last.get(record.partition)
        if before and (record.sequence <= before.sequence or record.cluster_time < before.cluster_time):
            wrong.append(f"{_place(record)}: {record.headers['seq']} after {before.headers['seq']}")
        last[record.partition] = record
    return wrong


def wrong_sequence(records: Iterable[Record]) -> List[str]:
    """Numbers that are doubled or missing; they count from 1 in one slice and epoch."""
    seen = Counter(record.sequence for record in records)
    runs = {(one.slice, one.epoch) for one in seen}
    if len(runs) != 1:
        return [f"{len(runs)} slices and epochs where one is expected"]
    (run,) = runs
    wrong = [f"{_text(one)} {times} times" for one, times in seen.items() if times > 1]
    last = max(one.number for one in seen)
    missing = (Sequence(*run, number) for number in range(1, last + 1))
    return wrong + [f"{_text(one)} missing" for one in missing if one not in seen]


def operations(records: Iterable[Record]) -> "Counter[str]":
    """How many records of each operation; an update that truncated an array counts as `truncation` as well."""
    counted: "Counter[str]" = Counter()
    for record in records:
        counted[record.headers["op"]] += 1
        described = json.loads(record.value).get("updateDescription") or {}
        counted["truncation"] += bool(described.get("truncatedArrays"))
    return counted


def _ordered(text: str) -> Any:
    return json.loads(text, object_pairs_hook=tuple)


def _place(record: Record) -> str:
    return f"partition {record.partition} offset {record.offset}"


def _text(one: Sequence) -> str:
    return f"{one.slice}/{one.epoch}/{one.number}"
