"""Transactions can be put together from headers, and what spoils that is found."""

from __future__ import annotations

import unittest

from chaos import transactions
from chaos.tests.histories import right

MINE = ("ab", 7)


def committed():
    """The last three changes were one transaction."""
    window = right()
    for document, changes in window.source.items():
        window.source[document] = [one._replace(transaction=MINE) if one.time > (5, 1) else one for one in changes]
    inside = [one for one in window.records if one.change.time > (5, 1)]
    for index, one in enumerate(inside):
        at = window.records.index(one)
        window.records[at] = one._replace(change=one.change._replace(transaction=MINE), place=(*MINE, index))
    return window


def counts(window):
    return {kind: count for kind, count in transactions.check(window).counts.items() if count}


class Transactions(unittest.TestCase):
    def test_places_from_nought_in_sequence_are_right(self):
        self.assertEqual(counts(committed()), {})

    def test_a_missing_event_is_lost(self):
        window = committed()
        del window.records[-1]
        self.assertEqual(counts(window), {"lost": 1})

    def test_an_event_twice_is_duplicated(self):
        window = committed()
        window.records.append(window.records[-1])
        self.assertEqual(counts(window), {"duplicated": 1})

    def test_places_in_another_order_are_reordered(self):
        window = committed()
        one, two = window.records[-2:]
        window.records[-2:] = [one._replace(place=two.place), two._replace(place=one.place)]
        self.assertEqual(counts(window), {"reordered": 1})

    def test_an_event_without_its_header_and_a_header_without_transaction_are_found(self):
        window = committed()
        window.records[-1] = window.records[-1]._replace(place=None)
        window.records[0] = window.records[0]._replace(place=("cd", 1, 0))
        self.assertEqual(counts(window), {"diverged": 3, "lost": 1})


if __name__ == "__main__":
    unittest.main()
