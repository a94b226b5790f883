"""Check a, with its own shaping and its own idea of equal `_id`s."""

from __future__ import annotations

import unittest

from bson import Decimal128, Int64, MinKey, Regex, encode
from bson.binary import Binary

from chaos.identity import identity
from chaos.shaping import Rule, shaped
from chaos.sides import compare, keyed

EVERYTHING = {
    "_id": 1,
    "a": 1.5,
    "b": "text",
    "c": {"x": [1, None]},
    "d": [],
    "e": Binary(b"12", 128),
    "f": None,
    "g": Regex("a", "i"),
    "h": Int64(3),
    "i": MinKey(),
    "j": Decimal128("1.0"),
    "k": True,
}


def compared(source, target, rule=Rule(), may_move=False):
    sides = [keyed([encode(one) for one in documents]) for documents in (source, target)]
    verdict = compare("db.a", *sides, rule, may_move)
    return verdict.counts["diverged"], verdict.apart["order_only"]


class Shaping(unittest.TestCase):
    def test_without_a_rule_every_byte_stays(self):
        self.assertEqual(shaped(encode(EVERYTHING), Rule()), encode(EVERYTHING))

    def test_an_allowlist_leaves_the_named_fields_and_the_id(self):
        rule = Rule(allow=frozenset("bgk"))
        self.assertEqual(shaped(encode(EVERYTHING), rule), encode({"_id": 1, "b": "text", "g": Regex("a", "i"), "k": True}))

    def test_a_denylist_takes_the_named_fields(self):
        rule = Rule(deny=frozenset({"_id", *"abcdefghij"}))
        self.assertEqual(shaped(encode(EVERYTHING), rule), encode({"_id": 1, "k": True}))


class Sides(unittest.TestCase):
    def test_equal_sides_are_right(self):
        self.assertEqual(compared([EVERYTHING], [EVERYTHING]), (0, 0))

    def test_missing_extra_and_different_documents_are_diverged(self):
        self.assertEqual(compared([{"_id": 1}, {"_id": 2, "a": 1}], [{"_id": 3}, {"_id": 2, "a": 2}]), (3, 0))

    def test_a_field_that_should_not_have_passed_is_diverged(self):
        self.assertEqual(compared([{"_id": 1, "a": 1, "b": 2}], [{"_id": 1, "a": 1, "b": 2}], Rule(deny=frozenset("b"))), (1, 0))

    def test_another_type_of_the_same_value_is_diverged(self):
        self.assertEqual(compared([{"_id": 1, "a": 1}], [{"_id": 1, "a": Int64(1)}]), (1, 0))

    def test_another_order_is_diverged_but_where_updates_move_fields(self):
        sides = [{"_id": 1, "a": {"x": 1, "y": 2}}], [{"_id": 1, "a": {"y": 2, "x": 1}}]
        self.assertEqual(compared(*sides), (1, 0))
        self.assertEqual(compared(*sides, may_move=True), (0, 1))


class Identities(unittest.TestCase):
    def test_numbers_are_equal_by_value(self):
        for other in (1.0, Int64(1), Decimal128("1"), Decimal128("1.0")):
            self.assertEqual(identity(1), identity(other))
            self.assertEqual(identity({"a": [1]}), identity({"a": [other]}))
        self.assertNotEqual(identity(1), identity(True))
        self.assertNotEqual(identity(1), identity("1"))

    def test_zeros_and_not_a_numbers_are_one_each(self):
        self.assertEqual(identity(0.0), identity(-0.0))
        self.assertEqual(identity(float("nan")), identity(Decimal128("NaN")))


if __name__ == "__main__":
    unittest.main()
