"""What is kept when results come in pieces, and how it reads."""

import json
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path

from bench import options, report, store, subjects
from bench.cases import SYSTEMS, WORKLOADS
from bench.series import SERIES
from bench.services import MORE_SOURCES
from bench.tests.samples import case, latency, part, point


class Store(unittest.TestCase):
    def setUp(self):
        drained = [case("drain-users", system, 30_000.0) for system in ("oplogue", "floor-kafka")]
        self.known = store.merged(store.empty(), part("drain-users", drained))

    def test_a_part_replaces_all_of_its_workload_and_nothing_else(self):
        copied = part("snapshot-users", [case("snapshot-users", "oplogue", 1.0)], "def")
        document = store.merged(self.known, copied)
        self.assertEqual(list(document["measured"]), ["snapshot-users", "drain-users"])
        self.assertEqual([one["workload"] for one in document["cases"]], ["snapshot-users", "drain-users", "drain-users"])
        again = store.merged(document, part("drain-users", [case("drain-users", "oplogue", 5.0)], "ghi", {"floor-kafka": "gone"}))
        drained = [one for one in again["cases"] if one["workload"] == "drain-users"]
        self.assertEqual([(one["system"], one["events_per_s"]) for one in drained], [("oplogue", 5.0)])
        commits = {name: one["commit"] for name, one in again["measured"].items()}
        self.assertEqual(commits, {"snapshot-users": "def", "drain-users": "ghi"})
        self.assertEqual((again["ratios"], self.known["ratios"]), ({}, {"drain_vs_floor": 1.0}))

    def test_what_is_kept_reads_back_the_same(self):
        with tempfile.TemporaryDirectory() as folder:
            kept = replace(store.of("drain-users"), folder=Path(folder) / "results")
            self.assertEqual(kept.read(), store.empty())
            kept.add(part("drain-users", [case("drain-users", system, 30_000.0) for system in ("oplogue", "floor-kafka")]))
            self.assertEqual(kept.read(), json.loads(json.dumps(self.known)))
            self.assertIn("drain_vs_floor", (kept.folder / "results.md").read_text())
            self.assertIn("rates.svg", [file.name for file in kept.folder.iterdir()])
            self.assertFalse(list(kept.folder.glob(".*")))

    def test_series_are_kept_beside_and_in_the_order_of_their_points(self):
        with tempfile.TemporaryDirectory() as folder:
            kept = replace(store.of("scale-workers"), folder=Path(folder))
            kept.add(part("scale-workers", [point("scale-workers", at, 1000.0 * at) for at in (4, 1, 2)]))
            self.assertEqual([one["at"] for one in kept.read()["cases"]], [1, 2, 4])
            self.assertEqual({file.name for file in kept.folder.iterdir()}, {"scaling.json", "scaling.md", "scaling.svg"})

    def test_cases_have_the_fields_that_readers_know(self):
        fields = {"workload", "system", "events_per_s", "mb_per_s", "cpu_s_per_million", "peak_rss_mb", "p50_ms", "p99_ms"}
        self.assertLessEqual(fields, set(self.known["cases"][0]))


class Report(unittest.TestCase):
    def test_a_workload_has_a_section_with_what_it_was_measured_on(self):
        document = store.merged(store.empty(), part("drain-users", [case("drain-users", "oplogue", 30_000.0)], "abc+", {"floor": "it\nfell"}))
        document = store.merged(document, part("latency-2000", [latency("oplogue", 5.0)]))
        text = report.text(document)
        self.assertIn("| `oplogue` | 30,000 | 30.0 | 500 | producer 1.5, broker 2.0 | producer 60 | 30,000 |", text)
        self.assertIn("| `oplogue` | 1.0 | 5.0 | 30.0 | producer 0.100 | producer 60 |  |", text)
        self.assertIn("2026-01-02 03:04 UTC, commit abc+, 3 runs, on 2 x X", text)
        self.assertIn("* `floor` has failed: it fell", text)
        self.assertNotIn("quick", text)

    def test_a_series_has_a_line_for_each_point(self):
        document = store.merged(store.empty(), part("scale-partitions", [point("scale-partitions", 64, 30_000.0)], failed={"1": "no"}))
        text = report.text(document)
        self.assertIn("| 64 | 30,000 | 30.0 | producer 3.0, worker 2.0 | producer 60 | 30,000 |", text)
        self.assertIn("* `1` has failed: no", text)
        self.assertNotIn("official", text.split("Load average")[0].split("##")[0])

    def test_what_further_documents_cost_stands_below_theirs(self):
        points = [point("scale-documents", at, 1000.0, cost) for at, cost in ((10_000, 102.0), (100_000, 12.0))]
        text = report.text(store.merged(store.empty(), part("scale-documents", points)))
        self.assertIn("* from 10,000 to 100,000, CPU µs per further event: producer 2.0, worker 2.0", text)

    def test_a_quick_run_says_that_it_was_one(self):
        document = store.merged(store.empty(), part("drain-users", []))
        document["measured"]["drain-users"]["quick"] = True
        self.assertIn("compare nothing", report.text(document))


class Subjects(unittest.TestCase):
    def chosen(self, words):
        return subjects.chosen(options.parse(words.split()))

    def test_what_is_kept_is_measured_for_all_systems_in_full_with_release_builds(self):
        for words, is_kept in (
            ("", True),
            ("--only drain-users --runs 1", True),
            ("--only drain-users --only oplogue", False),
            ("--quick", False),
            ("--binaries target/debug", False),
            ("--binaries target/release", True),
            ("--scaling", True),
            ("--scaling --quick", False),
        ):
            self.assertEqual({one.is_kept for one in self.chosen(words)}, {is_kept}, words)

    def test_naming_workloads_leaves_all_systems_and_the_other_way_round(self):
        (one,) = self.chosen("--only drain-hot")
        self.assertEqual((one.name, [entry.label for entry in one.entries]), ("drain-hot", list(SYSTEMS)))
        of_floor = self.chosen("--only floor --quick")
        self.assertEqual({entry.label for one in of_floor for entry in one.entries}, {"floor"})
        self.assertEqual(len(of_floor), len(WORKLOADS))

    def test_a_series_is_measured_at_its_points_by_ours(self):
        (one,) = self.chosen("--only scale-documents")
        self.assertEqual([entry.label for entry in one.entries], ["10,000", "100,000", "1,000,000"])
        (one,) = self.chosen("--only scale-documents --largest")
        self.assertEqual(one.entries[-1].workload.events, 10_000_000)
        self.assertEqual({entry.system for entry in one.entries}, {"oplogue"})
        self.assertEqual([one.name for one in self.chosen("--scaling")], [one.name for one in SERIES])

    def test_points_differ_in_what_is_counted_and_carry_as_much(self):
        for series in SERIES:
            points = series.points
            self.assertEqual(len({point.at for point in points}), len(points))
            amounts = {point.events * max(point.bytes, 1) for point in points}
            self.assertTrue(len(amounts) == 1 or series.unit == "documents", series.name)
            # Sources get equal parts.
            self.assertTrue(all(point.events % point.setting.sources == 0 for point in points))
            self.assertLessEqual(max(point.setting.sources for point in points), MORE_SOURCES + 1)
