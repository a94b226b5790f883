"""The results: a table for people, JSON for machines."""

from __future__ import annotations

import json
import os
import platform
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Dict, List, Optional

from stack import paths, versions
from stack.failure import say

from bench.cases import QUICK_DIVISOR, SYSTEMS, WORKLOADS
from bench.options import Options

FOLDER = paths.CHECKOUT / "bench" / "results"


@dataclass(frozen=True)
class Case:
    """One workload carried by one system: medians over the runs, memory the most of all."""

    workload: str
    system: str
    events_per_s: float
    cpu_s_per_million: Dict[str, float]
    peak_rss_mb: Dict[str, float]
    runs: List[float]


def write(cases: List[Case], options: Options) -> None:
    """Prints the table; a whole run also replaces the committed results."""
    document = {"machine": machine(), "quick": options.quick, "cases": [asdict(case) for case in cases], "ratios": ratios(cases)}
    text = markdown(document)
    say(text)
    if options.json:
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    if not options.quick and not options.only:
        FOLDER.mkdir(parents=True, exist_ok=True)
        (FOLDER / "results.json").write_text(json.dumps(document, indent=2) + "\n")
        (FOLDER / "results.md").write_text(text)


def machine() -> Dict[str, str]:
    """What it ran on."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line), "")
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**30
    pins = versions.load()
    return {
        "cpu": f"{os.cpu_count()} x {model}",
        "memory": f"{memory} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "kafka": pins.kafka.version,
    }


def ratios(cases: List[Case]) -> Dict[str, float]:
    """Rates of ours over rates of the floor."""
    rate = {(case.workload, case.system): case.events_per_s for case in cases}

    def ratio(workload: str, ours: str, other: str) -> Optional[float]:
        both = rate.get((workload, ours)), rate.get((workload, other))
        return both[0] / both[1] if both[0] and both[1] else None

    wanted = {
        "snapshot_vs_floor": ("snapshot-users", "oplogue", "floor-kafka"),
        "drain_vs_floor": ("drain-users", "oplogue", "floor-kafka"),
    }
    found = {name: ratio(*which) for name, which in wanted.items()}
    return {name: value for name, value in found.items() if value is not None}


def markdown(document: Dict) -> str:
    """The table."""
    on = document["machine"]
    lines = [
        "# Measured by scripts/bench",
        "",
        f"On {on['cpu']}, {on['memory']}, {on['system']}; Kafka {on['kafka']}; all processes on this one machine. Medians; memory is the most.",
        "",
        *(f"* `{name}`: {about}" for name, about in SYSTEMS.items()),
        "",
        "| workload | system | events/s | CPU seconds per million events | peak MB |",
        "|---|---|---:|---|---|",
    ]
    about = {one.name: one.about for one in WORKLOADS}
    if document["quick"]:
        lines.insert(2, f"A quick run: a {QUICK_DIVISOR}th of the documents, once each. Starting up weighs most in it; compare nothing.\n")
    for case in document["cases"]:
        cpu = ", ".join(f"{name} {value:.1f}" for name, value in case["cpu_s_per_million"].items())
        services = ("source mongod", "target mongod", "broker")
        memory = ", ".join(f"{name} {value:.0f}" for name, value in case["peak_rss_mb"].items() if name not in services)
        lines.append(f"| {about[case['workload']]} | `{case['system']}` | {case['events_per_s']:,.0f} | {cpu} | {memory} |")
    lines += ["", *(f"* {name}: {value:.2f}" for name, value in document["ratios"].items()), ""]
    return "\n".join(lines)
