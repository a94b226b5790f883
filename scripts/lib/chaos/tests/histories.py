"""Synthetic histories that are right, for tests to spoil."""

from __future__ import annotations

from typing import List, Tuple

from chaos.model import GONE, Change, DocumentId, Record, Seen, Sequence, State, Window, digest

ONE: DocumentId = ("db.a", ("number", 1))
TWO: DocumentId = ("db.b", ("number", 2))
PARTITIONS = {ONE: ("db.a", 0), TWO: ("db.b", 3)}


def change(second: int, state: State, operation: str = "") -> Change:
    """The change at a second that leaves a state."""
    told = operation or ("delete" if state == GONE else "insert" if second == 1 else "update")
    return Change((second, 1), told, digest(str(state).encode()), state)


def right() -> Window:
    """Two documents with a history each, all of it in Kafka and at the target."""
    source = {
        ONE: [change(1, 10), change(3, 11), change(4, GONE), change(6, 12, "insert"), change(8, 13)],
        TWO: [change(2, 20, "insert"), change(5, 21), change(7, 22, "replace")],
    }
    in_order: List[Tuple[DocumentId, Change]] = sorted(
        ((one, held) for one in source for held in source[one]), key=lambda pair: pair[1].time
    )
    records = [record(document, held, number) for number, (document, held) in enumerate(in_order, 1)]
    target = {one: [Seen((held.time[0] + 100, 1), held.state) for held in changes] for one, changes in source.items()}
    return Window(source, records, target)


def record(document: DocumentId, held: Change, number: int, is_snapshot: bool = False) -> Record:
    """A record whose offset and sequence number are `number`."""
    return Record(PARTITIONS[document], number, Sequence("rs0", 0, number), is_snapshot, held, document)
