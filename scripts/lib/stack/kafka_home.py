"""Finding Kafka and a Java that runs it: KAFKA_HOME and the machine's Java win, the rest is fetched."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from stack import cache, paths, prerequisites, registries, versions
from stack.failure import Failure

# Kafka 4 brokers are compiled for it: https://kafka.apache.org/41/getting-started/upgrade/
OLDEST_JAVA = 17


@dataclass(frozen=True)
class Kafka:
    """A folder of jars, the broker's version and the Java to run it with."""

    libs: Path
    version: str
    java: Path


def find() -> Kafka:
    """Kafka from KAFKA_HOME, or the pinned one, downloaded at the first time."""
    home = os.environ.get("KAFKA_HOME")
    libs = Path(home).absolute() / "libs" if home else fetch()
    return Kafka(libs, _version_of(libs), find_java())


def fetch() -> Path:
    """The pinned jars."""
    pin = versions.load().kafka
    return (
        cache.ensure_folder(paths.cache() / "kafka" / pin.version, lambda aside: _download(pin, aside))
        / "libs"
    )


def _download(pin: versions.KafkaJars, aside: Path) -> None:
    find_java()
    prerequisites.ensure("maven")
    registries.kafka_jars(pin, aside)


def _version_of(libs: Path) -> str:
    for jar in libs.glob("kafka_2.*.jar"):
        found = re.fullmatch(r"kafka_2\.\d+-(\d[\w.]*)\.jar", jar.name)
        if found:
            return found.group(1)
    raise Failure(f"no Kafka broker in {libs} (kafka_2.x-VERSION.jar); is KAFKA_HOME right?")


def find_java() -> Path:
    """A Java new enough for the broker; installed from Debian when there is none."""
    found = _installed_java()
    if found is None:
        prerequisites.ensure("java")
        found = _installed_java()
    if found is None:
        raise Failure(f"no Java {OLDEST_JAVA} or newer: looked at JAVA_HOME, PATH and /usr/lib/jvm")
    return found


def _installed_java() -> Path | None:
    return next((java for java in _candidates() if _major_version(java) >= OLDEST_JAVA), None)


def _candidates() -> Iterator[Path]:
    home = os.environ.get("JAVA_HOME")
    if home:
        yield Path(home) / "bin" / "java"
    on_path = shutil.which("java")
    if on_path:
        yield Path(on_path)
    yield from sorted(Path("/usr/lib/jvm").glob("*/bin/java"))


def _major_version(java: Path) -> int:
    try:
        done = subprocess.run([str(java), "-version"], capture_output=True, text=True, check=False)
    except OSError:
        return 0
    found = re.search(r'version "(\d+)', done.stderr)
    return int(found.group(1)) if found else 0
