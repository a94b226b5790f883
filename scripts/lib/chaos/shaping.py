"""The field rules again, apart from the pipeline's: which top-level fields of a raw document pass. `_id` always does."""

from __future__ import annotations

import struct
from dataclasses import dataclass
from typing import Any, FrozenSet, Iterator, Optional, Tuple

from bson import decode, encode

# Lengths of values by type; a function of the bytes for the others. https://bsonspec.org/spec.html
FIXED = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0xFF: 0, 0x7F: 0}
LENGTH_AND_TEXT = (0x02, 0x0D, 0x0E)
WHOLE = (0x03, 0x04, 0x0F)
BINARY, REGEX, POINTER = 0x05, 0x0B, 0x0C


@dataclass(frozen=True)
class Rule:
    """An allowlist or a denylist of top-level fields; neither: everything passes."""

    allow: Optional[FrozenSet[str]] = None
    deny: FrozenSet[str] = frozenset()

    def passes(self, name: str) -> bool:
        """Whether a field goes on."""
        return name == "_id" or ((self.allow is None or name in self.allow) and name not in self.deny)


def shaped(raw: bytes, rule: Rule) -> bytes:
    """The document with only the fields that pass, each byte for byte as it was."""
    kept = b"".join(element for name, element in elements(raw) if rule.passes(name))
    return struct.pack("<i", len(kept) + 5) + kept + b"\0"


def elements(raw: bytes) -> Iterator[Tuple[str, bytes]]:
    """The top-level elements: name, and all bytes from the type on."""
    at, end = 4, len(raw) - 1
    while at < end:
        name_end = raw.index(0, at + 1)
        after = name_end + 1 + _length(raw[at], raw, name_end + 1)
        yield raw[at + 1 : name_end].decode(errors="surrogateescape"), raw[at:after]
        at = after


def _length(kind: int, raw: bytes, at: int) -> int:
    if kind in FIXED:
        return FIXED[kind]
    if kind == REGEX:
        return raw.index(0, raw.index(0, at) + 1) + 1 - at
    (stated,) = struct.unpack_from("<i", raw, at)
    if kind in WHOLE:
        return int(stated)
    return int(stated) + {BINARY: 5, POINTER: 16}.get(kind, 4)


def sorted_content(raw: bytes) -> bytes:
    """The same for documents that differ in nothing but the order of fields, at any depth."""
    return bytes(encode(_sorted(decode(raw))))


def _sorted(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _sorted(value[name]) for name in sorted(value)}
    return [_sorted(one) for one in value] if isinstance(value, list) else value
