"""The floor: the program `bench floor`, which does the same reads and writes with nothing between."""

from __future__ import annotations

import time
from typing import Optional

from bench import live
from bench.run import Run, Taken
from bench.tool import Tool
from bench.usage import Meter
from bench.world import until


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
        return live.measure(run, lambda: [("floor", tool.pid)], tool.require_running)

    def _carry(self, run: Run) -> Taken:
        world, workload = run.world, run.workload
        run.load_before()
        since = world.clients["source"].admin.command("ping")["operationTime"]
        run.load()
        # What happened at that time is not carried any more.
        behind = f"{since.time}.{since.inc + 1}"
        words = ["--from", "snapshot"] if workload.way == "snapshot" else ["--from", "stream", "--since", behind]
        world.rest()
        meter, began = Meter(world.services.pids()), time.monotonic()
        tool = self._start(run, *words, "--count", str(workload.events))
        meter.add("floor", tool.pid)
        until(f"{run.name} carried", run.is_applied, tool.require_running)
        return Taken(time.monotonic() - began, meter.read())

    def _start(self, run: Run, *words: str) -> Tool:
        world = run.world
        through = ["--brokers", world.brokers, "--topic", run.name] if self.with_kafka else []
        sides = ["--source", world.uris["source"], "--target", world.uris["target"], "--db", run.name]
        return world.start_tool(run.name, "floor", *sides, *words, *through)
