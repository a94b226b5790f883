"""The results for people, as Markdown."""

from __future__ import annotations

from typing import Any, Dict, List, Optional

from bench.cases import QUICK_DIVISOR, SYSTEMS, WORKLOADS

# Their memory is what they were given, not what a system needs.
SERVICES = ("source mongod", "target mongod", "broker")
QUICK = f"A quick run: a {QUICK_DIVISOR}th of the documents, once each. Starting up weighs most in it; compare nothing."


def markdown(document: Dict[str, Any]) -> str:
    """All of it."""
    on, ways = document["machine"], {one.name: one for one in WORKLOADS}
    cases = document["cases"]
    carried = [one for one in cases if not ways[one["workload"]].is_live]
    live = [one for one in cases if ways[one["workload"]].is_live]
    lines = ["# Measured by scripts/bench", ""]
    lines += [QUICK, ""] if document["quick"] else []
    lines += [
        f"On {on['cpu']}, {on['memory']}, {on['system']}, all processes on this one machine. MongoDB {on['mongodb']}, Kafka {on['kafka']}, "
        f"MongoDB Kafka Connector {on['mongodb connector']}, Debezium {on['debezium']}.",
        "",
        f"Medians of {document['runs']} runs in alternating order; memory is the most. Load average of 15 minutes: "
        + ", ".join(f"{value:.1f} {when}" for when, value in document["load"].items())
        + ".",
        "",
        *(f"* `{name}`: {about}" for name, about in SYSTEMS.items()),
        "",
    ]
    lines += [*_carried(carried), ""] if carried else []
    lines += [*_live(live), ""] if live else []
    lines += [*(f"* {name}: {value:.2f}" for name, value in document["ratios"].items()), ""]
    lines += [*(f"* failed: {one}" for one in document["failed"]), ""] if document["failed"] else []
    return "\n".join(lines)


def _carried(cases: List[Dict[str, Any]]) -> List[str]:
    lines = [
        "| workload | system | events/s | MB/s | bytes in Kafka per event | CPU seconds per million events | peak MB |",
        "|---|---|---:|---:|---:|---|---|",
    ]
    for one in cases:
        figures = [_number(one[name], digits) for name, digits in (("events_per_s", 0), ("mb_per_s", 1), ("kafka_bytes_per_event", 0))]
        lines.append(_line(one, [*figures, _each(one["cpu_s_per_million"], 1), _memory(one)]))
    return lines


def _live(cases: List[Dict[str, Any]]) -> List[str]:
    lines = ["| workload | system | p50 ms | p99 ms | p99.9 ms | share of a core | peak MB |", "|---|---|---:|---:|---:|---|---|"]
    for one in cases:
        figures = [_number(one[name], 1) for name in ("p50_ms", "p99_ms", "p999_ms")]
        lines.append(_line(one, [*figures, _each(one["cpu_share"], 3), _memory(one)]))
    return lines


def _line(one: Dict[str, Any], cells: List[str]) -> str:
    about = {workload.name: workload.about for workload in WORKLOADS}[one["workload"]]
    return "| " + " | ".join([about, f"`{one['system']}`", *cells]) + " |"


def _number(value: Optional[float], digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _each(values: Dict[str, float], digits: int) -> str:
    return ", ".join(f"{name} {value:.{digits}f}" for name, value in values.items())


def _memory(one: Dict[str, Any]) -> str:
    return _each({name: value for name, value in one["peak_rss_mb"].items() if name not in SERVICES}, 0)
