"""The table and the ratios, from cases that are known; what a process has used, from one that has used something."""

import os
import unittest

from bench import results, usage
from bench.cases import WORKLOADS
from bench.results import Case


def case(workload, system, rate):
    return Case(workload, system, rate, {"producer": 1.5, "broker": 2.0}, {"producer": 60.0, "broker": 400.0}, [rate])


class Results(unittest.TestCase):
    def setUp(self):
        self.cases = [case("drain-users", "oplogue", 30_000.0), case("drain-users", "floor-kafka", 40_000.0)]

    def test_ratios_are_those_that_both_sides_were_measured_for(self):
        self.assertEqual(results.ratios(self.cases), {"drain_vs_floor": 0.75})
        self.assertEqual(results.ratios(self.cases[:1]), {})

    def test_table_has_a_line_for_each_case_and_no_memory_of_services(self):
        document = {"machine": results.machine(), "quick": False, "cases": [vars(one) for one in self.cases], "ratios": {}}
        text = results.markdown(document)
        self.assertIn("| `oplogue` | 30,000 | producer 1.5, broker 2.0 | producer 60 |", text)
        self.assertNotIn("quick", text)
        self.assertIn("compare nothing", results.markdown({**document, "quick": True}))


class Usage(unittest.TestCase):
    def test_a_process_that_works_has_used_time_and_memory(self):
        meter = usage.Meter({"this": os.getpid()})
        while meter.read()["this"].cpu_seconds < 0.02:
            pass
        self.assertGreater(meter.read()["this"].peak_mb, 5)

    def test_a_process_that_is_gone_has_used_nothing(self):
        self.assertEqual((usage.cpu_seconds(2**22 + 1), usage.peak_mb(2**22 + 1)), (0.0, 0.0))


class Workloads(unittest.TestCase):
    def test_a_quick_one_is_the_same_but_smaller(self):
        for one in WORKLOADS:
            smaller = one.smaller()
            self.assertEqual((smaller.name, smaller.kind), (one.name, one.kind))
            self.assertLess(smaller.events, one.events)
