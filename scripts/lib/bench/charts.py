"""Which charts are drawn of the results, and of which of their figures."""

from __future__ import annotations

from typing import Any, Callable, Dict, List, Optional, Tuple

from bench.cases import WORKLOADS, Workload
from bench.chart import Bar, Chart, Group, svg
from bench.series import SERIES, Series
from bench.table import SERVICES

OURS = ("oplogue", "oplogue-source")
FLOOR = "floor-kafka"
# What the charts of rates, CPU and memory are of.
SHOWN = ("snapshot-users", "drain-users")
# From the source to the target.
ORDER = ("source mongod", "producer", "connect", "floor", "broker", "worker", "target mongod")

Document = Dict[str, Any]
Case = Dict[str, Any]
Segments = Tuple[Tuple[str, float], ...]


def drawn(document: Document) -> Dict[str, str]:
    """SVG by file name; only of what was measured."""
    charts = {"rates.svg": _rates(document), "cpu.svg": _cpu(document), "memory.svg": _memory(document), "latency.svg": _latency(document)}
    return {name: svg(chart) for name, chart in charts.items() if chart.groups}


def of_series(document: Document) -> Dict[str, str]:
    """The same of the series: what an event costs at each point."""
    groups = tuple(group for group in (_points(document, series) for series in SERIES) if group.bars)
    if not groups:
        return {}
    title = "CPU microseconds by process: level is better; a scale for each series"
    note = _note(document, tuple(one.name for one in SERIES))
    return {"scaling.svg": svg(Chart(title, groups, digits=1, is_one_scale=False, note=note))}


def _points(document: Document, series: Series) -> Group:
    cases = [case for case in document["cases"] if case["workload"] == series.name]
    bars = (Bar(f"{case['at']:,} {series.unit}", _by_process(series.costs(case)), True) for case in cases)
    return Group(f"{series.about}: per {series.each}", tuple(bars))


def _rates(document: Document) -> Chart:
    groups = _groups(document, SHOWN, lambda case: _one(case, case["events_per_s"]), is_floor_a_line=True)
    return Chart("Events per second: more is better", groups, line="floor", note=_note(document, SHOWN))


def _cpu(document: Document) -> Chart:
    groups = _groups(document, SHOWN, lambda case: _by_process(case["cpu_s_per_million"]))
    return Chart("CPU seconds per million events, by process: less is better", groups, digits=1, note=_note(document, SHOWN))


def _memory(document: Document) -> Chart:
    """Without the services': they have what they were given."""

    def own(case: Case) -> Segments:
        return _by_process({name: value for name, value in case["peak_rss_mb"].items() if name not in SERVICES})

    groups = _groups(document, SHOWN, own)
    return Chart("Peak resident memory in MB: less is better", groups, note=_note(document, SHOWN))


def _latency(document: Document) -> Chart:
    names = tuple(one.name for one in WORKLOADS if one.way == "latency")
    groups = _groups(document, names, lambda case: _one(case, case["p99_ms"]))
    title = "From write due to visible at the target, 99th percentile in ms: less is better; a scale for each rate"
    return Chart(title, groups, digits=1, is_one_scale=False, note=_note(document, names))


def _groups(
    document: Document, names: Tuple[str, ...], figures: Callable[[Case], Optional[Segments]], is_floor_a_line: bool = False
) -> Tuple[Group, ...]:
    found = []
    for workload in WORKLOADS:
        cases = [case for case in document["cases"] if case["workload"] == workload.name] if workload.name in names else []
        found += _group(workload, cases, figures, is_floor_a_line) if cases else []
    return tuple(found)


def _group(workload: Workload, cases: List[Case], figures: Callable[[Case], Optional[Segments]], is_floor_a_line: bool) -> List[Group]:
    by_system = {case["system"]: figures(case) for case in cases}
    line = by_system.get(FLOOR) if is_floor_a_line else None
    without = ("floor", FLOOR) if is_floor_a_line else ()
    bars = [Bar(name, segments, name in OURS) for name, segments in by_system.items() if segments and name not in without]
    return [Group(workload.about, tuple(bars), line[0][1] if line else None)] if bars else []


def _one(case: Case, value: Optional[float]) -> Optional[Segments]:
    return None if value is None else (("ours" if case["system"] in OURS else "other", value),)


def _by_process(values: Dict[str, float]) -> Segments:
    return tuple((name, values[name]) for name in ORDER if name in values)


def _note(document: Document, names: Tuple[str, ...]) -> str:
    parts = [part for name, part in document["measured"].items() if name in names]
    if not parts:
        return ""
    commits = ", ".join(dict.fromkeys(part["commit"] for part in parts))
    return f"{parts[-1]['machine']['cpu']}, everything on one machine; {parts[-1]['date']}; commit {commits}; medians"
