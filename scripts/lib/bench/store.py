"""The results as they are kept: by workload, each with what it was measured on and when.

A full measurement takes hours. So results accumulate: what a run has measured of a workload replaces all that was known of that workload, and
nothing else. All systems of a workload are therefore always of one run, and comparable.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Dict, List

from stack import paths

from bench import charts, report
from bench.cases import SYSTEMS, WORKLOADS
from bench.ratios import ratios
from bench.results import Case
from bench.series import SERIES

FOLDER = paths.CHECKOUT / "bench" / "results"
ORDER = [one.name for one in (*WORKLOADS, *SERIES)]

Document = Dict[str, Any]


@dataclass(frozen=True)
class Part:
    """What one run has measured of one workload or series."""

    # Or series.
    workload: str
    date: str
    commit: str
    quick: bool
    # Of each case that did not fail.
    runs: int
    machine: Dict[str, str]
    # The load average of the last minute, by when.
    load: Dict[str, float]
    # Why, by system or point.
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
    measured = {**known["measured"], part.workload: about}
    in_order = {name: measured[name] for name in sorted(measured, key=lambda name: _index(ORDER, name))}
    return {"measured": in_order, "cases": cases, "ratios": ratios(cases)}


def _place(case: Dict[str, Any]) -> "tuple[int, int, int]":
    return _index(ORDER, case["workload"]), _index(list(SYSTEMS), case["system"]), case["at"] or 0


def _index(names: List[str], name: str) -> int:
    return names.index(name) if name in names else len(names)


@dataclass(frozen=True)
class Store:
    """A file of results, beside which is what people read."""

    name: str
    # By the name of a file.
    for_people: Callable[[Document], Dict[str, str]]
    folder: Path = FOLDER

    def read(self) -> Document:
        """What has been kept."""
        file = self.folder / f"{self.name}.json"
        return json.loads(file.read_text()) if file.exists() else empty()

    def add(self, part: Part) -> None:
        """Keeps a part."""
        document = merged(self.read(), part)
        self.folder.mkdir(parents=True, exist_ok=True)
        write_json(document, self.folder / f"{self.name}.json")
        for name, text in self.for_people(document).items():
            (self.folder / name).write_text(text)


RESULTS = Store("results", lambda document: {"results.md": report.results(document), **charts.drawn(document)})
SCALING = Store("scaling", lambda document: {"scaling.md": report.scaling(document), **charts.of_series(document)})


def of(subject: str) -> Store:
    """Where results of it are kept."""
    return SCALING if subject in [one.name for one in SERIES] else RESULTS


def write_json(document: Document, file: Path) -> None:
    """As a whole or not at all: a run may be ended at any time."""
    aside = file.with_name(f".{file.name}.new")
    aside.write_text(json.dumps(document, indent=2) + "\n")
    aside.replace(file)
