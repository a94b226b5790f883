"""What is measured of ours alone: does an event cost the same however many there are of what can be many?"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Dict, Tuple

from bench.cases import MILLION, Setting, Workload

OURS = "oplogue"
# Written in all, whatever the size of a document.
BYTES = 256 * 2**20
BYTES_UNIT = "bytes"
EVENTS_UNIT = "documents"
# Only when asked for: it takes long, and about six gigabytes.
LARGEST = 10 * MILLION


@dataclass(frozen=True)
class Series:
    """A workload at several points, in turns."""

    name: str
    about: str
    # What the points count.
    unit: str
    points: Tuple[Workload, ...]

    @property
    def each(self) -> str:
        """What a cost is told of: where documents differ in size, of their bytes."""
        return "KiB" if self.unit == BYTES_UNIT else "event"

    def costs(self, case: Dict[str, Any]) -> Dict[str, float]:
        """CPU microseconds of each by process. Seconds per million are microseconds per event."""
        by = case["at"] / 1024 if self.unit == BYTES_UNIT else 1.0
        return {name: value / by for name, value in case["cpu_s_per_million"].items()}


def further(few: Dict[str, Any], many: Dict[str, Any]) -> Dict[str, float]:
    """What each event beyond the few has cost, by process, where `at` counts events: without what it costs to start."""
    spent = {name: many["cpu_s_per_million"][name] * many["at"] - cost * few["at"] for name, cost in few["cpu_s_per_million"].items()}
    return {name: cost / (many["at"] - few["at"]) for name, cost in spent.items()}


def _series(name: str, about: str, unit: str, way: str, points: Dict[int, Workload]) -> Series:
    named = tuple(replace(one, name=name, about=about, way=way, at=at) for at, one in points.items())
    return Series(name, about, unit, named)


def _drain(setting: Setting, events: int = MILLION // 2, there: int = 0) -> Workload:
    return Workload("", "", "drain", "user", "inserts", events, there, setting=setting)


SERIES = (
    _series(
        "scale-workers",
        "backlog of 500 k inserts of user documents, 8 partitions",
        "workers",
        "drain",
        {count: _drain(Setting(workers=count)) for count in (1, 2, 4)},
    ),
    _series(
        "scale-slices",
        "backlog of 500 k inserts in all, an equal part in each source; a producer for each, one worker",
        "sources",
        "drain",
        {count: _drain(Setting(sources=count)) for count in (1, 2, 4)},
    ),
    _series(
        "scale-partitions",
        "backlog of 500 k inserts of user documents, one worker",
        "partitions",
        "drain",
        {count: _drain(Setting(partitions=count)) for count in (1, 8, 64)},
    ),
    _series(
        "scale-namespaces",
        "backlog of 200 k inserts in all, fifty to a namespace in turn, a partition each; they hold 50 k documents before",
        "namespaces",
        "drain",
        {count: _drain(Setting(collections=count, partitions=1), MILLION // 5, MILLION // 20) for count in (1, 100, 1000)},
    ),
    _series(
        "scale-bytes",
        "backlog of inserts, 256 MiB in all, by the bytes of a document",
        BYTES_UNIT,
        "drain",
        {size: Workload("", "", "", "sized", "inserts", BYTES // size, bytes=size) for size in (2**10, 2**15, 2**20)},
    ),
    _series(
        "scale-documents",
        "copy of user documents",
        EVENTS_UNIT,
        "snapshot",
        {count: Workload("", "", "", "user", "inserts", count) for count in (10_000, 100_000, MILLION, LARGEST)},
    ),
)
