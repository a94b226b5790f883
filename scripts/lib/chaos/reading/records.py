"""From what Kafka hands out to a record: headers, key, value in either format, values that came in parts. Pure."""

from __future__ import annotations

from typing import Dict, List, Mapping, NamedTuple, Optional, Tuple

from bson import encode, json_util
from bson.datetime_ms import DatetimeConversion  # type: ignore[attr-defined]
from bson.raw_bson import RawBSONDocument

from chaos.identity import identity
from chaos.model import NO_DOCUMENT, Record, Sequence
from chaos.reading.content import change_of, document_of
from chaos.verdict import Verdict

JSON = json_util.CANONICAL_JSON_OPTIONS.with_options(datetime_conversion=DatetimeConversion.DATETIME_MS)


class Raw(NamedTuple):
    """One record as it came."""

    partition: Tuple[str, int]
    offset: int
    headers: Mapping[str, str]
    key: Optional[bytes]
    value: bytes


class Reader:
    """Puts parts together; everything else stands by itself."""

    def __init__(self) -> None:
        self._parts: Dict[Tuple[str, int], List[Raw]] = {}

    def read(self, raw: Raw, verdict: Verdict) -> Optional[Record]:
        """The record; None when it is not the last of its parts, or is not readable, which is a finding."""
        try:
            whole = self._whole(raw)
            return record_of(whole) if whole else None
        except (ValueError, KeyError, TypeError, IndexError) as error:
            verdict.add("diverged", f"{raw.partition}@{raw.offset} cannot be read: {type(error).__name__}: {error}")
            return None

    def _whole(self, raw: Raw) -> Optional[Raw]:
        parts = self._parts.pop(raw.partition, [])
        if "part" not in raw.headers:
            if parts:
                raise ValueError(f"{len(parts)} parts before it, and not all of them")
            return raw
        number, _, count = raw.headers["part"].partition("/")
        parts.append(raw)
        if int(number) != len(parts):
            raise ValueError(f"part {number} is number {len(parts)}")
        if len({_beside_the_part(one) for one in parts}) > 1:
            raise ValueError("parts of several records mixed")
        if number != count:
            self._parts[raw.partition] = parts
            return None
        return raw._replace(value=b"".join(one.value for one in parts))


def _beside_the_part(raw: Raw) -> Tuple[object, ...]:
    """Key and headers, which all parts of a record have in common; how many parts there are is one of them."""
    headers = {**raw.headers, "part": raw.headers["part"].partition("/")[2]}
    return raw.key, *sorted(headers.items())


def record_of(raw: Raw) -> Record:
    """A whole record."""
    event = _event(raw)
    document = document_of(event)
    if _key(raw.key) != document[1]:
        raise ValueError("the key is not the event's documentKey")
    change = change_of(event)
    if raw.headers["ct"] != f"{change.time[0]}.{change.time[1]}" or raw.headers["op"] != change.operation:
        raise ValueError("headers and event disagree")
    if raw.headers["ns"] != document[0]:
        raise ValueError("header and event disagree about the namespace")
    sequence, is_snapshot = sequence_of(raw.headers["seq"]), raw.headers.get("snapshot") == "true"
    place, barrier = place_of(raw.headers.get("txn")), barrier_of(raw.headers.get("barrier"))
    return Record(raw.partition, raw.offset, sequence, is_snapshot, change, document, place, barrier)


def place_of(text: Optional[str]) -> Optional[Tuple[str, int, int]]:
    """The header `txn`."""
    if text is None:
        return None
    session, number, index = text.split("/")
    return session, int(number), int(index)


def barrier_of(text: Optional[str]) -> Optional[Tuple[int, int]]:
    """The header `barrier`: which record of how many."""
    if text is None:
        return None
    number, count = text.split(" ")[0].split("/")
    return int(number), int(count)


def sequence_of(text: str) -> Sequence:
    """The header `seq`."""
    name, epoch, number = text.rsplit("/", 2)
    return Sequence(name, int(epoch), int(number))


def _event(raw: Raw) -> RawBSONDocument:
    if raw.headers.get("format") == "bson":
        return RawBSONDocument(raw.value)
    return RawBSONDocument(encode(json_util.loads(raw.value.decode(), json_options=JSON)))


def _key(key: Optional[bytes]) -> object:
    if key is None:
        return NO_DOCUMENT
    is_text = key.startswith(b"{")
    parsed = json_util.loads(key.decode(), json_options=JSON) if is_text else dict(RawBSONDocument(key))
    return identity(parsed["_id"])
