"""Checks c and d: how the target followed the source, document by document.

c. The states that a document went through at the target are a subsequence of those at the source: it may skip (several changes
   become one write) but never go back, vanish or return on its own.
d. Whoever claimed at some time that a partition was applied up to an offset was right: every document of it had by then at least
   the state that its last record below the offset leaves.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from typing import Dict, List, Optional, Tuple

from chaos.model import GONE, NO_DOCUMENT, UNKNOWN, Checkpoint, DocumentId, Position, Record, Seen, State, Time, Window, time_text
from chaos.verdict import Verdict
from chaos.workload.settings import comes_and_goes


def regressions(window: Window, base: Dict[DocumentId, State]) -> Verdict:
    """Check c; `base` is the state in which the last window left each document."""
    verdict = Verdict()
    for document, seen in window.target.items():
        states = [base.get(document, GONE), *(one.state for one in window.source.get(document, []))]
        wrong = _first_step_back(states, seen)
        if wrong is not None:
            now, before = seen[wrong], seen[wrong - 1].state if wrong else states[0]
            verdict.add(
                "regressed",
                f"{document}: {now.state} at {time_text(now.time)} after {before}, not the source's way {_around(states, before)}",
            )
    return verdict


def _first_step_back(states: List[State], seen: List[Seen]) -> Optional[int]:
    at = 0
    for index, one in enumerate(seen):
        if one.state == UNKNOWN or one.state == states[at]:
            continue
        try:
            at = states.index(one.state, at + 1)
        except ValueError:
            return index
    return None


def _around(states: List[State], state: State) -> str:
    at = states.index(state) if state in states else 0
    return f"…{states[max(0, at - 3) : at + 4]}…"


class Reach:
    """How far each document had come at the target by some time, counted in changes of the source."""

    def __init__(self, window: Window, base: Dict[DocumentId, State]) -> None:
        self._window, self._base = window, base
        self._orders: Dict[DocumentId, Dict[State, List[int]]] = {}

    def state(self, document: DocumentId, time: Time) -> State:
        """The document's state at the target at that time."""
        seen = [one for one in self._window.target.get(document, []) if one.state != UNKNOWN]
        at = bisect_right([one.time for one in seen], time)
        return seen[at - 1].state if at else self._base.get(document, GONE)

    def had(self, document: DocumentId) -> bool:
        """Whether the document was there when the window began."""
        return self._base.get(document, GONE) != GONE

    def has(self, document: DocumentId, time: Time, record: Record) -> bool:
        """Whether the document was at least where the record leaves it."""
        order = self._order(document)
        state = self.state(document, time)
        reached = order.get(state, [-1])[-1]
        wanted = order.get(record.change.state, [0])
        # The record's own place where a state comes more than once, as GONE does.
        times = [one.time for one in self._window.source.get(document, [])]
        own = [at for at in wanted if at and times[at - 1] == record.change.time]
        return reached >= (own or wanted)[0]

    def _order(self, document: DocumentId) -> Dict[State, List[int]]:
        if document not in self._orders:
            order: Dict[State, List[int]] = {}
            states = [self._base.get(document, GONE), *(one.state for one in self._window.source.get(document, []))]
            for at, state in enumerate(states):
                order.setdefault(state, []).append(at)
            self._orders[document] = order
        return self._orders[document]


def ahead(window: Window, base: Dict[DocumentId, State]) -> Verdict:
    """Check d at the target: every checkpoint against what the target held then."""
    verdict, reach = Verdict(), Reach(window, base)
    partitions: Dict[Tuple[str, int], List[Record]] = {}
    for record in window.records:
        partitions.setdefault(record.partition, []).append(record)
    checked: Dict[Tuple[str, Tuple[str, int]], int] = {}
    whole = _whole_from(partitions)
    for claim in window.checkpoints:
        records = partitions.get(claim.partition, [])
        begin = checked.get((claim.claimed_by, claim.partition), 0)
        end = bisect_left([one.offset for one in records], claim.offset)
        _claim(claim, records[begin:end], whole, reach, verdict)
        checked[claim.claimed_by, claim.partition] = max(begin, end)
        verdict.apart["checkpoints"] += 1
    return verdict


def _claim(claim: Checkpoint, records: List[Record], whole: Dict[DocumentId, int], reach: Reach, verdict: Verdict) -> None:
    last = {one.document: one for one in records if one.document[1] != NO_DOCUMENT and not comes_and_goes(one.document[0])}
    for document, record in last.items():
        # Only deltas of it came so far, before its copy: the target cannot hold it yet.
        is_partial = not reach.had(document) and record.offset < whole.get(document, record.offset + 1)
        if record.change.state == UNKNOWN or is_partial:
            continue
        if not reach.has(document, claim.time, record):
            told = f"{claim.claimed_by} said {claim.partition}@{claim.offset} at {time_text(claim.time)}"
            held = f"{document} was {reach.state(document, claim.time)}, not yet {record.change.state} (@{record.offset})"
            verdict.add("ahead", f"{told}, but {held}")


def _whole_from(partitions: Dict[Tuple[str, int], List[Record]]) -> Dict[DocumentId, int]:
    """The offset from which on the target can hold a document: its first record that is more than a delta."""
    first: Dict[DocumentId, int] = {}
    for records in partitions.values():
        for record in records:
            if record.change.operation != "update":
                first.setdefault(record.document, record.offset)
    return first


class Positions:
    """Check d in Kafka: a position that was committed claims records that were in the log by then."""

    def __init__(self) -> None:
        # Of each epoch, the last number of the windows before.
        self._reached: Dict[int, int] = {}

    def check(self, window: Window) -> Verdict:
        """Every position that was seen."""
        verdict = Verdict()
        for claim in window.positions:
            verdict.apart["positions"] += 1
            self._claim(claim, window.records, verdict)
        for record in window.records:
            epoch, number = record.sequence.epoch, record.sequence.number
            self._reached[epoch] = max(number, self._reached.get(epoch, 0))
        return verdict

    def _claim(self, claim: Position, records: List[Record], verdict: Verdict) -> None:
        claimed = [one for one in records if one.sequence.epoch == claim.epoch and one.sequence.number <= claim.number]
        late = [one.sequence.number for one in claimed if one.offset >= claim.ends.get(one.partition, 0)]
        reached = max([self._reached.get(claim.epoch, 0), *(one.sequence.number for one in claimed)])
        said = f"{claim.moment}: the position said {claim.epoch}/{claim.number}"
        if late:
            verdict.add("ahead", f"{said}, but {len(late)} of its records came later, the first is {min(late)}")
        elif reached < claim.number:
            verdict.add("ahead", f"{said}, but the topics end at {reached}")
