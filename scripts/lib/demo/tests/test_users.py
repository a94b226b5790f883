"""Who is generated."""

from __future__ import annotations

import unittest

from pymongo import DeleteOne, InsertOne

from demo.steps import crash
from demo.users import Generator


class Users(unittest.TestCase):
    def test_the_same_seed_gives_the_same_people_and_changes(self) -> None:
        def all_of(seed: int) -> str:
            generator = Generator(seed)
            return repr([list(generator.users(9)), generator.sexes([1, 2, 3, 4, 5, 6, 7, 8]), crash.writes(generator, list(range(1, 120)))])

        self.assertEqual(all_of(7), all_of(7))
        self.assertNotEqual(all_of(7), all_of(8))

    def test_the_schema_begins_without_sex_and_goes_on_with_it(self) -> None:
        (first,) = Generator(7).users(1)
        self.assertEqual(list(first), ["_id", "firstname", "lastname", "age", "email"])
        self.assertEqual([one["_id"] for one in Generator(7).users_with_sex(3, 101)], [101, 102, 103])
        self.assertTrue(all(one["sex"] in "fm" for one in Generator(7).users_with_sex(20, 1)))


class Writes(unittest.TestCase):
    def test_nobody_is_changed_after_being_deleted_or_before_being_there(self) -> None:
        there = list(range(1, 51))
        for seed in range(20):
            writes = crash.writes(Generator(seed), there)
            deleted = [one._filter["_id"] for one in writes if isinstance(one, DeleteOne)]
            others = [one._filter["_id"] for one in writes if not isinstance(one, (DeleteOne, InsertOne))]
            self.assertFalse(set(deleted) & set(others))
            self.assertLessEqual(set(deleted) | set(others), set(there))
