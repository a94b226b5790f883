"""The results as they are kept: by workload, each with what it was measured on and when.

A full measurement takes hours. So results accumulate: what a run has measured of a workload replaces all that was known of that workload, and
nothing else. All systems of a workload are therefore always of one run, and comparable.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Dict, List

from stack import paths

from bench import charts, table
from bench.cases import SYSTEMS, WORKLOADS
from bench.ratios import ratios
from bench.results import Case

FOLDER = paths.CHECKOUT / "bench" / "results"
FILE = "results.json"

Document = Dict[str, Any]


@dataclass(frozen=True)
class Part:
    """What one run has measured of one workload."""

    workload: str
    date: str
    commit: str
    quick: bool
    # Of each case that did not fail.
    runs: int
    machine: Dict[str, str]
    # The load average of the last minute, by when.
    load: Dict[str, float]
    # Why, by system.
    failed: Dict[str, str]
    cases: List[Case]


def empty() -> Document:
    """Nothing is known."""
    return {"measured": {}, "cases": [], "ratios": {}}


def merged(known: Document, part: Part) -> Document:
    """What is known after a part."""
    about = {name: value for name, value in asdict(part).items() if name not in ("workload", "cases")}
    others = [case for case in known["cases"] if case["workload"] != part.workload]
    cases = sorted([*others, *map(asdict, part.cases)], key=_place)
    order = {workload.name: number for number, workload in enumerate(WORKLOADS)}
    measured = {**known["measured"], part.workload: about}
    in_order = {name: measured[name] for name in sorted(measured, key=lambda name: order.get(name, len(order)))}
    return {"measured": in_order, "cases": cases, "ratios": ratios(cases)}


def _place(case: Dict[str, Any]) -> "tuple[int, int]":
    workloads, systems = [workload.name for workload in WORKLOADS], list(SYSTEMS)
    return _index(workloads, case["workload"]), _index(systems, case["system"])


def _index(names: List[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


def read(folder: Path = FOLDER) -> Document:
    """What has been kept."""
    file = folder / FILE
    return json.loads(file.read_text()) if file.exists() else empty()


def write(document: Document, folder: Path = FOLDER) -> None:
    """Keeps it, for programs and for people."""
    folder.mkdir(parents=True, exist_ok=True)
    write_json(document, folder / FILE)
    (folder / "results.md").write_text(table.markdown(document))
    for name, drawing in charts.drawn(document).items():
        (folder / name).write_text(drawing)


def write_json(document: Document, file: Path) -> None:
    """As a whole or not at all: a run may be ended at any time."""
    aside = file.with_name(f".{file.name}.new")
    aside.write_text(json.dumps(document, indent=2) + "\n")
    aside.replace(file)
