"""One real stack through its life: up, kill, pause, start, data kept and found, down. About 20 s when idle."""

import json
import os
import subprocess
import unittest

from pymongo import MongoClient

from stack import paths, wire

STACK = str(paths.LIB.parent / "stack")


class Life(unittest.TestCase):
    def setUp(self):
        self.name = f"smoke-{os.getpid()}"
        self.addCleanup(self.stack, "down")
        self.up()

    def stack(self, command, *words):
        """Runs a command on this test's stack; fails with what it said."""
        done = subprocess.run(
            [STACK, command, "--name", self.name, *words], capture_output=True, text=True, check=False
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def up(self):
        """Starts what is missing and reads the description."""
        words = ["--fast", "--members", "target:3"]
        self.document = json.loads(self.stack("up", *words, "--json"))

    def status(self):
        """The services by name, from `status`, which exits with 1 while something is down."""
        command = [STACK, "status", "--name", self.name, "--json"]
        told = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        return {one["service"]: one for one in json.loads(told)}

    def condition(self, name):
        return self.status()[name]["condition"]

    def client(self, deployment):
        return MongoClient(self.document["deployments"][deployment]["uri"], w="majority")

    def test_services_outlive_kill_pause_and_restart(self):
        source, target = self.client("source"), self.client("target")
        with self.subTest("transactions work on both"):
            for client in (source, target):
                with client.start_session() as session, session.start_transaction():
                    client.test.users.insert_one({"_id": 1}, session=session)
        with self.subTest("up again changes nothing"):
            before = self.document
            self.up()
            self.assertEqual(self.document, before)
        with self.subTest("a killed member comes back with its data and port"):
            self.stack("kill", "source-0")
            self.assertEqual(self.condition("source-0"), "gone")
            self.stack("start", "source-0")
            self.assertEqual(source.test.users.count_documents({}), 1)
        with self.subTest("a set outlives a paused member"):
            secondary = next(name for name, one in self.status().items() if one["role"] == "secondary")
            self.stack("kill", secondary, "--signal", "STOP")
            self.assertEqual(self.condition(secondary), "paused")
            target.test.users.insert_one({"_id": 2})
            self.stack("kill", secondary, "--signal", "CONT")
            self.assertEqual(self.condition(secondary), "running")
        with self.subTest("the broker comes back"):
            brokers = self.document["kafka"]["brokers"]
            self.stack("kill", "kafka")
            self.assertFalse(wire.broker_serves(brokers))
            self.stack("start", "kafka")
            self.assertTrue(wire.broker_serves(brokers))
        with self.subTest("data that is kept is found again"):
            self.stack("down", "--keep-data")
            self.up()
            self.assertEqual(target.test.users.count_documents({}), 2)
        # A client whose servers are gone takes half a minute to close.
        source.close()
        target.close()
        with self.subTest("down leaves nothing"):
            self.stack("down")
            self.assertFalse((paths.stacks() / self.name).exists())
