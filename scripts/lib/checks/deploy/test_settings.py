"""What the deployment files set exists: keys in OPLOGUE_… variables and in the oplogue.toml files."""

from __future__ import annotations

import json
import re
import tomllib
import unittest
from collections.abc import Iterator

import jsonschema

from deploy import files

SCHEMA = "oplogue.schema.json"
TOMLS = ("deploy/compose/oplogue.toml", "deploy/kubernetes/oplogue.toml")
SOURCES = ("docker-compose.yml", "Dockerfile", "deploy/kubernetes/producer.yaml", "deploy/kubernetes/worker.yaml")
# Read by the binaries beside the keys: the file's path.
OTHERS = {"OPLOGUE_CONFIG"}


def schema() -> dict:
    """The configuration's schema, inlined: no `$ref`."""
    return json.loads(files.text(SCHEMA))


def keys(node: dict, above: str = "OPLOGUE_") -> Iterator[str]:
    """The environment variable of every key."""
    for name, below in node.get("properties", {}).items():
        yield f"{above}{name.upper()}"
        yield from keys(below, f"{above}{name.upper()}__")


class Settings(unittest.TestCase):
    def test_variables_are_keys(self):
        known = set(keys(schema())) | OTHERS
        for path in SOURCES:
            self.assertEqual(set(re.findall(r"\bOPLOGUE_[A-Z_]+\b", files.text(path))) - known, set(), path)

    def test_tomls_follow_the_schema(self):
        validator = jsonschema.validators.validator_for(schema())(schema())
        for path in TOMLS:
            settings = tomllib.loads(files.text(path))
            problems = [f"{error.json_path}: {error.message}" for error in validator.iter_errors(settings)]
            self.assertEqual(problems, [], path)

    def test_kubernetes_listens_where_it_is_probed(self):
        settings = tomllib.loads(files.text(TOMLS[1]))
        self.assertEqual(settings["telemetry"]["listen"], "0.0.0.0:9464")
