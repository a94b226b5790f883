"""A part's address, as its log tells it."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

from stack.state import Service

from demo.pipeline import Part

FIRST = "2026-11-20T06:58:21Z  INFO common::telemetry::http: listening for /metrics, /livez and /readyz address=127.0.0.1:{}\n"


class Address(unittest.TestCase):
    def test_it_is_that_of_the_present_life(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            log = Path(folder) / "worker-1.log"
            one = Service("worker-1", [], ["true"], {}, folder, str(log))
            part = Part(one)
            log.write_text(FIRST.format(4001))
            part.start()
            self.assertIsNone(part.address)
            with open(log, "a") as more:
                more.write("something else\n" + FIRST.format(4002))
            self.assertEqual(part.address, "127.0.0.1:4002")
            self.assertEqual(part.exit_status(), 0)
