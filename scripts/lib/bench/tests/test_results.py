"""What a case comes to, the ratios, the table; what a process has used, from one that has used something."""

import json
import os
import unittest
from dataclasses import asdict

from bench import ratios, results, usage
from bench.cases import WORKLOADS
from bench.connect import files
from bench.peers import PEERS
from bench.results import Measured
from bench.run import Taken
from bench.series import SERIES, further
from bench.tests.samples import case, latency, workload
from bench.usage import Usage as Used


class Results(unittest.TestCase):
    def test_a_case_is_the_median_of_its_runs(self):
        runs = [Measured(Taken(seconds, {"producer": Used(2.0, 60.0 + seconds)}), 10**9, 10**8) for seconds in (10.0, 20.0, 40.0)]
        found = results.case(workload("drain-users"), "oplogue", runs)
        self.assertEqual((found.events_per_s, found.mb_per_s, found.kafka_bytes_per_event), (50_000.0, 50.0, 100.0))
        self.assertEqual((found.cpu_s_per_million, found.peak_rss_mb), ({"producer": 2.0}, {"producer": 100.0}))
        live = latency("oplogue", 5)
        self.assertEqual((live.events_per_s, live.cpu_share, live.p99_ms), (None, {"producer": 0.1}, 5))

    def test_a_start_is_the_median_of_its_runs(self):
        runs = [Measured(Taken(seconds, {}, starts={"producer": seconds}), 0, None) for seconds in (1.0, 3.0, 2.0)]
        found = results.case(workload("start"), "oplogue", runs)
        self.assertEqual((found.start_s, found.runs, found.events_per_s), ({"producer": 2.0}, [1.0, 3.0, 2.0], None))


class Ratios(unittest.TestCase):
    def ratios(self, *cases):
        return ratios.ratios([asdict(one) for one in cases])

    def test_they_are_those_that_both_sides_were_measured_for(self):
        ours = case("drain-users", "oplogue", 30_000.0)
        self.assertEqual(self.ratios(ours, case("drain-users", "floor-kafka", 40_000.0)), {"drain_vs_floor": 0.75})
        self.assertEqual(self.ratios(ours, case("snapshot-users", "floor-kafka", 40_000.0)), {})

    def test_the_best_of_the_others_counts(self):
        others = [case("drain-hot", "official-pair", 5_000.0), case("drain-hot", "official-pair-default", 6_000.0)]
        self.assertEqual(self.ratios(case("drain-hot", "oplogue", 30_000.0), *others), {"drain_hot_vs_official_pair": 5.0})
        live = [latency("oplogue", 5), latency("official-pair", 20), latency("official-pair-default", 50), latency("floor-kafka", 2)]
        self.assertEqual(self.ratios(*live), {"p99_vs_official_pair": 0.25, "p99_vs_floor": 2.5})

    def test_those_that_are_asked_for_have_their_names(self):
        cases = [case(one, system, 1.0) for one in ("snapshot-users", "drain-users") for system in ("oplogue", "official-pair", "floor-kafka")]
        cases += [case("drain-users", system, 1.0) for system in ("oplogue-source", "official-source")]
        names = {"snapshot_vs_official_pair", "drain_vs_official_pair", "drain_vs_official_source", "drain_vs_floor", "snapshot_vs_floor"}
        self.assertEqual(set(self.ratios(*cases)), names)


class Costs(unittest.TestCase):
    def series(self, name):
        return next(one for one in SERIES if one.name == name)

    def test_where_documents_differ_in_size_a_cost_is_that_of_their_bytes(self):
        case = {"at": 32 * 1024, "cpu_s_per_million": {"producer": 64.0}}
        self.assertEqual(self.series("scale-bytes").costs(case), {"producer": 2.0})
        self.assertEqual(self.series("scale-workers").costs(case), {"producer": 64.0})

    def test_what_a_start_costs_is_not_in_what_further_events_cost(self):
        # A second to start, two microseconds each.
        few, many = ({"at": at, "cpu_s_per_million": {"producer": 1e6 / at + 2.0}} for at in (10_000, 100_000))
        self.assertAlmostEqual(further(few, many)["producer"], 2.0)


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
        meter = usage.Meter([("this", os.getpid())])
        while meter.read()["this"].cpu_seconds < 0.02:
            pass
        self.assertGreater(meter.read()["this"].peak_mb, 5)

    def test_processes_of_one_name_are_added_up(self):
        one, two = (usage.Meter([("this", os.getpid())] * count) for count in (1, 2))
        while one.read()["this"].cpu_seconds < 0.02:
            pass
        self.assertGreaterEqual(two.read()["this"].cpu_seconds, 2 * one.read()["this"].cpu_seconds - 0.02)
        self.assertLess(two.read()["this"].peak_mb, 1.5 * one.read()["this"].peak_mb)

    def test_a_process_that_is_gone_has_used_nothing(self):
        self.assertEqual((usage.cpu_seconds(2**22 + 1), usage.peak_mb(2**22 + 1)), (0.0, 0.0))


class Workloads(unittest.TestCase):
    def test_a_quick_one_is_the_same_but_smaller(self):
        for one in WORKLOADS:
            smaller = one.smaller()
            self.assertEqual((smaller.name, smaller.kind), (one.name, one.kind))
            self.assertLessEqual((smaller.events, smaller.seconds), (one.events, one.seconds))
            self.assertFalse(one.is_live and one.is_carried)
