"""The results for people, as Markdown: where they come from, and a section for each workload."""

from __future__ import annotations

from typing import Any, Dict, List

from bench import table
from bench.cases import QUICK_DIVISOR, SYSTEMS, WORKLOADS
from bench.series import EVENTS_UNIT, SERIES, further

QUICK = f"A quick run: a {QUICK_DIVISOR}th of the documents, once each. Starting up weighs most in it; compare nothing."
RESULTS = """\
# Measured by scripts/bench

What is measured how, and what is not fair to whom: [bench/README.md](../README.md). Rates, latencies and CPU are medians over the runs of a
workload, which the systems take in alternating order; memory is the most of all runs. Everything runs on the one machine.
"""
SCALING = """\
# What an event costs, of how many

Of ours alone, by `scripts/bench --scaling`: medians over runs in alternating order, everything on one machine. How to read it:
[bench/README.md](../README.md).
"""

Document = Dict[str, Any]


def text(document: Document) -> str:
    """Of a run, which may have measured of both kinds."""
    is_scaling = [name in [one.name for one in SERIES] for name in document["measured"]]
    return ("" if all(is_scaling) else results(document)) + ("\n" + scaling(document) if any(is_scaling) else "")


def results(document: Document) -> str:
    """The systems, the ratios, and the workloads."""
    lines = [RESULTS, *(f"* `{name}`: {about}" for name, about in SYSTEMS.items()), ""]
    lines += _ratios(document["ratios"])
    for workload in WORKLOADS:
        lines += _section(document, workload.name, workload.about, table.columns(workload))
    return "\n".join(lines)


def scaling(document: Document) -> str:
    """The series."""
    lines = [SCALING]
    for series in SERIES:
        lines += _section(document, series.name, series.about, table.of_series(series))
        lines += _further(document, series.name) if series.unit == EVENTS_UNIT else []
    return "\n".join(lines)


def _further(document: Document, name: str) -> List[str]:
    """A start costs as much for few as for many; this is what comes on top."""
    points = [case for case in document["cases"] if case["workload"] == name]
    lines = [
        f"* from {few['at']:,} to {many['at']:,}, CPU µs per further event: {table.listed(further(few, many), 1)}"
        for few, many in zip(points, points[1:])
    ]
    return [*lines, ""] if lines else []


def _ratios(ratios: Dict[str, float]) -> List[str]:
    if not ratios:
        return []
    lines = ["Ours over the best of the others: of rates more is better, of `p99` less.", "", "| ratio | |", "|---|---:|"]
    return [*lines, *(f"| {name} | {value:.2f} |" for name, value in ratios.items()), ""]


def _section(document: Document, name: str, about: str, columns: List[table.Column]) -> List[str]:
    part = document["measured"].get(name)
    if part is None:
        return []
    cases = [case for case in document["cases"] if case["workload"] == name]
    lines = [f"## `{name}`: {about}", "", *([QUICK, ""] if part["quick"] else []), _origin(part), ""]
    lines += [*table.lines(columns, cases), ""] if cases else []
    failed = [f"* `{one}` has failed: {' '.join(reason.split())}" for one, reason in part["failed"].items()]
    return [*lines, *failed, ""] if failed else lines


def _origin(part: Dict[str, Any]) -> str:
    on = part["machine"]
    runs = "once" if part["runs"] == 1 else f"{part['runs']} runs"
    load = ", ".join(f"{value:.2f} {when}" for when, value in part["load"].items())
    return (
        f"{part['date']}, commit {part['commit']}, {runs}, on {on['cpu']}, {on['memory']}, {on['system']}. MongoDB {on['mongodb']}, "
        f"Kafka {on['kafka']}, MongoDB Kafka Connector {on['mongodb connector']}, Debezium {on['debezium']}. Load average of a minute: {load}."
    )
