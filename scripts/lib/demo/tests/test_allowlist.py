"""The allowlist on raw BSON, against pymongo's own encoding of what should be left."""

from __future__ import annotations

import datetime
import unittest
import uuid
from typing import Any, Dict

import bson
from bson import Binary, Code, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

from demo.allowlist import elements, shaped

ANY: Dict[str, Any] = {
    "_id": 1,
    "double": float("nan"),
    "string": "Zoë\0",
    "document": {"age": 1, "": {}},
    "array": [1, "two", [None]],
    "binary": Binary(b"\0\1", 128),
    "uuid": Binary.from_uuid(uuid.UUID(int=7)),
    "id": ObjectId(),
    "true": True,
    "date": datetime.datetime(2024, 2, 29),
    "null": None,
    "regex": Regex("a.*b", "im"),
    "code": Code("f()"),
    "scoped": Code("f()", {"x": 1}),
    "int": 1,
    "timestamp": Timestamp(5, 6),
    "long": Int64(1),
    "decimal": Decimal128("-0E+3"),
    "least": MinKey(),
    "most": MaxKey(),
    "reference": DBRef("c", 1),
}


class Allowlist(unittest.TestCase):
    def test_keeps_id_and_allowed_fields_of_every_type_in_their_order(self) -> None:
        for name in ANY:
            kept = {key: value for key, value in ANY.items() if key in ("_id", name)}
            self.assertEqual(shaped(bson.encode(ANY), (name,)), bson.encode(kept), name)

    def test_all_allowed_is_the_document_itself(self) -> None:
        raw = bson.encode(ANY)
        self.assertEqual(shaped(raw, ANY), raw)
        self.assertEqual([name for name, _ in elements(raw)], list(ANY))

    def test_nothing_allowed_leaves_the_id_wherever_it_stands(self) -> None:
        self.assertEqual(shaped(bson.encode({"age": 3, "_id": "x"}), ()), bson.encode({"_id": "x"}))
        self.assertEqual(shaped(bson.encode({"age": 3}), ()), bson.encode({}))

    def test_deprecated_types_are_measured_too(self) -> None:
        undefined, symbol, pointer = b"\x06u\0", b"\x0es\0\2\0\0\0x\0", b"\x0cp\0\2\0\0\0x\0" + b"7" * 12
        fields = b"\x10_id\0\1\0\0\0" + undefined + symbol + pointer + b"\x10z\0\2\0\0\0\0"
        raw = (len(fields) + 4).to_bytes(4, "little") + fields
        self.assertEqual([name for name, _ in elements(raw)], ["_id", "u", "s", "p", "z"])

    def test_other_bytes_are_refused(self) -> None:
        with self.assertRaises(ValueError):
            shaped(b"\5\0\0\0\1", ())
