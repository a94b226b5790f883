"""The table and the ratios, from cases that are known; what a process has used, from one that has used something."""

import json
import os
import unittest

from bench import results, table, usage
from bench.cases import WORKLOADS
from bench.connect import files
from bench.peers import PEERS
from bench.results import Case, Measured
from bench.run import Taken
from bench.usage import Usage as Used


def case(workload, system, rate):
    cpu, memory = {"producer": 1.5, "broker": 2.0}, {"producer": 60.0, "broker": 400.0}
    return Case(workload, system, rate, rate / 1000, cpu, {}, memory, kafka_bytes_per_event=500.0)


def workload(name):
    return next(one for one in WORKLOADS if one.name == name)


class Results(unittest.TestCase):
    def setUp(self):
        self.cases = [case("drain-users", "oplogue", 30_000.0), case("drain-users", "floor-kafka", 40_000.0)]

    def test_ratios_are_those_that_both_sides_were_measured_for(self):
        self.assertEqual(results.ratios(self.cases), {"drain_vs_floor": 0.75})
        self.assertEqual(results.ratios(self.cases[:1]), {})

    def test_the_best_of_the_others_counts(self):
        others = [case("drain-users", "official-pair", 5_000.0), case("drain-users", "official-pair-default", 6_000.0)]
        self.assertEqual(results.ratios([self.cases[0], *others]), {"drain_vs_official_pair": 5.0})
        live = [results.case(workload("latency-2000"), *one) for one in (self.latency("oplogue", 5), self.latency("official-pair", 20))]
        self.assertEqual(results.ratios(live), {"p99_vs_official_pair": 0.25})

    @staticmethod
    def latency(system, p99):
        taken = Taken(20.0, {"producer": Used(2.0, 60.0)}, {"p50_ms": 1.0, "p99_ms": p99, "p999_ms": 30.0})
        return system, [Measured(taken, 0, None)]

    def test_a_case_is_the_median_of_its_runs(self):
        runs = [Measured(Taken(seconds, {"producer": Used(2.0, 60.0 + seconds)}), 10**9, 10**8) for seconds in (10.0, 20.0, 40.0)]
        found = results.case(workload("drain-users"), "oplogue", runs)
        self.assertEqual((found.events_per_s, found.mb_per_s, found.kafka_bytes_per_event), (50_000.0, 50.0, 100.0))
        self.assertEqual((found.cpu_s_per_million, found.peak_rss_mb), ({"producer": 2.0}, {"producer": 100.0}))
        live = results.case(workload("latency-2000"), *self.latency("oplogue", 5))
        self.assertEqual((live.events_per_s, live.cpu_share, live.p99_ms), (None, {"producer": 0.1}, 5))

    def test_table_has_a_line_for_each_case_and_no_memory_of_services(self):
        live = results.case(workload("latency-2000"), *self.latency("oplogue", 5))
        document = {
            "machine": results.machine(), "quick": False, "runs": 3, "ratios": {}, "failed": ["x"], "load": {"before": 0.5},
            "cases": [vars(one) for one in [*self.cases, live]],
        }
        text = table.markdown(document)
        self.assertIn("| `oplogue` | 30,000 | 30.0 | 500 | producer 1.5, broker 2.0 | producer 60 |", text)
        self.assertIn("| `oplogue` | 1.0 | 5.0 | 30.0 | producer 0.100 | producer 60 |", text)
        self.assertNotIn("quick", text)
        self.assertIn("compare nothing", table.markdown({**document, "quick": True}))


class Peers(unittest.TestCase):
    def test_every_committed_file_is_measured_and_tells_no_secret(self):
        used = {name for peer in PEERS.values() for name in (peer.source, peer.sink) if name}
        self.assertEqual(used, {file.stem for file in files()})
        for file in files():
            config = json.loads(file.read_text())
            uri = config.get("connection.uri") or config["mongodb.connection.string"]
            self.assertRegex(uri, r"^\$\{env:\w+\}$")
            self.assertIn("@run@", json.dumps(config))


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
            self.assertLess((smaller.events, smaller.seconds), (one.events, one.seconds))
