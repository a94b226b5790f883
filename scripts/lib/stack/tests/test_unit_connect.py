"""What Kafka Connect is given: the settings it is deployed with, but for where things are."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from stack import connect
from stack.connect_home import Connect


class Prepared(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        home = Connect(Path("/jars"), Path("/plugins"), Path("/java"))
        placement = connect.Placement(21000, Path(folder.name) / "connect", "127.0.0.1:20999")
        uris = {"source": "mongodb://a", "target": "mongodb://b"}
        self.service = connect.prepare(home, "connect", placement, uris, connect.Tuning(heap_mb=300, fast=True))
        text = (placement.folder / "connect.properties").read_text()
        self.settings = dict(line.split("=", 1) for line in text.splitlines())

    def test_places_are_this_machines_and_the_rest_is_what_is_deployed(self) -> None:
        self.assertEqual(self.settings["bootstrap.servers"], "127.0.0.1:20999")
        self.assertEqual(self.settings["listeners"], "http://127.0.0.1:21000")
        self.assertEqual(self.settings["plugin.path"], "/plugins")
        self.assertEqual(self.settings["config.providers.env.param.allowlist.pattern"], "^(SOURCE|TARGET)_URI$")

    def test_connection_strings_are_in_the_environment_only(self) -> None:
        self.assertEqual(self.service.environment, {"SOURCE_URI": "mongodb://a", "TARGET_URI": "mongodb://b"})
        self.assertFalse([one for one in [*self.service.argv, *self.settings.values()] if "mongodb://" in one])

    def test_heap_is_what_was_asked_for(self) -> None:
        self.assertIn("-Xmx300m", self.service.argv)
