"""Finding Kafka Connect and its connectors: the Connect of KAFKA_HOME wins, the rest is fetched."""

from __future__ import annotations

import os
import tarfile
from dataclasses import dataclass
from pathlib import Path

from stack import cache, kafka_home, paths, prerequisites, registries, versions


@dataclass(frozen=True)
class Connect:
    """A folder of jars, a folder of connectors and the Java to run them with."""

    libs: Path
    plugins: Path
    java: Path


def find() -> Connect:
    """Connect with the pinned connectors, downloaded at the first time."""
    home = os.environ.get("KAFKA_HOME")
    libs = Path(home).absolute() / "libs" if home else fetch()
    return Connect(libs, fetch_plugins(), kafka_home.find_java())


def fetch() -> Path:
    """The pinned jars."""
    pins = versions.load()
    folder = paths.cache() / "connect" / pins.kafka.version
    return cache.ensure_folder(folder, lambda aside: _download(pins, aside)) / "libs"


def _download(pins: versions.Versions, aside: Path) -> None:
    prerequisites.ensure("java", "maven")
    registries.connect_jars(pins.connect, pins.kafka, aside)


def fetch_plugins() -> Path:
    """The pinned connectors, each in a folder of its own, as Connect wants them."""
    pins = versions.load()
    name = "_".join(f"{plugin}-{pin.version}" for plugin, pin in pins.connect.plugins.items())
    return cache.ensure_folder(paths.cache() / "connectors" / name, lambda aside: _download_plugins(pins, aside))


def _download_plugins(pins: versions.Versions, aside: Path) -> None:
    prerequisites.ensure("java", "maven")
    for name, pin in pins.connect.plugins.items():
        folder = aside / name
        folder.mkdir()
        file = registries.artifact(pin, pins.kafka, folder)
        if pin.form.startswith("tar.gz"):
            with tarfile.open(file) as packed:
                # No path leads out of the folder, where this Python can see to that; the sum is pinned anyway.
                packed.extraction_filter = getattr(tarfile, "data_filter", None)
                packed.extractall(folder)
            file.unlink()
