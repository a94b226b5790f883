"""What the checks speak of: changes of documents as the source, the topics and the target each saw them. Values only.

A document is known by namespace and the identity of its `_id`. Every document that the workload writes carries `rev`, a number
that no other version of that document has, so a state of a document is its `rev`, or GONE.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Any, Dict, Hashable, List, NamedTuple, Optional, Tuple

Time = Tuple[int, int]
# Namespace and identity of the `_id`; no identity for what is about no document.
DocumentId = Tuple[str, Hashable]
# A `rev`, or one of these.
State = Any
GONE = "gone"
UNKNOWN = "unknown"

NO_DOCUMENT = ("about no document",)


class Change(NamedTuple):
    """One change, as the source's own stream tells it."""

    time: Time
    operation: str
    content: bytes
    state: State
    # Session (hex) and number of the transaction that it was part of.
    transaction: Optional[Tuple[str, int]] = None


class Definition(NamedTuple):
    """A change of a collection as a whole, as the source's own stream tells it."""

    time: Time
    operation: str
    namespace: str
    # What it is called from then on.
    to: Optional[str] = None


class Sequence(NamedTuple):
    """The place of a record in its slice."""

    slice: str
    epoch: int
    number: int


class Record(NamedTuple):
    """One change, as its topic holds it."""

    partition: Tuple[str, int]
    offset: int
    sequence: Sequence
    is_snapshot: bool
    change: Change
    document: DocumentId
    # Session, number and index, as the header says them.
    place: Optional[Tuple[str, int, int]] = None
    # Of a definition change, which of how many records it is.
    barrier: Optional[Tuple[int, int]] = None


class Seen(NamedTuple):
    """One change of a document at the target: when, and the state after it."""

    time: Time
    state: State


class Checkpoint(NamedTuple):
    """At a time of the target, everything of a partition below an offset was claimed to be there."""

    time: Time
    partition: Tuple[str, int]
    offset: int
    claimed_by: str


class Position(NamedTuple):
    """At a moment, the position claimed all records up to a number; the partitions ended at these offsets."""

    epoch: int
    number: int
    ends: Dict[Tuple[str, int], int]
    moment: str


@dataclass
class Window:
    """What happened since the last check, on all sides, each in its own order."""

    source: Dict[DocumentId, List[Change]] = field(default_factory=dict)
    records: List[Record] = field(default_factory=list)
    target: Dict[DocumentId, List[Seen]] = field(default_factory=dict)
    checkpoints: List[Checkpoint] = field(default_factory=list)
    positions: List[Position] = field(default_factory=list)
    definitions: List[Definition] = field(default_factory=list)
    # Where the stream begins: changes up to here are in no topic.
    since: Time = (0, 0)


def digest(*parts: bytes) -> bytes:
    """What stands for a content when contents are compared."""
    hashed = hashlib.blake2b(digest_size=12)
    for part in parts:
        hashed.update(len(part).to_bytes(4, "little"))
        hashed.update(part)
    return hashed.digest()


def time_text(time: Optional[Time]) -> str:
    """As headers write it."""
    return f"{time[0]}.{time[1]}" if time else "never"
