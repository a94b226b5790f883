"""Checks b and e, by partition and by slice."""

from __future__ import annotations

import unittest

from chaos.model import Sequence, Window
from chaos.sequences import Sequences
from chaos.tests.histories import ONE, change, record, right


def counts(window, sequences=None):
    return {kind: count for kind, count in (sequences or Sequences()).check(window).counts.items() if count}


class InOrder(unittest.TestCase):
    def test_contiguous_numbers_and_rising_times_are_right(self):
        self.assertEqual(counts(right()), {})

    def test_a_missing_number_is_lost(self):
        window = right()
        del window.records[3]
        self.assertEqual(counts(window), {"lost": 1})

    def test_the_first_number_missing_is_lost(self):
        window = right()
        del window.records[0]
        self.assertEqual(counts(window), {"lost": 1})

    def test_a_number_twice_is_duplicated(self):
        window = right()
        window.records.append(window.records[-1]._replace(offset=99))
        self.assertEqual(counts(window), {"duplicated": 1})

    def test_a_doubled_batch_is_duplicated_and_goes_back(self):
        window = right()
        window.records += [one._replace(offset=one.offset + 50) for one in window.records[2:5]]
        found = counts(window)
        self.assertEqual(found["duplicated"], 3)
        self.assertGreater(found["reordered"], 0)

    def test_a_cluster_time_that_goes_back_in_a_partition_is_reordered(self):
        window = right()
        window.records.append(record(ONE, change(2, 14), 9))
        self.assertEqual(counts(window), {"reordered": 1})

    def test_an_epoch_counts_from_one_again(self):
        window = right()
        later = [
            one._replace(offset=one.offset + 50, sequence=Sequence("rs0", 1, number))
            for number, one in enumerate(right().records[-2:], 1)
        ]
        window.records += later
        self.assertEqual(counts(window), {})


class OverWindows(unittest.TestCase):
    def test_numbers_go_on_from_window_to_window(self):
        sequences, window = Sequences(), right()
        self.assertEqual(counts(Window(records=window.records[:4]), sequences), {})
        self.assertEqual(counts(Window(records=window.records[4:]), sequences), {})

    def test_a_number_missing_between_windows_is_lost(self):
        sequences, window = Sequences(), right()
        counts(Window(records=window.records[:4]), sequences)
        self.assertEqual(counts(Window(records=window.records[5:]), sequences), {"lost": 1})

    def test_a_number_of_an_earlier_window_is_duplicated(self):
        sequences, window = Sequences(), right()
        counts(Window(records=window.records), sequences)
        again = [window.records[-1]._replace(offset=99)]
        self.assertEqual(counts(Window(records=again), sequences), {"duplicated": 1})


if __name__ == "__main__":
    unittest.main()
