"""Check b finds each kind of corruption, and nothing where nothing is wrong."""

from __future__ import annotations

import unittest

from chaos import histories
from chaos.model import digest
from chaos.tests.histories import ONE, TWO, change, record, right


def counts(window):
    return {kind: count for kind, count in histories.check(window).counts.items() if count}


class Histories(unittest.TestCase):
    def test_a_topic_that_holds_the_source_is_right(self):
        self.assertEqual(counts(right()), {})

    def test_a_skipped_event_is_lost(self):
        window = right()
        del window.records[2]
        self.assertEqual(counts(window), {"lost": 1})

    def test_a_document_without_any_record_is_lost(self):
        window = right()
        window.records = [one for one in window.records if one.document != TWO]
        self.assertEqual(counts(window), {"lost": 3})

    def test_a_doubled_event_is_duplicated(self):
        window = right()
        window.records.append(window.records[2]._replace(offset=99))
        self.assertEqual(counts(window), {"duplicated": 1})

    def test_a_doubled_event_of_equal_neighbours_is_counted_once(self):
        window = right()
        window.records.insert(3, window.records[2])
        self.assertEqual(counts(window), {"duplicated": 1})

    def test_a_swapped_pair_is_reordered(self):
        window = right()
        first, second = [at for at, one in enumerate(window.records) if one.document == ONE][:2]
        window.records[first], window.records[second] = window.records[second], window.records[first]
        self.assertEqual(counts(window), {"reordered": 1})

    def test_a_changed_content_is_lost_and_diverged(self):
        window = right()
        window.records[0] = window.records[0]._replace(change=window.records[0].change._replace(content=digest(b"other")))
        self.assertEqual(counts(window), {"lost": 1, "diverged": 1})

    def test_a_record_of_no_change_is_diverged(self):
        window = right()
        window.records.append(record(TWO, change(9, 23), 99))
        self.assertEqual(counts(window), {"diverged": 1})

    def test_changes_before_the_stream_began_need_no_record(self):
        window = right()
        window.since = (3, 1)
        window.records = [one for one in window.records if one.change.time > window.since]
        self.assertEqual(counts(window), {})


class Copies(unittest.TestCase):
    def test_a_copy_stands_apart_from_the_changes(self):
        window = right()
        window.records.append(record(TWO, change(7, 22, "insert"), 50, is_snapshot=True))
        self.assertEqual(counts(window), {})

    def test_a_change_behind_a_later_copy_is_reordered(self):
        window = right()
        window.records.insert(0, record(TWO, change(6, 21, "insert"), 50, is_snapshot=True))
        self.assertEqual(counts(window), {"reordered": 2})

    def test_a_copy_of_what_was_gone_is_diverged(self):
        window = right()
        window.records.insert(4, record(ONE, change(5, 11, "insert"), 50, is_snapshot=True))
        self.assertEqual(counts(window), {"diverged": 1})

    def test_a_copy_that_is_not_what_the_last_replacement_left_is_diverged(self):
        window = right()
        window.records.append(record(TWO, change(9, 19, "insert"), 50, is_snapshot=True))
        self.assertEqual(counts(window), {"diverged": 1})


if __name__ == "__main__":
    unittest.main()
