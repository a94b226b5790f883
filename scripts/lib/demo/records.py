"""Records as kcat prints them in FORMAT, one a line."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Dict, Iterable, List, NamedTuple

# Partition, offset, headers, key, value. In JSON text a tab is escaped, and no header holds one.
FORMAT = r"%p\t%o\t%h\t%k\t%s\n"


class Sequence(NamedTuple):
    """The place of a record in its slice."""

    slice: str
    epoch: int
    number: int


@dataclass(frozen=True)
class Record:
    """One record; key and value are text as it stands in Kafka."""

    partition: int
    offset: int
    headers: Dict[str, str]
    key: str
    value: str

    @property
    def sequence(self) -> Sequence:
        """The header `seq`."""
        slice_name, epoch, number = self.headers["seq"].rsplit("/", 2)
        return Sequence(slice_name, int(epoch), int(number))

    @property
    def cluster_time(self) -> "tuple[int, int]":
        """The header `ct`."""
        seconds, _, increment = self.headers["ct"].partition(".")
        return int(seconds), int(increment)


def parse(lines: Iterable[str]) -> List[Record]:
    """Reads what kcat printed."""
    return [_record(line) for line in lines if line]


def _record(line: str) -> Record:
    partition, offset, headers, key, value = line.split("\t", 4)
    pairs = (pair.partition("=") for pair in headers.split(",") if pair)
    return Record(int(partition), int(offset), {name: held for name, _, held in pairs}, key, value)
