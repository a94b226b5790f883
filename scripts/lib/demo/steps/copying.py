"""Step 1: users who were there first are copied into the topic, one record each."""

from __future__ import annotations

import textwrap
from typing import List

from bson import json_util

from demo import audit
from demo.configuration import NAMESPACE
from demo.expectation import Look, require
from demo.records import Record
from demo.world import World

COPIED = "oplogue_producer_snapshot_documents_total"
SHOWN = "%k %s\\n"
SHOWN_LINES = 2
SHOWN_WIDTH = 90
BAR_CELLS = 24


def show(world: World) -> None:
    """Writes the users, starts the producer, reads the topic."""
    world.heading("1  Copy what exists, then follow")
    count = world.options.users
    world.sides.source.insert_many(list(world.generator.users(count)))
    world.seen(f"{count} users written to {NAMESPACE} before the producer starts")
    _copy(world)
    _read_topic(world)


def _copy(world: World) -> None:
    count = world.options.users
    producer = world.start("producer", "producer")

    def look() -> Look:
        done = int(producer.metric(COPIED) or 0)
        return Look(done >= count, f"{bar(done, count)} {done} of {count} documents")

    world.eventually("copying", look)
    world.seen(f"producer copied {count} of {count} documents")


def bar(done: int, total: int) -> str:
    """How much of it is done."""
    full = BAR_CELLS * min(done, total) // total
    return "█" * full + "░" * (BAR_CELLS - full)


def _read_topic(world: World) -> None:
    count = world.options.users
    records: List[Record] = []

    def look() -> Look:
        records[:] = world.kcat.read_committed(NAMESPACE)
        return Look(len(records) >= count, f"{len(records)} records")

    world.eventually(f"topic {NAMESPACE} holds the copy", look)
    _check(records, count)
    world.seen(f"topic {NAMESPACE}: {count} records, one each, canonical Extended JSON, keyed by document")
    world.screen.detail("$ " + world.kcat.show_line(NAMESPACE, SHOWN))
    for line in _shortened(world.kcat.show(NAMESPACE, SHOWN)[0]):
        world.screen.detail(line)


def _check(records: List[Record], count: int) -> None:
    found = f"{len(records)} records"
    require(f"topic {NAMESPACE} holds exactly {count} records", [found] if len(records) != count else [])
    require("every key and value is canonical Extended JSON, the key is the documentKey", audit.wrong_documents(records))
    require("one record per _id", audit.repeated_keys(records))
    ids = {json_util.loads(record.key)["_id"] for record in records}
    require("every user is in the topic", [f"_id {number} is missing" for number in range(1, count + 1) if number not in ids])


def _shortened(text: str) -> List[str]:
    lines = textwrap.wrap(text, SHOWN_WIDTH, break_on_hyphens=False)
    if len(lines) > SHOWN_LINES:
        lines = [*lines[: SHOWN_LINES - 1], lines[SHOWN_LINES - 1][: SHOWN_WIDTH - 2] + " …"]
    return lines
