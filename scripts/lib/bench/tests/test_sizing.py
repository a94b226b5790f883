"""The arithmetic of a large site, from figures that are known."""

import dataclasses
import unittest

from bench import sizing, store
from bench.sizing import Figures, Site
from bench.tests.samples import case, latency, part

FIGURES = Figures(2.2, 2.8, 5.0, 200.0, 50_000.0, 60.0, 50.0, 0.001, 0.002)


class Sizing(unittest.TestCase):
    def test_cores_bound_a_site_of_many_sources(self):
        found = sizing.need(FIGURES, Site(cores=10, shards=100))
        # 10 µs an event on 7 cores of time.
        self.assertAlmostEqual(found.events_per_s, 700_000.0)
        self.assertFalse(found.is_bound_by_streams)
        self.assertAlmostEqual(found.producer_cores + found.worker_cores + found.broker_cores, 7.0)
        self.assertEqual((found.workers, found.partitions), (3, 6))
        self.assertAlmostEqual(found.kafka_mb_per_s, 140.0)
        self.assertAlmostEqual(found.kafka_gb_per_day, 12_096.0)
        self.assertAlmostEqual(found.idle_cores, 0.106)
        self.assertEqual((found.producer_mb, found.worker_mb), (6000.0, 150.0))

    def test_streams_bound_a_site_of_few(self):
        found = sizing.need(FIGURES, Site(cores=64, shards=2))
        self.assertTrue(found.is_bound_by_streams)
        self.assertAlmostEqual(found.events_per_s_of_shard, 35_000.0)

    def test_without_results_it_says_which_are_missing(self):
        self.assertIn("drain-users has not been measured", sizing.text(store.empty(), Site(64, 100)))

    def test_figures_come_from_the_results(self):
        cpu, memory = {"producer": 2.2, "worker": 2.8, "broker": 5.0}, {"producer": 60.0, "worker": 50.0}
        ours = dataclasses.replace(case("drain-users", "oplogue", 30_000.0), cpu_s_per_million=cpu, peak_rss_mb=memory)
        document = store.merged(store.empty(), part("drain-users", [ours, case("drain-users", "oplogue-source", 50_000.0)]))
        self.assertIn("idle has not been measured", sizing.text(document, Site(64, 100)))
        idle = dataclasses.replace(latency("oplogue", 1.0), workload="idle", cpu_share={"producer": 0.001, "worker": 0.002})
        document = store.merged(document, part("idle", [idle]))
        self.assertEqual(sizing.figures(document), dataclasses.replace(FIGURES, kafka_bytes=500.0))
        text = sizing.text(document, Site(64, 100))
        self.assertIn("| p, CPU of the producer | 2.20 µs per event |", text)
        self.assertIn("commit abc", text)
