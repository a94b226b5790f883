"""The peers: connectors in Kafka Connect, alone up to Kafka, or with a sink up to the target."""

from __future__ import annotations

import time
from typing import Callable, Optional

from bench import live
from bench.connect import Connect
from bench.run import COLLECTION, Run, Taken
from bench.usage import Meter
from bench.world import until

# How a connector is told to copy first, or to begin now.
STARTS = {"official": ("copy_existing", "latest"), "debezium": ("initial", "no_data")}
# A collection beside the one that counts.
MARKS = "m"
# A task that has failed is looked for this often: asking costs Connect something.
LOOK_SECONDS = 2.0


class Peer:
    """A source connector, and a sink connector or none, by their files in bench/peers."""

    def __init__(self, source: str, sink: Optional[str] = None) -> None:
        self.source, self.sink = source, sink
        self._copy, self._now = STARTS[source.split("-")[0]]

    def topic(self, run: Run) -> str:
        """Where its events are."""
        return f"{run.name}.{run.name}.{COLLECTION}"

    def measure(self, run: Run) -> Taken:
        """As `Oplogue.measure`, but Connect runs before and is warm."""
        connect = run.world.connect()
        # A sink that subscribes to what is not there yet looks again after five minutes.
        run.world.create(self.topic(run))
        try:
            if run.workload.way == "start":
                return self._start_up(run, connect)
            return self._live(run, connect) if run.workload.is_live else self._carry(run, connect)
        finally:
            for file in self._files():
                connect.remove(run.name, file)

    def _files(self) -> "list[str]":
        return [self.source] + ([self.sink] if self.sink else [])

    def _live(self, run: Run, connect: Connect) -> Taken:
        self._start(run, connect, self._now)
        return live.measure(run, lambda: [("connect", connect.pid)], self._alive(run, connect))

    def _start_up(self, run: Run, connect: Connect) -> Taken:
        """Connectors say that they run before they have read anything, so this flatters them."""
        starts = {"connect": connect.started_in}
        for file in self._files():
            began = time.monotonic()
            connect.start(run.name, file, self._now)
            until(f"{file} runs", lambda: connect.is_running(run.name, file), self._alive(run, connect))
            starts[file] = time.monotonic() - began
        return Taken(sum(starts.values()), {}, starts=starts)

    def _start(self, run: Run, connect: Connect, start: str) -> None:
        connect.start(run.name, self.source, start)
        if self.sink:
            connect.start(run.name, self.sink, start)

    def _carry(self, run: Run, connect: Connect) -> Taken:
        run.load_before()
        is_drain = run.workload.way == "drain"
        if is_drain:
            self._take_a_position(run, connect)
        run.load()
        run.world.rest()
        meter, began = Meter([*run.world.services.pids(), ("connect", connect.pid)]), time.monotonic()
        if is_drain:
            for file in self._files():
                connect.resume(run.name, file)
        else:
            self._start(run, connect, self._copy)
        until(f"{run.name} carried", self._is_done(run), self._alive(run, connect))
        return Taken(time.monotonic() - began, meter.read())

    def _take_a_position(self, run: Run, connect: Connect) -> None:
        """Lets it follow until it has shown a change, then stops it there."""
        self._start(run, connect, self._now)
        marks, shown = run.world.clients["source"][run.name][MARKS], f"{run.name}.{run.name}.{MARKS}"

        def is_following() -> bool:
            marks.insert_one({})
            time.sleep(0.5)
            return run.world.records(shown) > 0

        until(f"{run.name} follows", is_following, self._alive(run, connect))
        for file in self._files():
            connect.stop(run.name, file)

    def _is_done(self, run: Run) -> Callable[[], bool]:
        if self.sink:
            return run.is_applied
        return lambda: run.world.records(self.topic(run)) >= run.workload.events

    def _alive(self, run: Run, connect: Connect) -> Callable[[], None]:
        looked = time.monotonic()

        def alive() -> None:
            nonlocal looked
            if time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                for file in self._files():
                    connect.require_running(run.name, file)

        return alive


PEERS = {
    "official-source": Peer("official-source"),
    "official-source-default": Peer("official-source-default"),
    "official-pair": Peer("official-source", "official-sink"),
    "official-pair-default": Peer("official-source-default", "official-sink-default"),
    "debezium-source": Peer("debezium-source"),
    "debezium-source-default": Peer("debezium-source-default"),
}
