"""A metrics page, read."""

from __future__ import annotations

import unittest

from demo import prometheus

PAGE = """\
# HELP oplogue_ready 1 while every condition of `/readyz` holds, else 0.
# TYPE oplogue_ready gauge
oplogue_ready 1
oplogue_records_total{op="insert"} 3
oplogue_records_total{op="a}b\\" 9"} 4.5
oplogue_records_total_more 7
"""


class Values(unittest.TestCase):
    def test_a_value_is_summed_over_labels_and_absent_is_told_from_zero(self) -> None:
        self.assertEqual(prometheus.value(PAGE, "oplogue_ready"), 1)
        self.assertEqual(prometheus.value(PAGE, "oplogue_records_total"), 7.5)
        self.assertIsNone(prometheus.value(PAGE, "oplogue_records"))
        self.assertIsNone(prometheus.value(None, "oplogue_ready"))
