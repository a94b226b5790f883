"""The field rule on raw BSON: what the target should hold, worked out without a line of the pipeline.

Only lengths are read, values are copied as bytes, so a wrong type, a changed number or another order of fields cannot pass
unseen. It knows top-level names only, which is all that the demo's rule uses.
"""

from __future__ import annotations

import struct
from typing import Callable, Container, Dict, Iterator, Tuple

# https://bsonspec.org/spec.html : bytes that a value of each type takes, from where it begins.
FIXED_SIZES = {0x01: 8, 0x06: 0, 0x07: 12, 0x08: 1, 0x09: 8, 0x0A: 0, 0x10: 4, 0x11: 8, 0x12: 8, 0x13: 16, 0xFF: 0, 0x7F: 0}


def _document(raw: bytes, at: int) -> int:
    return _int32(raw, at)


def _string(raw: bytes, at: int) -> int:
    return 4 + _int32(raw, at)


def _binary(raw: bytes, at: int) -> int:
    return 5 + _int32(raw, at)


def _pointer(raw: bytes, at: int) -> int:
    return _string(raw, at) + 12


def _regex(raw: bytes, at: int) -> int:
    return raw.index(0, raw.index(0, at) + 1) + 1 - at


def _int32(raw: bytes, at: int) -> int:
    return int(struct.unpack_from("<i", raw, at)[0])


SIZES: Dict[int, Callable[[bytes, int], int]] = {
    0x02: _string,
    0x03: _document,
    0x04: _document,
    0x05: _binary,
    0x0B: _regex,
    0x0C: _pointer,
    0x0D: _string,
    0x0E: _string,
    0x0F: _document,
}


def shaped(raw: bytes, allowed: Container[str]) -> bytes:
    """The document with `_id` and the allowed top-level fields, in their order."""
    kept = b"".join(element for name, element in elements(raw) if name == "_id" or name in allowed)
    return struct.pack("<i", len(kept) + 5) + kept + b"\0"


def elements(raw: bytes) -> Iterator[Tuple[str, bytes]]:
    """Each field of a document: its name, and all of its bytes (type, name, value)."""
    if _int32(raw, 0) != len(raw) or raw[-1] != 0:
        raise ValueError("not a BSON document")
    at = 4
    while raw[at] != 0:
        begin_of_value = raw.index(0, at + 1) + 1
        end = begin_of_value + _size(raw[at], raw, begin_of_value)
        yield raw[at + 1 : begin_of_value - 1].decode(), raw[at:end]
        at = end


def _size(kind: int, raw: bytes, at: int) -> int:
    fixed = FIXED_SIZES.get(kind)
    return SIZES[kind](raw, at) if fixed is None else fixed
