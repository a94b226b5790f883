"""Tables of cases, as Markdown: which columns, and how a cell reads."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from bench.cases import Workload
from bench.series import Series

# Their memory is what they were given, not what a system needs.
SERVICES = ("source mongod", "target mongod", "broker")

Case = Dict[str, Any]
Column = Tuple[str, Callable[[Case], str]]


def lines(of: List[Column], cases: List[Case]) -> List[str]:
    """A line for each case."""
    head = ["| " + " | ".join(name for name, _ in of) + " |", "|" + "---|" * len(of)]
    return head + ["| " + " | ".join(cell(case) for _, cell in of) + " |" for case in cases]


def columns(workload: Workload) -> List[Column]:
    """What is said of a workload's systems."""
    system: Column = ("system", lambda case: f"`{case['system']}`")
    if workload.is_carried:
        cpu: Column = ("CPU seconds per million events", _each("cpu_s_per_million", 1))
        return [system, *_rates(), ("bytes in Kafka per event", _number("kafka_bytes_per_event", 0)), cpu, MEMORY, RUNS]
    if workload.way == "start":
        return [system, ("seconds", _each("start_s", 2))]
    usage: List[Column] = [("share of a core", _each("cpu_share", 3)), MEMORY]
    if workload.way == "idle":
        return [system, *usage]
    latencies = [(f"{name} ms", _number(field, 1)) for name, field in (("p50", "p50_ms"), ("p99", "p99_ms"), ("p99.9", "p999_ms"))]
    return [system, *latencies, *usage, ("writer late ms", _number("writer_late_ms", 1))]


def of_series(series: Series) -> List[Column]:
    """What is said of a series' points."""
    at: Column = (series.unit, lambda case: f"{case['at']:,}")
    cost: Column = (f"CPU µs per {series.each}", lambda case: listed(series.costs(case), 1))
    return [at, *_rates(), cost, MEMORY, RUNS]


def _rates() -> List[Column]:
    return [("events/s", _number("events_per_s", 0)), ("MB/s", _number("mb_per_s", 1))]


def _number(name: str, digits: int) -> Callable[[Case], str]:
    return lambda case: _text(case[name], digits)


def _text(value: Optional[float], digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _each(name: str, digits: int) -> Callable[[Case], str]:
    return lambda case: listed(case[name], digits)


def _memory(case: Case) -> str:
    return listed({name: value for name, value in case["peak_rss_mb"].items() if name not in SERVICES}, 0)


def listed(values: Dict[str, float], digits: int) -> str:
    """Figures by process."""
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


MEMORY: Column = ("peak MB", _memory)
RUNS: Column = ("runs", lambda case: ", ".join(f"{run:,.0f}" for run in case["runs"]))
