"""Where the checked files are, and how they are read."""

from __future__ import annotations

import json
import re
import tomllib
from functools import cache
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[4]


def text(path: str) -> str:
    """A file of the repository."""
    return (ROOT / path).read_text(encoding="utf-8")


def documents(path: str) -> list[dict]:
    """The documents of a YAML file."""
    return [document for document in yaml.safe_load_all(text(path)) if document]


@cache
def compose() -> dict:
    """The compose file, each `${NAME:-default}` replaced by its default."""
    content = re.sub(r"\$\{[A-Z_]+:-([^}]*)\}", r"\1", text("docker-compose.yml"))
    return yaml.safe_load(content)


def services() -> dict[str, dict]:
    """The services of the compose file by name."""
    return compose()["services"]


def version() -> str:
    """The version of the workspace, which is that of its images."""
    return tomllib.loads(text("Cargo.toml"))["workspace"]["package"]["version"]


def versions() -> dict:
    """The versions of the real services that tests run against."""
    return json.loads(text("scripts/lib/versions.json"))


def found(pattern: str) -> list[str]:
    """Files of the repository, relative to its root; at least one, for a check of nothing proves nothing."""
    paths = sorted(str(path.relative_to(ROOT)) for path in ROOT.glob(pattern))
    assert paths, f"nothing matches {pattern}"
    return paths
