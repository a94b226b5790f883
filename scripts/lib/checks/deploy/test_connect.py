"""connect-configs/: strings only, no secret, every key explained."""

from __future__ import annotations

import json
import re
import unittest
from pathlib import Path

from deploy import files

FOLDER = "connect-configs"


def configs() -> dict[str, dict]:
    """Each connector's config by its file."""
    return {path: json.loads(files.text(path)) for path in files.found(f"{FOLDER}/*.json")}


def explained(section: str) -> set[str]:
    """The keys that a section of the README explains: each table row's first cell."""
    parts = re.split(r"^## ", files.text(f"{FOLDER}/README.md"), flags=re.MULTILINE)
    body = next((part for part in parts if part.splitlines()[0].strip("` ") == section), "")
    return {key for row in re.findall(r"^\| (`.+?`) \|", body, re.MULTILINE) for key in re.findall(r"`([^`]+)`", row)}


class Connect(unittest.TestCase):
    def test_plugins_are_those_that_the_tests_run_with(self):
        sums = files.text("deploy/connect/SHA256SUMS")
        pins = json.loads(files.text("scripts/lib/versions.json"))["connect"]["plugins"].values()
        self.assertEqual({line.split()[0] for line in sums.splitlines()}, {pin["sha256"] for pin in pins})
        for pin in pins:
            self.assertIn(f"{pin['artifact']}:{pin['version']}:{pin['form']}", files.text("deploy/connect/Dockerfile"))

    def test_every_value_is_a_string(self):
        for path, config in configs().items():
            self.assertEqual({type(value) for value in config.values()}, {str}, path)

    def test_name_is_the_file(self):
        for path, config in configs().items():
            self.assertEqual(config["name"], Path(path).stem)

    def test_connection_strings_come_from_the_environment(self):
        allowed = re.search(r"allowlist\.pattern=(.+)", files.text("deploy/connect/connect-distributed.properties"))[1]
        given = files.services()["connect"]["environment"]
        for path, config in configs().items():
            uri = config.get("connection.uri") or config["mongodb.connection.string"]
            name = re.fullmatch(r"\$\{env:(\w+)\}", uri)[1]
            self.assertRegex(name, allowed, path)
            self.assertIn(name, given)

    def test_every_key_is_explained_and_no_other(self):
        common = explained("Every connector")
        for path, config in configs().items():
            with self.subTest(file=path):
                own = explained(Path(path).name)
                self.assertEqual(config.keys() - own - common, set(), "not explained")
                self.assertEqual(own - config.keys(), set(), "explained, not there")
        used = {key for config in configs().values() for key in config}
        self.assertEqual(common - used, set(), "explained, in no file")

    def test_topics_are_created_large_enough(self):
        largest = str(files.services()["kafka"]["environment"]["KAFKA_MESSAGE_MAX_BYTES"])
        for path, config in configs().items():
            for key in ("topic.creation.default.max.message.bytes", "producer.override.max.request.size"):
                self.assertEqual(config.get(key, largest), largest, path)
