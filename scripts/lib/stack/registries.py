"""The package registries, each through its ordinary client: wheels and source distributions by pip, jars by Maven."""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from stack import cache
from stack.failure import Failure, say
from stack.versions import Artifact, Connect, KafkaJars, SourceDistribution, Wheel

# The wheels are used for the files in them, never installed: any CPython tag serves, and 3.11 exists for all of them.
WHEEL_PYTHON = ["--implementation", "cp", "--python-version", "3.11"]

POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>oplogue</groupId><artifactId>stack-jars</artifactId><version>1</version><packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>{artifact}</artifactId><version>{pin.version}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId><version>{pin.log4j}</version>
    </dependency>
  </dependencies>
</project>
"""


def wheel(pin: Wheel, folder: Path) -> zipfile.ZipFile:
    """Fetches a wheel into `folder`, checks it and opens it."""
    say(f"fetching {pin.package} {pin.version} from PyPI ({cache.mebibytes(pin.bytes)})")
    _pip_download(
        ["--only-binary=:all:", "--platform", pin.platform, *WHEEL_PYTHON], pin.package, pin.version, folder
    )
    return zipfile.ZipFile(_only_file(folder, "*.whl", pin.sha256))


def source_distribution(pin: SourceDistribution, folder: Path) -> tarfile.TarFile:
    """Fetches a source distribution, checks it and opens it.

    pip insists on the metadata of what it downloads and asks the package's build backend for it, in an isolated
    environment that it sets up by itself; nothing is compiled.
    """
    say(f"fetching the source of {pin.package} {pin.version} from PyPI ({cache.mebibytes(pin.bytes)})")
    _pip_download([f"--no-binary={pin.package}"], pin.package, pin.version, folder)
    return tarfile.open(_only_file(folder, "*.tar.gz", pin.sha256))


def _pip_download(options: Sequence[str], package: str, version: str, folder: Path) -> None:
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    _run([*command, *options, "--dest", str(folder), f"{package}=={version}"], folder)


def _only_file(folder: Path, pattern: str, pinned: str) -> Path:
    found = list(folder.glob(pattern))
    if len(found) != 1:
        raise Failure(f"expected one {pattern} in {folder}, found {len(found)}")
    cache.check_sum(found[0].name, cache.sha256(found[0]), pinned)
    return found[0]


def kafka_jars(pin: KafkaJars, folder: Path) -> None:
    """Fetches the broker and everything it needs into `folder` and checks the whole set."""
    say(f"fetching Kafka {pin.version} from Maven Central ({cache.mebibytes(pin.bytes)})")
    _jars(f"kafka_{pin.scala}", pin, folder)
    cache.check_sum(f"Kafka {pin.version}", sum_of_set(folder / "libs"), pin.sha256)


def connect_jars(pin: Connect, kafka: KafkaJars, folder: Path) -> None:
    """The same of Kafka Connect."""
    say(f"fetching Kafka Connect {kafka.version} from Maven Central ({cache.mebibytes(pin.bytes)})")
    _jars("connect-runtime", kafka, folder)
    cache.check_sum(f"Kafka Connect {kafka.version}", sum_of_set(folder / "libs"), pin.sha256)


def _jars(artifact: str, pin: KafkaJars, folder: Path) -> None:
    pom = folder / "pom.xml"
    pom.write_text(POM.format(pin=pin, artifact=artifact))
    options = [f"-DoutputDirectory={folder / 'libs'}", "-DincludeScope=runtime"]
    _run([*_maven(pin, "copy-dependencies"), "--file", str(pom), *options], folder)


def artifact(pin: Artifact, kafka: KafkaJars, folder: Path) -> Path:
    """Fetches one file into `folder` and checks it."""
    name = f"{pin.group}:{pin.artifact}:{pin.version}"
    say(f"fetching {name} from Maven Central ({cache.mebibytes(pin.bytes)})")
    options = [f"-Dartifact={name}:{pin.form}", f"-DoutputDirectory={folder}"]
    _run([*_maven(kafka, "copy"), *options], folder)
    return _only_file(folder, f"{pin.artifact}-*", pin.sha256)


def _maven(kafka: KafkaJars, goal: str) -> list[str]:
    plugin = f"org.apache.maven.plugins:maven-dependency-plugin:{kafka.dependency_plugin}"
    return ["mvn", "--batch-mode", "--quiet", f"{plugin}:{goal}"]


def sum_of_set(folder: Path) -> str:
    """One SHA-256 over a folder, the one that `sha256sum * | LC_ALL=C sort -k2 | sha256sum` prints."""
    lines = [f"{cache.sha256(path)}  {path.name}\n" for path in sorted(folder.iterdir())]
    return cache.sha256_of_text("".join(lines))


def _run(command: list[str], folder: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
        )
    except FileNotFoundError as error:
        raise Failure(f"{command[0]} is not on PATH") from error
    if done.returncode != 0:
        said = (done.stdout + done.stderr).strip()
        raise Failure(f"`{' '.join(command)}` ended with {done.returncode}:\n{said}")


def _environment() -> dict[str, str]:
    return {**os.environ, "PIP_NO_INPUT": "1"}
