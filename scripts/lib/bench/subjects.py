"""What is measured in turns and stays together in the results: a workload with all its systems, or a series with all its points."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Tuple

from bench import systems
from bench.cases import Workload
from bench.options import Options
from bench.series import LARGEST, OURS, Series


@dataclass(frozen=True)
class Entry:
    """A workload, and the system that carries it."""

    workload: Workload
    system: str

    @property
    def label(self) -> str:
        """Tells it from the others of its subject."""
        return self.system if self.workload.at is None else f"{self.workload.at:,}"


@dataclass(frozen=True)
class Subject:
    """Entries that take turns."""

    name: str
    entries: Tuple[Entry, ...]
    # Whether results may replace what is known of it.
    is_kept: bool


def chosen(options: Options) -> "list[Subject]":
    """What was asked for."""
    return [*(_of(one, options) for one in options.workloads()), *(_of_series(one, options) for one in options.series())]


def _of(workload: Workload, options: Options) -> Subject:
    sized = workload.smaller() if options.quick else workload
    entries = tuple(Entry(sized, name) for name in options.systems() if systems.carries(name, workload))
    return Subject(workload.name, entries, options.is_whole and options.has_all_systems)


def _of_series(series: Series, options: Options) -> Subject:
    points = [one for one in series.points if options.largest or one.at != LARGEST]
    entries = tuple(Entry(one.smaller() if options.quick else one, OURS) for one in points)
    return Subject(series.name, entries, options.is_whole)
