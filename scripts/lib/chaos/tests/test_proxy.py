"""The proxy does to connections what it is told, and bytes keep their order."""

from __future__ import annotations

import socket
import tempfile
import threading
import unittest
from pathlib import Path

from stack import ports

from chaos.network.control import Network

SECONDS = 10.0
PAYLOAD = bytes(range(256)) * 4000


class Proxy(unittest.TestCase):
    def setUp(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.front = ports.reserve(Path(self.folder.name))
        self.network = Network(Path(self.folder.name), {"one": (self.front, self.server.getsockname()[1])})
        threading.Thread(target=self.echo, daemon=True).start()
        self.network.start()

    def tearDown(self) -> None:
        self.network.stop()
        self.server.close()
        ports.release([self.front], Path(self.folder.name))
        self.folder.cleanup()

    def echo(self) -> None:
        while True:
            try:
                accepted, _ = self.server.accept()
            except OSError:
                return
            threading.Thread(target=self.echo_one, args=(accepted,), daemon=True).start()

    @staticmethod
    def echo_one(accepted: socket.socket) -> None:
        with accepted:
            while piece := accepted.recv(65536):
                accepted.sendall(piece)

    def connected(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.front), SECONDS)

    def echoed(self, connection: socket.socket, sent: bytes) -> bytes:
        threading.Thread(target=connection.sendall, args=(sent,), daemon=True).start()
        received = b""
        while len(received) < len(sent):
            received += connection.recv(65536)
        return received

    def test_open_and_slow_connections_pass_everything_in_order(self) -> None:
        with self.connected() as connection:
            self.assertEqual(self.echoed(connection, PAYLOAD), PAYLOAD)
            self.network.set("one", "slow", 0.005)
            self.assertEqual(self.echoed(connection, PAYLOAD), PAYLOAD)
            self.network.set("one", "open")
            self.assertEqual(self.echoed(connection, PAYLOAD), PAYLOAD)

    def test_a_silent_connection_stays_and_goes_on_when_healed(self) -> None:
        with self.connected() as connection:
            self.assertEqual(self.echoed(connection, b"before"), b"before")
            self.network.set("one", "silent")
            connection.sendall(b"meanwhile")
            connection.settimeout(0.3)
            with self.assertRaises(socket.timeout):
                connection.recv(10)
            connection.settimeout(SECONDS)
            self.network.heal()
            self.assertEqual(connection.recv(10), b"meanwhile")

    def test_a_cut_ends_connections_and_refuses_new_ones_until_healed(self) -> None:
        with self.connected() as connection:
            self.assertEqual(self.echoed(connection, b"before"), b"before")
            self.network.set("one", "cut")
            self.assertTrue(self.is_dead(connection))
        with self.connected() as late:
            self.assertTrue(self.is_dead(late))
        self.network.heal()
        with self.connected() as connection:
            self.assertEqual(self.echoed(connection, b"after"), b"after")

    @staticmethod
    def is_dead(connection: socket.socket) -> bool:
        try:
            return connection.recv(1) == b""
        except ConnectionError:
            return True


if __name__ == "__main__":
    unittest.main()
