"""Faults come from the seed alone; the table from runs alone."""

from __future__ import annotations

import unittest

from chaos import report
from chaos.faults import schedule
from chaos.faults.kinds import KINDS, act_and_subject
from chaos.verdict import KINDS as RESULTS


class Schedule(unittest.TestCase):
    def rounds(self, seed, count=200, is_plain=False):
        return [schedule.round_of(seed, number, list(KINDS), 12.0, is_plain) for number in range(1, count + 1)]

    def test_the_same_seed_gives_the_same_faults(self):
        self.assertEqual(self.rounds(5), self.rounds(5))
        self.assertNotEqual(self.rounds(5), self.rounds(6))

    def test_every_kind_comes_and_no_subject_twice_at_once(self):
        rounds = self.rounds(1)
        self.assertEqual({fault.kind for faults in rounds for fault in faults}, set(KINDS))
        for faults in rounds:
            subjects = [act_and_subject(fault.kind)[1] for fault in faults]
            self.assertEqual(len(subjects), len(set(subjects)))

    def test_in_plain_mode_no_worker_is_paused_for_longer_than_its_session(self):
        paused = [fault.lasts for faults in self.rounds(1, is_plain=True) for fault in faults if fault.kind == "pause-worker"]
        self.assertLessEqual(max(paused), 5.0)


class Table(unittest.TestCase):
    def test_a_round_counts_for_each_of_its_faults_and_once_for_all(self):
        clean = {result: 0 for result in RESULTS}
        rounds = [
            {"faults": ["kill-worker", "cut-broker"], "changes": 5, "seconds": 60, **clean},
            {"faults": ["kill-worker"], "changes": 5, "seconds": 60, **clean, "lost": 2},
        ]
        told = report.table([{"seed": 3, "mode": "exact", "producers": 2, "mongo": "6.0.27", "rounds": rounds}])
        self.assertIn("| `kill-worker` | 2 | 2 | 2 | 0 |", told)
        self.assertIn("| `cut-broker` | 1 | 1 | 0 | 0 |", told)
        self.assertIn("| **all** | 3 | 2 | 2 | 0 |", told)

    def test_runs_of_one_commit_stand_together_and_what_is_not_known_is_said(self):
        clean = {result: 0 for result in RESULTS}
        run = {"mode": "exact", "producers": 2, "mongo": "6.0.27", "rounds": [{"faults": [], "changes": 5, "seconds": 60, **clean}]}
        told = report.table([{**run, "seed": 3, "commit": "abc"}, {**run, "seed": 4, "commit": "abc"}, {**run, "seed": 5}])
        self.assertIn("| abc | exact | 2 | 6.0.27 | 3–4 | 2 | 10 |", told)
        self.assertIn("| ? | exact | 2 | 6.0.27 | 5 | 1 | 5 |", told)


if __name__ == "__main__":
    unittest.main()
