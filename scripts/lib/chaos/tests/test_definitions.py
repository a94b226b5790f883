"""Definitions: what must be equal on both sides, and that a definition change is whole in its topics, or not there."""

from __future__ import annotations

import unittest
from random import Random

from bson import encode

from chaos import definitions
from chaos.model import NO_DOCUMENT, Change, Definition, Record, Sequence, Window
from chaos.workload.definitions import index, options


def side(**more):
    return {"delta.c0": {"documents": [encode({"_id": 1})], "options": {}, "indexes": {"_id_": {}}, **more}}


def barrier(operation="create", namespace="delta.c0", second=5, number=10, count=3, is_snapshot=False):
    change = Change((second, 1), operation, b"", None)
    return [
        Record((namespace, at), at, Sequence("rs0", 0, number + at), is_snapshot, change, (namespace, NO_DOCUMENT), None, (at + 1, count))
        for at in range(count)
    ]


def kinds(window):
    return [one.kind for one in definitions.check(window).findings]


class Sides(unittest.TestCase):
    def test_equal_sides_are_right_and_each_part_counts(self):
        self.assertTrue(definitions.compare(side(), side()).is_clean)
        for other in ({}, side(options={"collation": {"locale": "fr"}}), side(indexes={}), side(documents=[])):
            self.assertEqual(definitions.compare(side(), other).counts["diverged"], 1, other)


class Topics(unittest.TestCase):
    told = Definition((5, 1), "create", "delta.c0")

    def test_one_whole_barrier_for_each_definition_is_right(self):
        self.assertEqual(kinds(Window(records=barrier(), definitions=[self.told])), [])
        read = barrier("createIndexes", number=20, is_snapshot=True)
        self.assertEqual(kinds(Window(records=[*barrier(), *read], definitions=[self.told])), [])

    def test_a_missing_doubled_or_partial_one_is_found(self):
        self.assertEqual(kinds(Window(definitions=[self.told])), ["lost"])
        self.assertEqual(kinds(Window(records=barrier()[:2], definitions=[self.told])), ["lost"])
        twice = [*barrier(), *barrier(number=20)]
        self.assertEqual(kinds(Window(records=twice, definitions=[self.told])), ["duplicated"])

    def test_nothing_is_invented_but_the_drop_that_a_rename_implies(self):
        self.assertEqual(kinds(Window(records=barrier())), ["diverged"])
        renamed = Definition((5, 1), "rename", "delta.tmp1", "delta.c0")
        self.assertEqual(kinds(Window(records=barrier("drop"), definitions=[renamed])), [])
        hidden = Definition((5, 1), "create", "delta.hidden")
        self.assertEqual(kinds(Window(definitions=[hidden])), [])


class Chances(unittest.TestCase):
    def test_definitions_come_from_the_seed_alone_and_older_servers_can_have_them(self):
        made = [[(options(chance, False), index(chance)) for _ in range(200)] for chance in (Random(1), Random(1))]
        self.assertEqual(*made)
        self.assertFalse(any("clusteredIndex" in one or "changeStreamPreAndPostImages" in one for one, _ in made[0]))


if __name__ == "__main__":
    unittest.main()
