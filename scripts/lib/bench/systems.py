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
from bench.world import FOLDER, until

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


class Oplogue:
    """Ours; with or without a worker."""

    def __init__(self, with_worker: bool) -> None:
        self.with_worker = with_worker

    def topic(self, run: Run) -> str:
        """Where its events are."""
        return f"{run.name}.{COLLECTION}"

    def measure(self, run: Run) -> Taken:
        """Seconds from the start of the processes to the end of the work, and what each process used."""
        return self._live(run) if run.workload.is_live else self._carry(run)

    def _live(self, run: Run) -> Taken:
        self._configure(run, "latest")
        parts = self._start_all(run)
        try:
            return live.measure(run, lambda: {part.name.split("-")[0]: part.pid for part in parts})
        finally:
            run.world.pipeline.stop()

    def _start_all(self, run: Run) -> "list[Part]":
        return [self._start(run, role) for role in (["producer", "worker"] if self.with_worker else ["producer"])]

    def _carry(self, run: Run) -> Taken:
        world, workload = run.world, run.workload
        run.load_before()
        if workload.way == "drain":
            self._configure(run, "latest")
            producer = self._start(run, "producer")
            until("a position", lambda: "first start of this slice" in producer.log.read_text(), producer.require_running)
            until("ready", lambda: (producer.metric("oplogue_ready") or 0) > 0, producer.require_running)
            world.pipeline.stop()
        else:
            self._configure(run, "snapshot")
        run.load()
        world.rest()
        meter, began = Meter(world.pids()), time.monotonic()
        parts = self._start_all(run)
        for part in parts:
            meter.add(part.name.split("-")[0], part.pid)
        until(f"{run.name} carried", self._is_done(run, parts), lambda: [part.require_running() for part in parts] and None)
        taken = Taken(time.monotonic() - began, meter.read())
        world.pipeline.stop()
        return taken

    def _is_done(self, run: Run, parts: "list[Part]") -> Callable[[], bool]:
        if self.with_worker:
            return run.is_applied
        producer, metric = parts[0], "oplogue_producer_records_published_total"
        return lambda: (producer.metric(metric) or 0) >= run.workload.events

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


class Floor:
    """The same reads and writes with nothing between."""

    def __init__(self, with_kafka: bool) -> None:
        self.with_kafka = with_kafka

    def topic(self, run: Run) -> Optional[str]:
        """Where its documents are."""
        return run.name if self.with_kafka else None

    def measure(self, run: Run) -> Taken:
        """As `Oplogue.measure`."""
        world, workload = run.world, run.workload
        reply = world.clients["source"].admin.command("ping")
        since = reply["operationTime"]
        run.load()
        words = ["floor", "--source", world.uris["source"], "--target", world.uris["target"], "--db", run.name, "--to", run.name]
        words += ["--count", str(workload.events)]
        words += ["--from", "snapshot"] if workload.way == "snapshot" else ["--from", "stream", "--since", f"{since.time}.{since.inc}"]
        if self.with_kafka:
            words += ["--brokers", world.brokers, "--topic", run.name]
        world.rest()
        meter, began = Meter(world.pids()), time.monotonic()
        started = world.start_tool(*words)
        meter.add("floor", started.pid)

        def alive() -> None:
            if started.poll() not in (None, 0):
                raise RuntimeError(f"the floor ended with {started.returncode}")

        until(f"{run.name} carried", lambda: run.there() >= run.expected(), alive)
        taken = Taken(time.monotonic() - began, meter.read())
        started.wait()
        return taken


BY_NAME = {
    "oplogue": Oplogue(True),
    "oplogue-source": Oplogue(False),
    **PEERS,
    "floor": Floor(False),
    "floor-kafka": Floor(True),
}


def carries(system: str, workload: Workload) -> bool:
    """Whether a system can carry a workload: the floor copies inserts, and what ends in Kafka shows nothing at the target."""
    if workload.is_live:
        return system == "oplogue" or "pair" in system
    return not system.startswith("floor") or workload.kind == "inserts"
