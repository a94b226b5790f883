"""Checks of definitions: collections, options and indexes of both sides are equal but for what is put off, and every definition change is in its
topics once, whole: a record in each partition, with consecutive numbers."""

from __future__ import annotations

import time
from typing import Any, Dict, List, Optional

from bson import decode
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from chaos.model import Record, Window, time_text
from chaos.reading.defined import Defined, defined
from chaos.verdict import Verdict
from chaos.workload.settings import comes_and_goes, is_left_out

LOOK_AGAIN_SECONDS = 1.0
BARRIERS = ("drop", "rename", "create", "createIndexes", "dropIndexes", "modify")


def agreement(source: MongoClient, target: MongoClient, keeps_expiry: bool, seconds: float) -> Verdict:
    """Both sides, given some time to become equal; before 6.0 a target keeps no expiry of indexes."""
    end = time.monotonic() + seconds
    while True:
        verdict = _compared(source, target, keeps_expiry)
        if (verdict is not None and verdict.is_clean) or time.monotonic() > end:
            return verdict or _unread()
        time.sleep(LOOK_AGAIN_SECONDS)


def _compared(source: MongoClient, target: MongoClient, keeps_expiry: bool) -> Optional[Verdict]:
    try:
        return compare(*(defined(side, keeps_expiry) for side in (source, target)))
    except PyMongoError:
        return None


def _unread() -> Verdict:
    verdict = Verdict()
    verdict.add("stuck", "the collections of both sides could not be listed")
    return verdict


def compare(source: Defined, target: Defined) -> Verdict:
    """Two sides."""
    verdict = Verdict()
    for name in sorted({**source, **target}):
        one, other = source.get(name), target.get(name)
        if one is None or other is None:
            verdict.add("diverged", f"{name}: the collection is at the {'target' if one is None else 'source'} only")
            continue
        for part in one:
            if one[part] != other[part]:
                verdict.add("diverged", f"{name}: {part}: {_differing(part, one[part], other[part])}")
    verdict.apart["collections"] += len(source)
    return verdict


def _differing(part: str, one: Any, other: Any) -> str:
    if part != "documents":
        return f"{one} at the source, {other} at the target"
    sides = [[f"{held['_id']!r} rev {held.get('rev')}" for held in map(decode, set(a) - set(b))] for a, b in ((one, other), (other, one))]
    return f"{len(one)} and {len(other)}; at the source {sides[0][:5]}, at the target {sides[1][:5]}"


def check(window: Window) -> Verdict:
    """The topics against the source's stream."""
    verdict = Verdict()
    barriers = _barriers(window.records, verdict)
    told = [one for one in window.definitions if one.time > window.since and comes_and_goes(one.namespace)]
    expected = [one for one in told if one.operation in BARRIERS and not is_left_out(one.namespace)]
    for one in expected:
        found = barriers.pop((one.time, one.operation, one.namespace), 0)
        if found != 1:
            verdict.add("lost" if not found else "duplicated", f"{one.operation} of {one.namespace} at {time_text(one.time)}: {found} barriers")
    renamed = {(one.time, one.to) for one in window.definitions if one.operation == "rename"}
    for place in barriers:
        moment, operation, namespace = place
        is_implied = operation == "drop" and (moment, namespace) in renamed
        if comes_and_goes(namespace) and not is_implied:
            verdict.add("diverged", f"{operation} of {namespace} at {time_text(moment)} is in the topics, not at the source")
    verdict.apart["definitions"] += len(expected)
    return verdict


def _barriers(records: List[Record], verdict: Verdict) -> "Dict[Any, int]":
    """How often each was published; whole ones only."""
    parts: Dict[Any, List[Record]] = {}
    for record in records:
        if record.barrier:
            number, count = record.barrier
            parts.setdefault((record.sequence.epoch, record.sequence.number - number, count), []).append(record)
    found: Dict[Any, int] = {}
    for (_, _, count), some in parts.items():
        first = some[0]
        place = (first.change.time, first.change.operation, first.document[0])
        if len({one.partition for one in some}) != count:
            verdict.add("lost", f"{place[1]} of {place[2]} at {time_text(place[0])} stands in {len(some)} of {count} partitions")
        if not first.is_snapshot:
            found[place] = found.get(place, 0) + 1
    return found
