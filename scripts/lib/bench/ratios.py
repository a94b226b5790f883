"""Ours over the others', from cases as they are stored: rates, of which more is better, and the 99th percentile, of which less is."""

from __future__ import annotations

from typing import Any, Callable, Dict, Iterable, List, Tuple

from bench.cases import WORKLOADS, Workload

# Of several the best counts.
PAIR = ("official-pair", "official-pair-default")
SOURCE = ("official-source", "official-source-default")
DEBEZIUM = ("debezium-source", "debezium-source-default")
FLOOR = ("floor-kafka",)
CARRIED = {
    "official_pair": ("oplogue", PAIR),
    "official_source": ("oplogue-source", SOURCE),
    "debezium_source": ("oplogue-source", DEBEZIUM),
    "floor": ("oplogue", FLOOR),
}
LATENCY = {"official_pair": ("oplogue", PAIR), "floor": ("oplogue", FLOOR)}
# Those that have a shorter name.
NAMES = {"snapshot-users": "snapshot", "drain-users": "drain", "latency-2000": "p99"}

Case = Dict[str, Any]


def ratios(cases: List[Case]) -> Dict[str, float]:
    """Every ratio that both sides were measured for."""
    found: Dict[str, float] = {}
    for workload in WORKLOADS:
        of_it = [case for case in cases if case["workload"] == workload.name]
        for other, (ours, others) in _pairs(workload):
            figure, best = ("p99_ms", min) if workload.way == "latency" else ("events_per_s", max)
            ratio = _ratio(of_it, figure, ours, others, best)
            if ratio is not None:
                found[f"{_name(workload)}_vs_{other}"] = ratio
    return found


def _pairs(workload: Workload) -> Iterable[Tuple[str, Tuple[str, Tuple[str, ...]]]]:
    if workload.way == "latency":
        return LATENCY.items()
    return CARRIED.items() if workload.way in ("snapshot", "drain") else ()


def _name(workload: Workload) -> str:
    if workload.name in NAMES:
        return NAMES[workload.name]
    return workload.name.replace("latency-", "p99_at_").replace("-", "_")


def _ratio(cases: List[Case], figure: str, ours: str, others: Tuple[str, ...], best: Callable[[List[float]], float]) -> "float | None":
    by_system = {case["system"]: case[figure] for case in cases if case[figure]}
    theirs = [by_system[name] for name in others if name in by_system]
    return by_system[ours] / best(theirs) if ours in by_system and theirs else None
