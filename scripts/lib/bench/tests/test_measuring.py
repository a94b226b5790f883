"""Turns, failures, interruptions, the time that is left: with systems that only say what became of them."""

import contextlib
import io
import tempfile
import unittest
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from unittest import mock

from bench import measuring, options, store, subjects, systems
from bench.cases import SYSTEMS, WARM_UP
from bench.run import Taken


class System:
    """Carries everything in a second, or fails as it is told."""

    def __init__(self, name, warmed, order, failures):
        self.name, self.warmed, self.order, self.failures = name, warmed, order, failures

    def topic(self, run):
        return None

    def measure(self, run):
        if run.workload.name == WARM_UP.name:
            self.warmed.append((self.name, run.workload.events))
            return None
        self.order.append((run.workload.name, self.name))
        failure = self.failures.get((run.workload.name, self.name))
        if failure:
            raise failure
        return Taken(1.0, {})


class Measuring(unittest.TestCase):
    def setUp(self):
        self.warmed, self.order, self.failures, self.cleared = [], [], {}, []
        source = SimpleNamespace(version="6.0.5")
        services = SimpleNamespace(main=SimpleNamespace(deployments={"source": source}))
        self.world = SimpleNamespace(services=services, clear=self.clear)
        self.folder = Path(self.enter(tempfile.TemporaryDirectory()))
        self.enter(mock.patch.dict(systems.BY_NAME, {name: System(name, self.warmed, self.order, self.failures) for name in SYSTEMS}))
        self.enter(mock.patch.object(store, "RESULTS", replace(store.RESULTS, folder=self.folder)))
        self.enter(mock.patch.object(measuring.world, "open_up", lambda _: contextlib.nullcontext(self.world)))
        self.told = self.enter(contextlib.redirect_stderr(io.StringIO()))
        self.enter(contextlib.redirect_stdout(io.StringIO()))

    def clear(self, name):
        if "warm_up" not in name:
            self.cleared.append(name)

    def enter(self, context):
        value = context.__enter__()
        self.addCleanup(context.__exit__, None, None, None)
        return value

    def measure(self, words):
        return measuring.all_of(options.parse(words.split()))

    def kept(self):
        return store.RESULTS.read()

    def test_before_the_first_workload_each_system_works_a_little_but_not_in_a_quick_run(self):
        self.measure("--only drain-hot --only idle --only oplogue --only official-pair --runs 1")
        self.assertEqual(self.warmed, [("oplogue", WARM_UP.events // 2), ("official-pair", WARM_UP.events // 2)])
        self.measure("--quick --only drain-hot --only oplogue")
        self.assertEqual(len(self.warmed), 2)

    def test_every_second_turn_goes_the_other_way_round(self):
        self.measure("--only drain-hot --only oplogue --only floor --runs 3")
        self.assertEqual([name for _, name in self.order], ["oplogue", "floor", "floor", "oplogue", "oplogue", "floor"])
        self.assertEqual(len(set(self.cleared)), 6)
        self.assertEqual(self.kept(), store.empty())

    def test_a_system_that_fails_sits_out_and_the_others_go_on(self):
        self.failures[("drain-hot", "floor")] = ValueError("it fell")
        self.assertFalse(self.measure("--only drain-hot"))
        self.assertEqual(self.order.count(("drain-hot", "floor")), 1)
        self.assertEqual(self.order.count(("drain-hot", "oplogue")), 3)
        self.assertEqual(self.kept()["measured"]["drain-hot"]["failed"], {"floor": "it fell"})
        self.assertEqual(len(self.kept()["cases"]), len(SYSTEMS) - 1)
        self.assertEqual(len(self.cleared), 3 * (len(SYSTEMS) - 1) + 1)

    def test_an_interrupted_run_keeps_what_it_has_finished(self):
        self.failures[("drain-hot", "oplogue")] = KeyboardInterrupt()
        with self.assertRaises(KeyboardInterrupt):
            self.measure(f"--only drain-users --only drain-hot --json {self.folder / 'run.json'}")
        self.assertEqual(list(self.kept()["measured"]), ["drain-users"])
        self.assertIn('"drain-users"', (self.folder / "run.json").read_text())
        self.assertIn("not measured: drain-hot", self.told.getvalue())

    def test_where_all_have_failed_what_was_known_stays(self):
        self.assertTrue(self.measure("--only drain-hot"))
        known = self.kept()
        self.failures.update({("drain-hot", name): ValueError("it fell") for name in SYSTEMS})
        self.assertFalse(self.measure("--only drain-hot"))
        self.assertEqual(self.kept(), known)

    def test_when_the_time_is_over_no_workload_begins(self):
        self.assertFalse(self.measure("--minutes 0"))
        self.assertEqual(self.order, [])
        left = [one.name for one in subjects.chosen(options.parse([]))]
        self.assertIn("not measured: " + ", ".join(left), self.told.getvalue())
