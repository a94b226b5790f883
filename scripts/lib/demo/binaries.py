"""The two binaries: built by cargo, in the profile the tests use, or named by the caller."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Dict, Iterable, List, Optional, Tuple

from stack import paths, prerequisites
from stack.failure import Failure

NAMES = ("producer", "worker")
COMMAND: Tuple[str, ...] = ("build", "--bins", "--locked")
# What compiling needs beside Rust: librdkafka is built from source.
NEEDED = ("cargo", "gcc", "g++", "make", "cmake", "pkg-config", "openssl", "zlib")
LINES_TOLD = 30


@dataclass(frozen=True)
class Binaries:
    """Where they are, and how many crates had to be compiled for that."""

    producer: Path
    worker: Path
    compiled: int


def named(folder: Path) -> Binaries:
    """Those of a folder, as they are."""
    found = {name: (folder / name).resolve() for name in NAMES}
    for path in found.values():
        if not os.access(path, os.X_OK):
            raise Failure(f"{path} is not there; without --binaries they are built")
    return Binaries(found["producer"], found["worker"], 0)


def build(log: Path, progress: Callable[[str], None], command: Tuple[str, ...] = COMMAND) -> Binaries:
    """Compiles what is not up to date; cargo's own words go to `log`."""
    prerequisites.ensure(*NEEDED)
    with open(log, "w") as errors:
        line = [_cargo(), *command, "--message-format=json-render-diagnostics"]
        cargo = subprocess.Popen(line, cwd=paths.CHECKOUT, stdout=subprocess.PIPE, stderr=errors, text=True)
        assert cargo.stdout is not None
        try:
            artifacts = _artifacts(cargo.stdout, progress)
        finally:
            cargo.stdout.close()
            status = cargo.wait()
    if status != 0:
        said = "\n".join(log.read_text().splitlines()[-LINES_TOLD:])
        raise Failure(f"cargo {' '.join(command)} failed ({status}), see {log}:\n{said}")
    found = _executables(artifacts)
    return Binaries(found["producer"], found["worker"], sum(not one["fresh"] for one in artifacts))


def _cargo() -> str:
    home = Path(os.environ.get("CARGO_HOME") or Path.home() / ".cargo")
    return shutil.which("cargo") or str(home / "bin" / "cargo")


def _artifacts(lines: Iterable[str], progress: Callable[[str], None]) -> List[Dict]:
    """https://doc.rust-lang.org/cargo/reference/external-tools.html#artifact-messages"""
    artifacts: List[Dict] = []
    for line in lines:
        message = json.loads(line)
        if message["reason"] != "compiler-artifact":
            continue
        artifacts.append(message)
        if not message["fresh"]:
            progress(f"cargo {' '.join(COMMAND)}: {len(artifacts)} crates, {message['target']['name']}")
    return artifacts


def _executables(artifacts: List[Dict]) -> Dict[str, Path]:
    found: Dict[str, Optional[str]] = {one["target"]["name"]: one["executable"] for one in artifacts if one["executable"]}
    missing = [name for name in NAMES if not found.get(name)]
    if missing:
        raise Failure(f"cargo built no {' and no '.join(missing)}")
    return {name: Path(str(found[name])) for name in NAMES}
