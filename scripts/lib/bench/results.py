"""The results: what a case comes to over its runs, its ratios to others, JSON for machines. The table for people is `table`'s."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any, Dict, List, Optional

from stack import paths, versions
from stack.failure import say

from bench import table
from bench.cases import Workload
from bench.options import Options
from bench.run import Taken

FOLDER = paths.CHECKOUT / "bench" / "results"


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
    runs: List[float] = field(default_factory=list)


def case(workload: Workload, system: str, runs: List[Measured]) -> Case:
    """What the runs come to."""
    taken = [one.taken for one in runs]
    seconds = median(one.seconds for one in taken)
    cpu = {name: median(one.used[name].cpu_seconds for one in taken) for name in taken[0].used}
    millions = workload.events / 1e6
    is_live, kafka = workload.is_live, [one.kafka_bytes for one in runs if one.kafka_bytes is not None]
    return Case(
        workload=workload.name,
        system=system,
        events_per_s=None if is_live else workload.events / seconds,
        mb_per_s=None if is_live else median(one.bytes / one.taken.seconds for one in runs) / 1e6,
        cpu_s_per_million={} if is_live else {name: used / millions for name, used in cpu.items()},
        cpu_share={name: used / seconds for name, used in cpu.items()} if is_live else {},
        peak_rss_mb={name: max(one.used[name].peak_mb for one in taken) for name in taken[0].used},
        **{name: _percentile(taken, name) for name in ("p50_ms", "p99_ms", "p999_ms", "writer_late_ms")},
        kafka_bytes_per_event=median(kafka) / workload.events if kafka and not is_live else None,
        runs=[_figure(workload, one) for one in taken],
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
    return workload.events / taken.seconds


def short(workload: Workload, taken: Taken) -> str:
    """A run in a few words."""
    unit = {"latency": "ms p99", "idle": "of a core"}.get(workload.way, "events/s")
    return f"{_figure(workload, taken):,.{3 if workload.way == 'idle' else 0}f} {unit}"


def write(cases: List[Case], options: Options, failed: List[str], load: Dict[str, float]) -> None:
    """Prints the table; a whole run also replaces the committed results."""
    document = {
        "machine": machine(),
        "load": load,
        "quick": options.quick,
        "runs": 1 if options.quick else options.runs,
        "cases": [asdict(case) for case in cases],
        "failed": failed,
        "ratios": ratios(cases),
    }
    text = table.markdown(document)
    say(text)
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if not options.quick and not options.only:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "results.json").write_text(json.dumps(document, indent=2) + "\n")
        (FOLDER / "results.md").write_text(text)


def machine() -> Dict[str, str]:
    """What it ran on, and what was measured."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    pins = versions.load()
    return {
        "cpu": f"{os.cpu_count()} x {model}",
        "memory": f"{memory} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "mongodb": pins.default_server,
        "kafka": pins.kafka.version,
        "mongodb connector": pins.connect.plugins["mongodb"].version,
        "debezium": pins.connect.plugins["debezium"].version,
    }


PAIR = ("official-pair", "official-pair-default")
SOURCE = ("official-source", "official-source-default")
DEBEZIUM = ("debezium-source", "debezium-source-default")
# Name: workload, ours, and the others, of which the best counts.
RATIOS = {
    "snapshot_vs_official_pair": ("snapshot-users", "oplogue", PAIR),
    "drain_vs_official_pair": ("drain-users", "oplogue", PAIR),
    "snapshot_vs_official_source": ("snapshot-users", "oplogue-source", SOURCE),
    "drain_vs_official_source": ("drain-users", "oplogue-source", SOURCE),
    "snapshot_vs_debezium_source": ("snapshot-users", "oplogue-source", DEBEZIUM),
    "drain_vs_debezium_source": ("drain-users", "oplogue-source", DEBEZIUM),
    "snapshot_vs_floor": ("snapshot-users", "oplogue", ("floor-kafka",)),
    "drain_vs_floor": ("drain-users", "oplogue", ("floor-kafka",)),
}
P99 = ("latency-2000", "oplogue", PAIR)


def ratios(cases: List[Case]) -> Dict[str, float]:
    """Ours over the best of the others: rates, of which more is better, and the 99th percentile, of which less is."""
    found: Dict[str, float] = {}
    for name, (workload, ours, others) in RATIOS.items():
        _ratio(found, name, _figures(cases, workload, (ours,), "events_per_s"), _figures(cases, workload, others, "events_per_s"), max)
    workload, ours, others = P99
    _ratio(found, "p99_vs_official_pair", _figures(cases, workload, (ours,), "p99_ms"), _figures(cases, workload, others, "p99_ms"), min)
    return found


def _figures(cases: List[Case], workload: str, systems: "tuple[str, ...]", name: str) -> List[float]:
    found = [getattr(case, name) for case in cases if case.workload == workload and case.system in systems]
    return [figure for figure in found if figure]


def _ratio(into: Dict[str, float], name: str, ours: List[float], others: List[float], best: Any) -> None:
    if ours and others:
        into[name] = ours[0] / best(others)
