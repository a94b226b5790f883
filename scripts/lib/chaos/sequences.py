"""Checks b and e, per partition and per slice: cluster time and sequence never go back in a partition, and the numbers of a
slice are contiguous over all its topics. Carries from window to window how far everything has come."""

from __future__ import annotations

from collections import Counter
from typing import Dict, List, Tuple

from chaos.model import Record, Time, Window, time_text
from chaos.verdict import Verdict

Run = Tuple[str, int]
TOLD = 5


class Sequences:
    """How far each partition and each slice has come."""

    def __init__(self) -> None:
        self._partitions: Dict[Tuple[str, int], Tuple[Time, Dict[str, Tuple[int, int]]]] = {}
        self._reached: Dict[Run, int] = {}

    def check(self, window: Window) -> Verdict:
        """The records of a window, which are in offset order within each partition."""
        verdict = Verdict()
        for record in window.records:
            self._in_partition(record, verdict)
        self._in_slices(window.records, verdict)
        return verdict

    def _in_partition(self, record: Record, verdict: Verdict) -> None:
        time, slices = self._partitions.get(record.partition, ((0, 0), {}))
        place = (record.sequence.epoch, record.sequence.number)
        where = f"{record.partition}@{record.offset}"
        if record.change.time < time:
            verdict.add("reordered", f"{where}: cluster time {time_text(record.change.time)} after {time_text(time)}")
        if place < slices.get(record.sequence.slice, (0, 0)):
            verdict.add("reordered", f"{where}: sequence {place} after {slices[record.sequence.slice]}")
        slices[record.sequence.slice] = max(place, slices.get(record.sequence.slice, (0, 0)))
        self._partitions[record.partition] = (max(time, record.change.time), slices)

    def _in_slices(self, records: List[Record], verdict: Verdict) -> None:
        runs: Dict[Run, "Counter[int]"] = {}
        for record in records:
            runs.setdefault(record.sequence[:2], Counter())[record.sequence.number] += 1
        for run, numbers in runs.items():
            first, last = self._reached.get(run, 0) + 1, max(numbers)
            missing = [number for number in range(first, last + 1) if number not in numbers]
            doubled = [number for number, times in numbers.items() if times > 1 or number < first]
            for kind, wrong in (("lost", missing), ("duplicated", doubled)):
                for number in wrong[:TOLD]:
                    verdict.add(kind, f"sequence {run[0]}/{run[1]}/{number}: {kind}")
                for _ in wrong[TOLD:]:
                    verdict.add(kind, f"sequence {run[0]}/{run[1]}: {kind}, one of {len(wrong)}")
            self._reached[run] = max(last, self._reached.get(run, 0))
