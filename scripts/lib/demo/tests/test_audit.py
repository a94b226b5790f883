"""What a reader can prove from a topic."""

from __future__ import annotations

import json
import unittest
from typing import Any

from demo import audit
from demo.records import Record


def record(number: int, partition: int = 0, time: str = "5.1", key: str = '{"_id":{"$numberInt":"1"}}', **more: Any) -> Record:
    headers = {"seq": f"rs0/1/{number}", "ct": time, "op": more.pop("op", "update")}
    value = more.pop("value", None) or json.dumps({"documentKey": json.loads(key), **more})
    return Record(partition, number, headers, key, value)


class CanonicalForm(unittest.TestCase):
    def test_canonical_is_told_from_relaxed(self) -> None:
        self.assertTrue(audit.is_canonical('{"a":{"$numberInt":"1"},"b":[{"$numberDouble":"-0.0"}],"c":{"$date":{"$numberLong":"0"}}}'))
        self.assertFalse(audit.is_canonical('{"a":1}'))
        self.assertFalse(audit.is_canonical('{"a":{"$date":"1970-01-01T00:00:00Z"}}'))

    def test_documents_are_checked_against_their_key(self) -> None:
        self.assertEqual(audit.wrong_documents([record(1)]), [])
        relaxed = record(2, value='{"documentKey":{"_id":{"$numberInt":"1"}},"x":1}')
        other = record(3, value='{"documentKey":{"_id":{"$numberInt":"2"}}}')
        self.assertEqual(
            audit.wrong_documents([relaxed, other, record(4, value="x")]),
            [
                "partition 0 offset 2: value is not canonical",
                'partition 0 offset 3: key {"_id":{"$numberInt":"1"}} is not its documentKey',
                "partition 0 offset 4: key or value is not JSON",
            ],
        )


class Sequences(unittest.TestCase):
    def test_contiguous_over_partitions_is_right(self) -> None:
        records = [record(1, 0), record(3, 0), record(2, 1), record(4, 1)]
        self.assertEqual(audit.wrong_sequence(records) + audit.wrong_order(records), [])

    def test_doubled_and_missing_numbers_are_told(self) -> None:
        self.assertEqual(audit.wrong_sequence([record(1), record(2), record(2), record(4)]), ["rs0/1/2 2 times", "rs0/1/3 missing"])
        self.assertEqual(audit.wrong_sequence([record(2)]), ["rs0/1/1 missing"])

    def test_going_back_within_a_partition_is_told(self) -> None:
        self.assertEqual(audit.wrong_order([record(2), record(1)]), ["partition 0 offset 1: rs0/1/1 after rs0/1/2"])
        self.assertEqual(audit.wrong_order([record(1, time="5.10"), record(2, time="5.9")]), ["partition 0 offset 2: rs0/1/2 after rs0/1/1"])
        self.assertEqual(audit.wrong_order([record(1, time="5.9"), record(2, time="5.10"), record(3, time="6.1")]), [])

    def test_nothing_at_all_is_not_right(self) -> None:
        self.assertEqual(audit.wrong_sequence([]), ["0 slices and epochs where one is expected"])


class Keys(unittest.TestCase):
    def test_repeated_and_wandering_keys_are_told(self) -> None:
        there, again = record(1), record(2, partition=5)
        self.assertEqual(audit.repeated_keys([there, again]), [there.key])
        self.assertEqual(audit.wandering_keys([there, again]), ['{"_id":{"$numberInt":"1"}} in 5'])
        self.assertEqual(audit.wandering_keys([there, there]), [])

    def test_operations_are_counted_and_truncations_with_them(self) -> None:
        truncating = record(2, updateDescription={"truncatedArrays": [{"field": "tags"}]})
        plain = record(3, updateDescription={"truncatedArrays": []})
        counted = audit.operations([record(1, op="insert"), truncating, plain])
        self.assertEqual((counted["insert"], counted["update"], counted["truncation"]), (1, 2, 1))
