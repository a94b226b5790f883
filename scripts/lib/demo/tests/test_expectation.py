"""What must become true, and what is told when it does not."""

from __future__ import annotations

import unittest
from typing import List

from stack.failure import Failure

from demo.expectation import Look, Unmet, eventually, require


class Eventually(unittest.TestCase):
    def test_looks_until_met_and_tells_each_look(self) -> None:
        looks = iter([Look(False, "1 of 2"), Look(True, "2 of 2")])
        told: List[str] = []
        self.assertEqual(eventually("copied", lambda: next(looks), told.append, 5.0), "2 of 2")
        self.assertEqual(told, ["copied: 1 of 2", "copied: 2 of 2"])

    def test_deadline_tells_the_last_look(self) -> None:
        with self.assertRaises(Unmet) as caught:
            eventually("copied", lambda: Look(False, "1 of 2"), lambda _: None, 0.0)
        self.assertEqual(str(caught.exception), "copied: not within 0 s; last seen: 1 of 2")

    def test_another_failure_meanwhile_is_told_as_it_is(self) -> None:
        def ended() -> Look:
            raise Unmet("worker-1 goes on running", "it ended")

        with self.assertRaises(Failure) as caught:
            eventually("copied", ended, lambda _: None, 5.0)
        self.assertEqual(str(caught.exception), "worker-1 goes on running: it ended")


class Require(unittest.TestCase):
    def test_the_first_few_of_what_is_wrong_are_told(self) -> None:
        require("all well", [])
        with self.assertRaises(Unmet) as caught:
            require("all well", ["a", "b", "c", "d", "e"])
        self.assertEqual(caught.exception.seen, "a; b; c, and 2 more")
