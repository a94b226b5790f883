"""Both sides beside each other."""

from __future__ import annotations

import unittest

import bson
from bson import Int64

from demo.comparison import difference, side_by_side

ALLOWED = ("name", "tags")


class Differences(unittest.TestCase):
    def test_equal_under_the_allowlist_is_no_difference(self) -> None:
        source = {1: bson.encode({"_id": 1, "name": "Ada", "age": 36, "tags": []})}
        target = {1: bson.encode({"_id": 1, "name": "Ada", "tags": []})}
        found = difference(source, target, ALLOWED)
        self.assertEqual((found.count, str(found)), (0, "no difference"))

    def test_denied_field_other_type_and_other_order_are_differences(self) -> None:
        source = {1: bson.encode({"_id": 1, "name": 7, "age": 36, "tags": []})}
        for wrong in ({"name": 7, "age": 36, "tags": []}, {"name": Int64(7), "tags": []}, {"tags": [], "name": 7}, {"name": 7}):
            found = difference(source, {1: bson.encode({"_id": 1, **wrong})}, ALLOWED)
            self.assertEqual(found.different, [1], wrong)

    def test_missing_and_extra_are_told_with_the_first_few_ids(self) -> None:
        both = {number: bson.encode({"_id": number}) for number in range(9)}
        found = difference({n: both[n] for n in range(5)}, {n: both[n] for n in range(4, 9)}, ALLOWED)
        self.assertEqual((found.count, str(found)), (8, "4 missing (_id 0, 1, 2, …), 4 extra (_id 5, 6, 7, …)"))


class SideBySide(unittest.TestCase):
    def test_columns_stand_under_their_names_and_an_absent_field_shows(self) -> None:
        lines = side_by_side({"source": {"_id": 7, "age": 36, "name": "Zoë"}, "target": {"_id": 7, "name": "Zoë", "x": [1, 2]}})
        self.assertEqual(
            lines,
            [
                "        _id  age  name   x",
                'source  7    36   "Zoë"  ·',
                'target  7    ·    "Zoë"  [1,2]',
            ],
        )
