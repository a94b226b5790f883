"""The services, the programs and the folder of a benchmark; whatever happens, what was started is ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List

from pymongo import MongoClient

from demo.binaries import NEEDED
from demo.pipeline import Pipeline
from stack import arguments, lifecycle, paths, prerequisites
from stack.failure import Failure, say
from stack.state import Stack

from bench import usage
from bench.options import Options

STACK = "bench"
FOLDER = paths.CHECKOUT / ".cache" / "bench"
PROGRAMS = ("producer", "worker", "bench")
# Longer than the slowest case takes.
CASE_SECONDS = 900.0
# The services are at rest when together they use less than this of a core.
REST = 0.1
REST_SECONDS = 60.0


class World:
    """What a case needs at hand."""

    def __init__(self, stack: Stack, programs: Dict[str, Path]) -> None:
        assert stack.kafka is not None
        self.stack = stack
        self.programs = programs
        self.brokers = stack.kafka.brokers
        self.uris = {side: stack.deployments[side].uri for side in ("source", "target")}
        self.clients: Dict[str, MongoClient[Any]] = {side: MongoClient(uri) for side, uri in self.uris.items()}
        self.pipeline = Pipeline(FOLDER / "processes.json")

    def pids(self) -> Dict[str, int]:
        """The services' processes, by what they are."""
        names = {"source": "source mongod", "target": "target mongod", "kafka": "broker"}
        found = {}
        for one in self.stack.services:
            for prefix, name in names.items():
                if one.name.startswith(prefix) and one.process:
                    found[name] = one.process.pid
        return found

    def tool(self, *words: str) -> Dict[str, Any]:
        """Runs a command of the program `bench`; gives what it prints."""
        return json.loads(subprocess.run(self._tool(words), check=True, capture_output=True, text=True).stdout)

    def start_tool(self, *words: str) -> "subprocess.Popen[str]":
        """Starts one."""
        return subprocess.Popen(self._tool(words), stdout=subprocess.PIPE, text=True)

    def _tool(self, words: "tuple[str, ...]") -> List[str]:
        return [str(self.programs["bench"]), *words]

    def rest(self) -> None:
        """Waits until the services have nothing left to do from the case before."""
        until = time.monotonic() + REST_SECONDS
        while time.monotonic() < until:
            meter = usage.Meter(self.pids())
            time.sleep(1)
            if sum(one.cpu_seconds for one in meter.read().values()) < REST:
                return

    def forget(self, *databases: str) -> None:
        """Drops what a case has left."""
        for client in self.clients.values():
            for name in databases:
                client.drop_database(name)


def until(what: str, holds: Callable[[], bool], alive: Callable[[], None]) -> None:
    """Waits until something holds while what works on it is alive."""
    deadline = time.monotonic() + CASE_SECONDS
    while not holds():
        alive()
        if time.monotonic() > deadline:
            raise Failure(f"not within {CASE_SECONDS:.0f} s: {what}")
        time.sleep(0.02)


@contextmanager
def open_up(options: Options) -> Iterator[World]:
    """A world to measure in."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    programs = _programs(options)
    lifecycle.down(STACK, keep_data=False)
    words = ["up", "--name", STACK, "--broker-property", "broker.session.timeout.ms=60000"]
    stack, _ = lifecycle.up(STACK, arguments.request(arguments.parser().parse_args(words)))
    world = World(stack, programs)
    try:
        yield world
    finally:
        world.pipeline.stop()
        lifecycle.down(STACK, keep_data=False)


def _programs(options: Options) -> Dict[str, Path]:
    folder = options.binaries or _build()
    found = {name: (folder / name).resolve() for name in PROGRAMS}
    for path in found.values():
        if not os.access(path, os.X_OK):
            raise Failure(f"{path} is not there; without --binaries they are built")
    return found


def _build() -> Path:
    prerequisites.ensure(*NEEDED)
    say("building producer, worker and bench (cargo build --release)")
    packages = [word for name in PROGRAMS for word in ("-p", name)]
    done = subprocess.run(["cargo", "build", "--release", "--locked", *packages], cwd=paths.CHECKOUT, check=False)
    if done.returncode != 0:
        raise Failure("cargo build failed")
    return Path(os.environ.get("CARGO_TARGET_DIR", paths.CHECKOUT / "target")) / "release"
