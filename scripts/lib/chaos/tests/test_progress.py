"""Checks c and d: the target's way, and what was claimed about it."""

from __future__ import annotations

import unittest

from chaos import progress
from chaos.model import GONE, UNKNOWN, Checkpoint, Position, Seen
from chaos.progress import Positions
from chaos.tests.histories import ONE, PARTITIONS, TWO, change, record, right


def steps_back(window, base=None):
    return progress.regressions(window, base or {}).counts["regressed"]


def at(second, state):
    return Seen((second, 1), state)


class Regressions(unittest.TestCase):
    def test_every_state_of_the_source_in_order_is_right(self):
        self.assertEqual(steps_back(right()), 0)

    def test_states_may_be_skipped_and_repeated(self):
        window = right()
        window.target[ONE] = [at(101, 11), at(102, 11), at(103, UNKNOWN), at(104, 13)]
        self.assertEqual(steps_back(window), 0)

    def test_an_older_state_is_a_regression(self):
        window = right()
        window.target[TWO] = [at(101, 21), at(102, 20), at(103, 22)]
        self.assertEqual(steps_back(window), 1)

    def test_vanishing_without_a_delete_is_a_regression(self):
        window = right()
        window.target[TWO] = [at(101, 21), at(102, GONE), at(103, 22)]
        self.assertEqual(steps_back(window), 1)

    def test_returning_after_the_delete_as_before_is_a_regression(self):
        window = right()
        window.target[ONE] = [at(101, 11), at(102, GONE), at(103, 11)]
        self.assertEqual(steps_back(window), 1)

    def test_a_window_goes_on_where_the_last_one_ended(self):
        window = right()
        window.target[TWO] = [at(101, 19), at(102, 20)]
        self.assertEqual(steps_back(window), 1)
        self.assertEqual(steps_back(window, {TWO: 19}), 0)


def claims(window, *checkpoints, base=None):
    window.checkpoints = [
        Checkpoint((second, 1), PARTITIONS[document], offset, "test") for second, document, offset in checkpoints
    ]
    return progress.ahead(window, base or {}).counts["ahead"]


class Ahead(unittest.TestCase):
    def offset_behind(self, window, document, state):
        return next(one.offset for one in window.records if one.document == document and one.change.state == state) + 1

    def test_an_offset_whose_records_are_applied_is_right(self):
        window = right()
        self.assertEqual(
            claims(window, (103, ONE, self.offset_behind(window, ONE, 11)), (108, ONE, self.offset_behind(window, ONE, 13))), 0
        )

    def test_an_offset_committed_early_is_ahead(self):
        window = right()
        self.assertEqual(claims(window, (102, ONE, self.offset_behind(window, ONE, 11))), 1)

    def test_a_delete_that_is_not_applied_yet_is_ahead(self):
        window = right()
        self.assertEqual(claims(window, (103, ONE, self.offset_behind(window, ONE, GONE))), 1)
        self.assertEqual(claims(right(), (104, ONE, self.offset_behind(window, ONE, GONE))), 0)

    def test_an_insert_that_is_not_applied_at_all_is_ahead(self):
        window = right()
        window.target[TWO] = []
        self.assertEqual(claims(window, (200, TWO, self.offset_behind(window, TWO, 20))), 1)

    def test_a_delta_before_its_copy_claims_nothing(self):
        window = right()
        window.records = [one for one in window.records if one.document != TWO]
        window.records += [record(TWO, change(5, 21), 20), record(TWO, change(6, 21, "insert"), 21, is_snapshot=True)]
        window.target[TWO] = [at(106, 21)]
        self.assertEqual(claims(window, (105, TWO, 21)), 0)
        self.assertEqual(claims(window, (105, TWO, 22)), 1)
        self.assertEqual(claims(window, (106, TWO, 22)), 0)

    def test_a_target_further_on_than_claimed_is_right(self):
        window = right()
        self.assertEqual(claims(window, (190, TWO, self.offset_behind(window, TWO, 20))), 0)


class PositionsInKafka(unittest.TestCase):
    def counts(self, number, ends):
        window = right()
        window.positions = [Position(0, number, ends, "test")]
        return Positions().check(window).counts["ahead"]

    def test_a_position_whose_records_are_in_the_log_is_right(self):
        self.assertEqual(self.counts(8, {PARTITIONS[ONE]: 9, PARTITIONS[TWO]: 9}), 0)
        self.assertEqual(self.counts(3, {PARTITIONS[ONE]: 4, PARTITIONS[TWO]: 4}), 0)

    def test_a_position_whose_last_record_came_later_is_ahead(self):
        self.assertEqual(self.counts(8, {PARTITIONS[ONE]: 8, PARTITIONS[TWO]: 8}), 1)

    def test_a_position_in_a_partition_that_was_empty_is_ahead(self):
        self.assertEqual(self.counts(8, {PARTITIONS[ONE]: 9}), 1)

    def test_a_position_of_records_that_never_came_is_ahead(self):
        self.assertEqual(self.counts(9, {PARTITIONS[ONE]: 9, PARTITIONS[TWO]: 9}), 1)


if __name__ == "__main__":
    unittest.main()
