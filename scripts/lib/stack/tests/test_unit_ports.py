"""Ports: free, below the outgoing range, and kept for their stack while it exists."""

import shutil
import socket
import tempfile
import unittest
from pathlib import Path
from unittest import mock

from stack import ports
from stack.failure import Failure


class Reservations(unittest.TestCase):
    def setUp(self):
        self.folder = Path(tempfile.mkdtemp())
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        own_reservations = mock.patch.object(tempfile, "gettempdir", return_value=str(self.folder))
        own_reservations.start()
        self.addCleanup(own_reservations.stop)
        self.owner = self.folder / "stack"
        self.owner.mkdir()

    def only(self, *range_of_ports):
        """Narrows the choice to these ports."""
        narrowed = mock.patch.object(ports, "RANGE", range(*range_of_ports))
        narrowed.start()
        self.addCleanup(narrowed.stop)

    def test_are_below_the_outgoing_range_and_free(self):
        port = ports.reserve(self.owner)
        self.assertLess(port, 32768)
        self.assertTrue(ports.is_free(port))

    def test_are_not_given_twice(self):
        given = [ports.reserve(self.owner) for _ in range(50)]
        self.assertEqual(len(set(given)), 50)

    def test_run_out_plainly(self):
        first = ports.reserve(self.owner)
        self.only(first, first + 1)
        with self.assertRaisesRegex(Failure, "no free port"):
            ports.reserve(self.owner)

    def test_come_back_when_released_or_their_stack_is_gone(self):
        port = ports.reserve(self.owner)
        self.only(port, port + 1)
        ports.release([port], self.owner)
        self.assertEqual(ports.reserve(self.owner), port)
        self.owner.rmdir()
        other = self.folder / "other"
        other.mkdir()
        self.assertEqual(ports.reserve(other), port)

    def test_of_another_stack_are_not_released(self):
        port = ports.reserve(self.owner)
        self.only(port, port + 1)
        ports.release([port], self.folder / "other")
        with self.assertRaises(Failure):
            ports.reserve(self.owner)

    def test_in_use_are_not_given(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            taken.listen()
            port = taken.getsockname()[1]
            self.only(port, port + 1)
            with self.assertRaises(Failure):
                ports.reserve(self.owner)
