"""The pinned versions: reads ../versions.json, the only place that names one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from stack import paths
from stack.failure import Failure


@dataclass(frozen=True)
class Wheel:
    """A PyPI wheel that carries a program or a library; `platform` is its platform tag."""

    package: str
    version: str
    platform: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Server:
    """One MongoDB release and the wheel that carries it; builds for older systems lack their OpenSSL here."""

    version: str
    wheel: Wheel
    needs_openssl_1_1: bool


@dataclass(frozen=True)
class KafkaJars:
    """The broker with its dependencies; `bytes` and `sha256` are over the whole set of jars."""

    version: str
    scala: str
    log4j: str
    dependency_plugin: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Artifact:
    """One file of Maven Central; `form` is its type and classifier."""

    group: str
    artifact: str
    version: str
    form: str
    bytes: int
    sha256: str


@dataclass(frozen=True)
class Connect:
    """Kafka Connect of the broker's version (`bytes` and `sha256` are over all its jars), and connectors by name."""

    bytes: int
    sha256: str
    plugins: dict[str, Artifact]


@dataclass(frozen=True)
class SourceDistribution:
    """A PyPI source distribution of which one folder is wanted."""

    package: str
    version: str
    bytes: int
    sha256: str
    folder: str


@dataclass(frozen=True)
class Versions:
    """The whole file."""

    default_server: str
    servers: dict[str, Server]
    openssl_1_1: Wheel
    kafka: KafkaJars
    connect: Connect
    bson_corpus: SourceDistribution
    python: dict[str, list[str]]

    def server(self, asked: str | None) -> Server | None:
        """The server for `6.0.27` or `5.0` (its newest pinned patch), the default for None, None if not pinned."""
        matching = [version for version in self.servers if matches(version, asked or self.default_server)]
        return self.servers[max(matching, key=_numbers)] if matching else None

    def requirements(self) -> str:
        """The Python packages as a pip requirements file with hashes."""
        lines = (
            " ".join([name, *(f"--hash=sha256:{digest}" for digest in digests)])
            for name, digests in self.python.items()
        )
        return "\n".join(lines) + "\n"


def matches(version: str, asked: str) -> bool:
    """Whether `asked` names `version`, whole or up to a dot: 5.0 names 5.0.4, 6.0.2 does not name 6.0.27."""
    return version == asked or version.startswith(asked + ".")


def load(path: Path = paths.VERSIONS) -> Versions:
    """Reads the file; an incomplete one is a defect of the checkout and said so."""
    try:
        return _parse(json.loads(path.read_text()))
    except (KeyError, TypeError, ValueError) as error:
        raise Failure(f"{path} is not usable: {type(error).__name__}: {error}") from error


def _parse(document: dict[str, Any]) -> Versions:
    mongodb = document["mongodb"]
    versions = Versions(
        default_server=mongodb["default"],
        servers={version: _server(version, entry) for version, entry in mongodb["servers"].items()},
        openssl_1_1=Wheel(**document["openssl_1_1"]),
        kafka=KafkaJars(**document["kafka"]),
        connect=_connect(document["connect"]),
        bson_corpus=SourceDistribution(**document["bson_corpus"]),
        python=document["python"],
    )
    if versions.server(None) is None:
        raise ValueError(f"the default server {versions.default_server} is not among the servers")
    return versions


def _server(version: str, entry: dict[str, Any]) -> Server:
    return Server(version, Wheel(**entry["wheel"]), entry["needs_openssl_1_1"])


def _connect(entry: dict[str, Any]) -> Connect:
    plugins = {name: Artifact(**plugin) for name, plugin in entry["plugins"].items()}
    return Connect(**{**entry, "plugins": plugins})


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))
