"""The systems that are measured: each carries a workload from the source and says when it is done."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Callable, Optional

from demo import configuration
from demo.pipeline import Part

from bench import live
from bench.cases import Workload
from bench.peers import PEERS
from bench.run import COLLECTION, Run, Taken
from bench.usage import Meter
from bench.world import FOLDER, Tool, until

TEXT = """\
pipeline = "{name}"
[source]
[target]
[kafka]
brokers = "{brokers}"
[namespaces]
include = ["{name}.*"]
[producer]
start = "{start}"
instance = "only"
[telemetry]
listen = "127.0.0.1:0"
log = "info"
"""
PUBLISHED = "oplogue_producer_records_published_total"


class Oplogue:
    """Ours; with or without a worker."""

    def __init__(self, with_worker: bool) -> None:
        self.with_worker = with_worker

    def topic(self, run: Run) -> str:
        """Where its events are."""
        return f"{run.name}.{COLLECTION}"

    def measure(self, run: Run) -> Taken:
        """Seconds from the start of the processes to the end of the work, and what each process used. They are ended by `World.clear`."""
        if run.workload.way == "start":
            return self._start_up(run)
        return self._live(run) if run.workload.is_live else self._carry(run)

    def _live(self, run: Run) -> Taken:
        self._configure(run, "latest")
        parts = self._start_all(run)
        return live.measure(run, lambda: {_role(part): part.pid for part in parts}, lambda: _require_running(parts))

    def _start_up(self, run: Run) -> Taken:
        """One after the other: each has the machine for itself, and a worker is ready once it has a topic."""
        self._configure(run, "latest")
        starts = {}
        for role in self._roles():
            began = time.monotonic()
            part = self._start(run, role)
            until(f"{role} is ready", lambda: _is_ready(part), part.require_running)
            starts[role] = time.monotonic() - began
            if role == "producer":
                run.write_one()
                until("a topic", lambda: (part.metric(PUBLISHED) or 0) > 0, part.require_running)
        return Taken(sum(starts.values()), {}, starts=starts)

    def _roles(self) -> "list[str]":
        return ["producer", "worker"] if self.with_worker else ["producer"]

    def _start_all(self, run: Run) -> "list[Part]":
        return [self._start(run, role) for role in self._roles()]

    def _carry(self, run: Run) -> Taken:
        world, workload = run.world, run.workload
        run.load_before()
        if workload.way == "drain":
            self._configure(run, "latest")
            producer = self._start(run, "producer")
            until("a position", lambda: "first start of this slice" in producer.log.read_text(), producer.require_running)
            until("ready", lambda: _is_ready(producer), producer.require_running)
            world.pipeline.stop()
        else:
            self._configure(run, "snapshot")
        run.load()
        world.rest()
        meter, began = Meter(world.pids()), time.monotonic()
        parts = self._start_all(run)
        for part in parts:
            meter.add(_role(part), part.pid)
        until(f"{run.name} carried", self._is_done(run, parts), lambda: _require_running(parts))
        return Taken(time.monotonic() - began, meter.read())

    def _is_done(self, run: Run, parts: "list[Part]") -> Callable[[], bool]:
        if self.with_worker:
            return run.is_applied
        return lambda: (parts[0].metric(PUBLISHED) or 0) >= run.workload.events

    @staticmethod
    def _configure(run: Run, start: str) -> None:
        (FOLDER / f"{run.name}.toml").write_text(TEXT.format(name=run.name, brokers=run.world.brokers, start=start))

    @staticmethod
    def _start(run: Run, role: str) -> Part:
        name = f"{role}-{run.name}"
        if name in run.world.pipeline.parts:
            return run.world.pipeline.start_again(name)
        program = str(run.world.programs[role])
        argv = [*configuration.without_foreign_settings(), program, "--config", str(Path(FOLDER) / f"{run.name}.toml")]
        return run.world.pipeline.start(name, argv, configuration.secrets(run.world.stack, role))


def _role(part: Part) -> str:
    return part.name.split("-")[0]


def _is_ready(part: Part) -> bool:
    return (part.metric("oplogue_ready") or 0) > 0


def _require_running(parts: "list[Part]") -> None:
    for part in parts:
        part.require_running()


class Floor:
    """The same reads and writes with nothing between."""

    def __init__(self, with_kafka: bool) -> None:
        self.with_kafka = with_kafka

    def topic(self, run: Run) -> Optional[str]:
        """Where its changes are."""
        return run.name if self.with_kafka else None

    def measure(self, run: Run) -> Taken:
        """As `Oplogue.measure`."""
        return self._live(run) if run.workload.is_live else self._carry(run)

    def _live(self, run: Run) -> Taken:
        tool = self._start(run, "--from", "live")
        return live.measure(run, lambda: {"floor": tool.pid}, tool.require_running)

    def _carry(self, run: Run) -> Taken:
        world, workload = run.world, run.workload
        run.load_before()
        since = world.clients["source"].admin.command("ping")["operationTime"]
        run.load()
        # What happened at that time is not carried any more.
        behind = f"{since.time}.{since.inc + 1}"
        words = ["--from", "snapshot"] if workload.way == "snapshot" else ["--from", "stream", "--since", behind]
        world.rest()
        meter, began = Meter(world.pids()), time.monotonic()
        tool = self._start(run, *words, "--count", str(workload.events))
        meter.add("floor", tool.pid)
        until(f"{run.name} carried", run.is_applied, tool.require_running)
        return Taken(time.monotonic() - began, meter.read())

    def _start(self, run: Run, *words: str) -> Tool:
        world = run.world
        through = ["--brokers", world.brokers, "--topic", run.name] if self.with_kafka else []
        sides = ["--source", world.uris["source"], "--target", world.uris["target"], "--db", run.name]
        return world.start_tool(run.name, "floor", *sides, *words, *through)


BY_NAME = {
    "oplogue": Oplogue(True),
    "oplogue-source": Oplogue(False),
    **PEERS,
    "floor": Floor(False),
    "floor-kafka": Floor(True),
}


def carries(system: str, workload: Workload) -> bool:
    """Whether a workload says something of a system: what ends in Kafka shows nothing at the target, the floor has nothing to start."""
    is_floor = system.startswith("floor")
    if workload.is_live:
        return system == "oplogue" or "pair" in system or is_floor
    return workload.is_carried or not is_floor
