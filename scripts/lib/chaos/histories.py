"""Check b, per document: what its topic holds is its history at the source, each change once, in the source's order.

Snapshot records stand apart: they are no changes. A copy taken at cluster time Tc must stand behind every change up to Tc and
before every later one, and must be what the source's last change up to Tc left, where that change tells the whole document.
"""

from __future__ import annotations

from collections import Counter
from typing import Dict, List, Sequence

from chaos.model import GONE, NO_DOCUMENT, Change, DocumentId, Record, Window, time_text
from chaos.verdict import Verdict
from chaos.workload.settings import comes_and_goes

WHOLE = ("insert", "replace")
TOLD = 3


def check(window: Window) -> Verdict:
    """Every document of the window."""
    verdict = Verdict()
    records: Dict[DocumentId, List[Record]] = {}
    for record in window.records:
        if record.document[1] != NO_DOCUMENT:
            records.setdefault(record.document, []).append(record)
    for document in {**window.source, **records}:
        changes = [one for one in window.source.get(document, []) if one.time > window.since]
        _document(document, changes, records.get(document, []), verdict)
        # Where names change hands a copy may be of another collection's document.
        if not comes_and_goes(document[0]):
            _copies(document, window.source.get(document, []), records.get(document, []), verdict)
    return verdict


def _document(document: DocumentId, changes: List[Change], records: List[Record], verdict: Verdict) -> None:
    streamed = [one for one in records if not one.is_snapshot]
    expected, held = [_place(one) for one in changes], [_place(one.change) for one in streamed]
    if expected == held:
        return
    missing, extra = Counter(expected) - Counter(held), Counter(held) - Counter(expected)
    for place, times in missing.items():
        verdict.add("lost", f"{document}: {_text(place)} is in no record ({times})")
    known = Counter(expected)
    for place, times in extra.items():
        kind = "duplicated" if known[place] else "diverged"
        where = [f"{one.partition}@{one.offset}" for one in streamed if _place(one.change) == place]
        verdict.add(kind, f"{document}: {_text(place)} {times} time(s) too often: {', '.join(where)}")
    of_source = [place for place in held if known[place]]
    if not missing and _without_repeats(of_source) != _without_repeats(expected):
        verdict.add("reordered", f"{document}: {_texts(held)} but the source has {_texts(expected)}")


def _copies(document: DocumentId, changes: List[Change], records: List[Record], verdict: Verdict) -> None:
    copied_at = None
    for record in records:
        time = record.change.time
        if record.is_snapshot:
            verdict.apart["copies"] += 1
            copied_at = time
            _copy(document, changes, record, verdict)
        elif copied_at is not None and time <= copied_at:
            verdict.add(
                "reordered", f"{document}: the change at {time_text(time)} stands behind a copy of {time_text(copied_at)}"
            )


def _copy(document: DocumentId, changes: List[Change], record: Record, verdict: Verdict) -> None:
    before = [one for one in changes if one.time <= record.change.time]
    if not before:
        return
    last, copy = before[-1], record.change
    is_wrong = (last.state == GONE) != (copy.state == GONE)
    if last.operation in WHOLE and copy.state != GONE:
        is_wrong = last.content != copy.content
    if is_wrong:
        where = f"{record.partition}@{record.offset} of {time_text(copy.time)}"
        verdict.add("diverged", f"{document}: the copy {where} is not what {_text(_place(last))} left")


def _place(change: Change) -> tuple:
    return (change.time, change.operation, change.content)


def _without_repeats(places: Sequence[tuple]) -> List[tuple]:
    return list(dict.fromkeys(places))


def _text(place: tuple) -> str:
    return f"{place[1]} {time_text(place[0])} #{place[2].hex()[:8]}"


def _texts(places: Sequence[tuple]) -> str:
    more = f" … ({len(places)})" if len(places) > TOLD else ""
    return ", ".join(_text(one) for one in places[:TOLD]) + more
