"""Exchanges of unique values: the source takes every write, and what is believed of the documents is true."""

from __future__ import annotations

import itertools
import unittest
from random import Random
from typing import Any, Dict

from pymongo import DeleteOne, InsertOne

from chaos.workload.exchanges import Holder, Scene, cycle, exchange, leaving, loan, return_of, succession
from chaos.workload.namespaces import Namespace

NAMESPACE = Namespace("a", "b", existing=6, most=10, is_unique=True)


class Exchanges(unittest.TestCase):
    def setUp(self):
        self.documents: Dict[int, int] = {key: 100 + key for key in range(6)}
        self.vacant: list = []
        self.revs = itertools.count(1000)
        self.chance = Random(7)

    def scene(self) -> Scene:
        holders = [Holder(key, key, u) for key, u in self.documents.items()]
        absent = [(key, key) for key in range(10) if key not in self.documents]
        return Scene(NAMESPACE, holders, absent, self.vacant, self.revs, self.chance)

    def carry_out(self, kind) -> None:
        writes, there = kind(self.scene())
        for write in writes:
            self.apply(write)
            self.assertEqual(len(set(self.documents.values())), len(self.documents), f"{kind.__name__}: taken twice")
        for key, is_there in there.items():
            self.assertEqual(key in self.documents, is_there, kind.__name__)

    def apply(self, write: Any) -> None:
        if isinstance(write, InsertOne):
            self.assertNotIn(write._doc["_id"], self.documents)
            self.documents[write._doc["_id"]] = write._doc["u"]
        elif isinstance(write, DeleteOne):
            del self.documents[write._filter["_id"]]
        else:
            self.assertIn(write._filter["_id"], self.documents)
            self.documents[write._filter["_id"]] = write._doc["$set"]["u"]

    def test_a_value_never_has_two_documents(self):
        for _ in range(3000):
            self.carry_out(exchange)

    def test_a_cycle_only_moves_values_and_a_loan_changes_nothing(self):
        before = dict(self.documents)
        self.carry_out(cycle)
        self.assertEqual(sorted(before.values()), sorted(self.documents.values()))
        self.assertNotEqual(before, self.documents)
        before = dict(self.documents)
        self.carry_out(loan)
        self.assertEqual(before, self.documents)

    def test_a_successor_has_the_value_of_another_id(self):
        before = set(self.documents.values())
        for _ in range(20):
            self.carry_out(succession)
        self.assertEqual(before, set(self.documents.values()))

    def test_what_is_given_up_is_taken_again(self):
        self.carry_out(leaving)
        (given_up,) = self.vacant
        self.assertNotIn(given_up, self.documents.values())
        self.carry_out(return_of)
        self.assertIn(given_up, self.documents.values())


if __name__ == "__main__":
    unittest.main()
