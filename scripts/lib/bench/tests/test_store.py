"""What is kept when results come in pieces, and how it reads."""

import json
import tempfile
import unittest
from pathlib import Path

from bench import options, store, table
from bench.tests.samples import case, latency, part


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
            self.assertEqual(store.read(Path(folder)), store.empty())
            store.write(self.known, Path(folder))
            self.assertEqual(store.read(Path(folder)), json.loads(json.dumps(self.known)))
            self.assertIn("drain_vs_floor", (Path(folder) / "results.md").read_text())
            self.assertFalse(list(Path(folder).glob(".*")))

    def test_cases_have_the_fields_that_readers_know(self):
        fields = {"workload", "system", "events_per_s", "mb_per_s", "cpu_s_per_million", "peak_rss_mb", "p50_ms", "p99_ms"}
        self.assertLessEqual(fields, set(self.known["cases"][0]))


class Table(unittest.TestCase):
    def test_a_workload_has_a_section_with_what_it_was_measured_on(self):
        document = store.merged(store.empty(), part("drain-users", [case("drain-users", "oplogue", 30_000.0)], "abc+", {"floor": "it\nfell"}))
        document = store.merged(document, part("latency-2000", [latency("oplogue", 5.0)]))
        text = table.markdown(document)
        self.assertIn("| `oplogue` | 30,000 | 30.0 | 500 | producer 1.5, broker 2.0 | producer 60 | 30,000 |", text)
        self.assertIn("| `oplogue` | 1.0 | 5.0 | 30.0 | producer 0.100 | producer 60 |  |", text)
        self.assertIn("2026-01-02 03:04 UTC, commit abc+, 3 runs, on 2 x X", text)
        self.assertIn("* `floor` has failed: it fell", text)
        self.assertNotIn("quick", text)

    def test_a_quick_run_says_that_it_was_one(self):
        document = store.merged(store.empty(), part("drain-users", []))
        document["measured"]["drain-users"]["quick"] = True
        self.assertIn("compare nothing", table.markdown(document))


class Options(unittest.TestCase):
    def test_what_is_kept_is_measured_for_all_systems_in_full_with_release_builds(self):
        for words, is_kept in (
            ("", True),
            ("--only drain-users --runs 1", True),
            ("--only drain-users --only oplogue", False),
            ("--quick", False),
            ("--binaries target/debug", False),
            ("--binaries target/release", True),
        ):
            self.assertEqual(options.parse(words.split()).is_kept(), is_kept, words)

    def test_naming_workloads_leaves_all_systems_and_the_other_way_round(self):
        given = options.parse(["--only", "drain-hot"])
        self.assertEqual(([one.name for one in given.workloads()], "floor" in given.systems()), (["drain-hot"], True))
        given = options.parse(["--only", "floor", "--quick"])
        self.assertEqual((given.systems(), given.turns(), len(given.workloads()) > 5), (["floor"], 1, True))
