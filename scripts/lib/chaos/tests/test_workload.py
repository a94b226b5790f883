"""What is written: `_id`s that differ, documents that BSON holds, and no change without its `rev`."""

from __future__ import annotations

import unittest
from random import Random

from bson import decode, encode

from chaos.identity import identity
from chaos.workload import documents, operations
from chaos.workload.namespaces import ALL, Namespace


class Workload(unittest.TestCase):
    def test_ids_of_all_types_are_different_documents(self):
        ids = documents.mixed_ids(200, Random(1))
        self.assertEqual(len({identity(one) for one in ids}), 200)
        self.assertGreater(len({type(one) for one in ids}), 10)

    def test_documents_are_bson_and_come_from_the_seed_alone(self):
        made = [[documents.document(n, n, Random(f"{seed} {n}")) for n in range(300)] for seed in (1, 1)]
        self.assertEqual(*([encode(one) for one in half] for half in made))
        self.assertTrue(all(decode(encode(one))["rev"] == one["rev"] for one in made[0]))

    def test_every_update_sets_rev_and_only_one_namespace_moves_fields(self):
        chance = Random(2)
        for namespace in ALL:
            for rev in range(1, 400):
                update = operations.update(namespace, rev, chance)
                first = update[0] if isinstance(update, list) else update
                self.assertEqual(first["$set"]["rev"], rev)
                moves = isinstance(update, list) and len(update) > 1
                self.assertTrue(namespace.may_move or not moves)

    def test_a_number_comes_back_as_another_number_of_the_same_identity(self):
        namespace, chance = Namespace("a", "b", 1, 1, has_mixed_ids=True), Random(3)
        keys = [operations.insertion(namespace, 7, 1, chance)._doc["_id"] for _ in range(60)]
        self.assertEqual({identity(one) for one in keys}, {identity(7)})
        self.assertGreater(len({type(one) for one in keys}), 3)


if __name__ == "__main__":
    unittest.main()
