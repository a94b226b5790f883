"""The results for people, as Markdown."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from bench.cases import QUICK_DIVISOR, SYSTEMS, WORKLOADS, Workload

# Their memory is what they were given, not what a system needs.
SERVICES = ("source mongod", "target mongod", "broker")
QUICK = f"A quick run: a {QUICK_DIVISOR}th of the documents, once each. Starting up weighs most in it; compare nothing."
INTRODUCTION = """\
# Measured by scripts/bench

What is measured how, and what is not fair to whom: [bench/README.md](../README.md). Rates, latencies and CPU are medians over the runs of a
workload, which the systems take in alternating order; memory is the most of all runs. Everything runs on the one machine.
"""

Case = Dict[str, Any]
Column = Tuple[str, Callable[[Case], str]]


def markdown(document: Dict[str, Any]) -> str:
    """All of it: the systems, the ratios, and a section for each workload."""
    lines = [INTRODUCTION, *(f"* `{name}`: {about}" for name, about in SYSTEMS.items()), ""]
    lines += _ratios(document["ratios"])
    known = {one.name: one for one in WORKLOADS}
    for name, part in document["measured"].items():
        if name in known:
            lines += _section(known[name], part, [case for case in document["cases"] if case["workload"] == name])
    return "\n".join(lines)


def _ratios(ratios: Dict[str, float]) -> List[str]:
    if not ratios:
        return []
    lines = ["Ours over the best of the others: of rates more is better, of `p99` less.", "", "| ratio | |", "|---|---:|"]
    return [*lines, *(f"| {name} | {value:.2f} |" for name, value in ratios.items()), ""]


def _section(workload: Workload, part: Dict[str, Any], cases: List[Case]) -> List[str]:
    on = part["machine"]
    lines = [f"## `{workload.name}`: {workload.about}", ""]
    lines += [QUICK, ""] if part["quick"] else []
    runs = "once" if part["runs"] == 1 else f"{part['runs']} runs"
    load = ", ".join(f"{value:.2f} {when}" for when, value in part["load"].items())
    lines += [
        f"{part['date']}, commit {part['commit']}, {runs}, on {on['cpu']}, {on['memory']}, {on['system']}. MongoDB {on['mongodb']}, Kafka {on['kafka']}, "
        f"MongoDB Kafka Connector {on['mongodb connector']}, Debezium {on['debezium']}. Load average of a minute: {load}.",
        "",
    ]
    lines += [*_table(_columns(workload), cases), ""] if cases else []
    return lines + [f"* `{system}` has failed: {_one_line(reason)}" for system, reason in part["failed"].items()] + ([""] if part["failed"] else [])


def _columns(workload: Workload) -> List[Column]:
    if workload.is_carried:
        return [
            ("events/s", _number("events_per_s", 0)),
            ("MB/s", _number("mb_per_s", 1)),
            ("bytes in Kafka per event", _number("kafka_bytes_per_event", 0)),
            ("CPU seconds per million events", _each("cpu_s_per_million", 1)),
            ("peak MB", _memory),
            ("runs", lambda case: ", ".join(f"{run:,.0f}" for run in case["runs"])),
        ]
    if workload.way == "start":
        return [("seconds", _each("start_s", 2))]
    latencies = [("p50 ms", _number("p50_ms", 1)), ("p99 ms", _number("p99_ms", 1)), ("p99.9 ms", _number("p999_ms", 1))]
    usage: List[Column] = [("share of a core", _each("cpu_share", 3)), ("peak MB", _memory)]
    return [*latencies, *usage, ("writer late ms", _number("writer_late_ms", 1))] if workload.way == "latency" else usage


def _table(columns: List[Column], cases: List[Case]) -> List[str]:
    lines = ["| system | " + " | ".join(name for name, _ in columns) + " |", "|---|" + "---|" * len(columns)]
    return lines + [f"| `{case['system']}` | " + " | ".join(cell(case) for _, cell in columns) + " |" for case in cases]


def _number(name: str, digits: int) -> Callable[[Case], str]:
    return lambda case: _text(case[name], digits)


def _text(value: Optional[float], digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _each(name: str, digits: int) -> Callable[[Case], str]:
    return lambda case: _listed(case[name], digits)


def _memory(case: Case) -> str:
    return _listed({name: value for name, value in case["peak_rss_mb"].items() if name not in SERVICES}, 0)


def _listed(values: Dict[str, float], digits: int) -> str:
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


def _one_line(text: str) -> str:
    return " ".join(text.split())
