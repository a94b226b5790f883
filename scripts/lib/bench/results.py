"""What a case comes to over its runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import Dict, List, Optional

from bench.cases import Workload
from bench.run import Taken


@dataclass(frozen=True)
class Measured:
    """One run: what it took, how many bytes its documents and changes have, how many the broker has written for them."""

    taken: Taken
    bytes: int
    kafka_bytes: Optional[int]


@dataclass(frozen=True)
class Case:
    """One workload carried by one system: medians over the runs, memory the most of all. What does not apply is None."""

    workload: str
    system: str
    events_per_s: Optional[float]
    mb_per_s: Optional[float]
    cpu_s_per_million: Dict[str, float]
    # Shares of a core, of systems that run.
    cpu_share: Dict[str, float]
    peak_rss_mb: Dict[str, float]
    p50_ms: Optional[float] = None
    p99_ms: Optional[float] = None
    p999_ms: Optional[float] = None
    # By how much the source took a write later than it was due, at the most: it is within the other figures.
    writer_late_ms: Optional[float] = None
    kafka_bytes_per_event: Optional[float] = None
    # Seconds from the start of a process to when it was ready.
    start_s: Dict[str, float] = field(default_factory=dict)
    runs: List[float] = field(default_factory=list)
    # Of one of a series: what is varied.
    at: Optional[int] = None


def case(workload: Workload, system: str, runs: List[Measured]) -> Case:
    """What the runs come to."""
    taken = [one.taken for one in runs]
    seconds = median(one.seconds for one in taken)
    cpu = {name: median(one.used[name].cpu_seconds for one in taken) for name in taken[0].used}
    kafka = [one.kafka_bytes for one in runs if one.kafka_bytes is not None]
    is_carried, millions = workload.is_carried, workload.events / 1e6
    return Case(
        workload=workload.name,
        system=system,
        events_per_s=workload.events / seconds if is_carried else None,
        mb_per_s=median(one.bytes / one.taken.seconds for one in runs) / 1e6 if is_carried else None,
        cpu_s_per_million={name: used / millions for name, used in cpu.items()} if is_carried else {},
        cpu_share={name: used / seconds for name, used in cpu.items()} if workload.is_live else {},
        peak_rss_mb={name: max(one.used[name].peak_mb for one in taken) for name in taken[0].used},
        **{name: _percentile(taken, name) for name in ("p50_ms", "p99_ms", "p999_ms", "writer_late_ms")},
        kafka_bytes_per_event=median(kafka) / workload.events if kafka and is_carried else None,
        start_s={name: median(one.starts[name] for one in taken) for name in taken[0].starts},
        runs=[_figure(workload, one) for one in taken],
        at=workload.at,
    )


def _percentile(taken: List[Taken], name: str) -> Optional[float]:
    found = [one.percentiles[name] for one in taken if one.percentiles.get(name) is not None]
    return median(found) if found else None


def _figure(workload: Workload, taken: Taken) -> float:
    """The one figure of a run."""
    if workload.way == "latency":
        return taken.percentiles["p99_ms"]
    if workload.way == "idle":
        return sum(one.cpu_seconds for one in taken.used.values()) / taken.seconds
    return taken.seconds if workload.way == "start" else workload.events / taken.seconds


UNITS = {"latency": (1, "ms p99"), "idle": (3, "of a core"), "start": (2, "s")}


def short(workload: Workload, taken: Taken) -> str:
    """A run in a few words."""
    digits, unit = UNITS.get(workload.way, (0, "events/s"))
    return f"{_figure(workload, taken):,.{digits}f} {unit}"
