"""The pinned versions: the committed file is whole, and versions are asked for as people do."""

import json
import tempfile
import unittest
from pathlib import Path

from stack import cache, paths, registries, versions
from stack.failure import Failure


class CommittedFile(unittest.TestCase):
    def setUp(self):
        self.pinned = versions.load()

    def test_sums_are_sha256_in_hex(self):
        wheels = [server.wheel for server in self.pinned.servers.values()] + [self.pinned.openssl_1_1]
        sums = [pin.sha256 for pin in [*wheels, self.pinned.kafka, self.pinned.bson_corpus]]
        sums += [digest for digests in self.pinned.python.values() for digest in digests]
        for digest in sums:
            self.assertRegex(digest, r"\A[0-9a-f]{64}\Z")

    def test_every_server_of_the_run_book_is_pinned(self):
        answers = {"6.0.27": "6.0.27", "6.0.5": "6.0.5", "5.0": "5.0.4", "4.4": "4.4.2", "6.0": "6.0.27"}
        for asked, version in answers.items():
            self.assertEqual(self.pinned.server(asked).version, version)

    def test_nothing_asked_is_the_default(self):
        self.assertEqual(self.pinned.server(None).version, "6.0.27")

    def test_unknown_version_is_none(self):
        self.assertIsNone(self.pinned.server("9.9"))

    def test_requirements_carry_hashes(self):
        for line in self.pinned.requirements().splitlines():
            self.assertIn(" --hash=sha256:", line)


class UnusableFile(unittest.TestCase):
    def load(self, text):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "versions.json"
            path.write_text(text)
            return versions.load(path)

    def test_is_refused_with_its_path(self):
        whole = json.loads(paths.VERSIONS.read_text())
        without_kafka = {key: value for key, value in whole.items() if key != "kafka"}
        default_missing = {**whole, "mongodb": {**whole["mongodb"], "default": "1.0"}}
        for text in ["", "[]", "{}", json.dumps(without_kafka), json.dumps(default_missing)]:
            with self.subTest(text=text[:40]), self.assertRaisesRegex(Failure, "versions.json is not usable"):
                self.load(text)


class Matching(unittest.TestCase):
    def test_a_version_is_named_whole_or_up_to_a_dot(self):
        cases = [("6.0.27", "6.0.27", True), ("6.0.27", "6.0", True), ("6.0.27", "6.0.2", False)]
        for version, asked, expected in [*cases, ("5.0.4", "5", True), ("6.0.5", "6.0.50", False)]:
            with self.subTest(version=version, asked=asked):
                self.assertEqual(versions.matches(version, asked), expected)


class Sums(unittest.TestCase):
    def test_another_content_is_refused(self):
        with self.assertRaisesRegex(Failure, "is not what was pinned"):
            cache.check_sum("it", "00", "11")

    def test_sum_of_a_set_is_that_of_the_sha256sum_command(self):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "b.jar").write_text("two")
            (Path(folder) / "a.jar").write_text("one")
            one = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
            two = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"
            expected = cache.sha256_of_text(f"{one}  a.jar\n{two}  b.jar\n")
            self.assertEqual(registries.sum_of_set(Path(folder)), expected)
