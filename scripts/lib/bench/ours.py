"""Ours: producers and workers as processes."""

from __future__ import annotations

import time
from typing import Callable, Dict, List

from demo import configuration
from demo.pipeline import Part

from bench import live
from bench.run import COLLECTION, Run, Taken
from bench.usage import Meter
from bench.world import FOLDER, until

TEXT = """\
pipeline = "{name}"
[source]
{slices}
[target]
[kafka]
brokers = "{brokers}"
partitions = {partitions}
[namespaces]
include = ["{name}.*"]
[producer]
start = "{start}"
[telemetry]
listen = "127.0.0.1:0"
log = "info"
"""
SLICE = """
[[source.slices]]
name = "s{number}"
uri = "{uri}"
"""
PUBLISHED = "oplogue_producer_records_published_total"
# A producer says so once for each slice, when it has a position.
POSITION = "first start of this slice"


class Oplogue:
    """Producers and workers, as many as the workload says; or no worker."""

    def __init__(self, with_worker: bool) -> None:
        self.with_worker = with_worker

    def topic(self, run: Run) -> str:
        """Where its events are; of several, all that begin so."""
        return f"{run.name}.{COLLECTION}"

    def measure(self, run: Run) -> Taken:
        """Seconds from the start of the processes to the end of the work, and what each process used. They are ended by `World.clear`."""
        if run.workload.way == "start":
            return self._start_up(run)
        return self._live(run) if run.workload.is_live else self._carry(run)

    def _live(self, run: Run) -> Taken:
        self._configure(run, "latest")
        parts = self._start_all(run)
        return live.measure(run, lambda: [(_role(part), part.pid) for part in parts], lambda: _require_running(parts))

    def _start_up(self, run: Run) -> Taken:
        """One after the other: each has the machine for itself, and a worker is ready once it has a topic."""
        self._configure(run, "latest")
        starts = {}
        for role in ("producer", "worker") if self.with_worker else ("producer",):
            began = time.monotonic()
            part = self._start(run, role, 1)
            until(f"{role} is ready", lambda: _is_ready(part), part.require_running)
            starts[role] = time.monotonic() - began
            if role == "producer":
                run.write_one()
                until("a topic", lambda: (part.metric(PUBLISHED) or 0) > 0, part.require_running)
        return Taken(sum(starts.values()), {}, starts=starts)

    def _carry(self, run: Run) -> Taken:
        run.load_before()
        if run.workload.way == "drain":
            self._take_a_position(run)
        else:
            self._configure(run, "snapshot")
        run.load()
        run.world.rest()
        meter, began = Meter(run.world.services.pids()), time.monotonic()
        parts = self._start_all(run)
        for part in parts:
            meter.add(_role(part), part.pid)
        until(f"{run.name} carried", self._is_done(run, parts), lambda: _require_running(parts))
        return Taken(time.monotonic() - began, meter.read())

    def _take_a_position(self, run: Run) -> None:
        """Lets the producers begin, and ends them there."""
        self._configure(run, "latest")
        sources = run.workload.setting.sources
        producers = self._producers(run)

        def have_begun() -> bool:
            return sum(one.log.read_text().count(POSITION) for one in producers) >= sources and all(map(_is_ready, producers))

        until("a position of each source", have_begun, lambda: _require_running(producers))
        run.world.pipeline.stop()

    def _start_all(self, run: Run) -> List[Part]:
        workers = run.workload.setting.workers if self.with_worker else 0
        return self._producers(run) + [self._start(run, "worker", number + 1) for number in range(workers)]

    def _producers(self, run: Run) -> List[Part]:
        return [self._start(run, "producer", number + 1) for number in range(run.workload.setting.sources)]

    def _is_done(self, run: Run, parts: List[Part]) -> Callable[[], bool]:
        if self.with_worker:
            return run.is_applied
        return lambda: (parts[0].metric(PUBLISHED) or 0) >= run.workload.events

    @staticmethod
    def _configure(run: Run, start: str) -> None:
        setting, uris = run.workload.setting, run.world.services.sources(run.workload.setting.sources)
        slices = [SLICE.format(number=number, uri=uri) for number, uri in enumerate(uris)] if len(uris) > 1 else []
        said = {"name": run.name, "brokers": run.world.brokers, "start": start, "partitions": setting.partitions}
        (FOLDER / f"{run.name}.toml").write_text(TEXT.format(slices="".join(slices), **said))

    @staticmethod
    def _start(run: Run, role: str, number: int) -> Part:
        name = f"{role}-{number}-{run.name}"
        if name in run.world.pipeline.parts:
            return run.world.pipeline.start_again(name)
        program = str(run.world.programs[role])
        argv = [*configuration.without_foreign_settings(), program, "--config", str(FOLDER / f"{run.name}.toml")]
        return run.world.pipeline.start(name, argv, _environment(run, role, number))


def _environment(run: Run, role: str, number: int) -> Dict[str, str]:
    """Of several sources the file has the connection strings."""
    is_of_slices = role == "producer" and run.workload.setting.sources > 1
    instance = {"OPLOGUE_PRODUCER__INSTANCE": f"p{number}"} if role == "producer" else {}
    return {**({} if is_of_slices else configuration.secrets(run.world.services.main, role)), **instance}


def _role(part: Part) -> str:
    return part.name.split("-")[0]


def _is_ready(part: Part) -> bool:
    return (part.metric("oplogue_ready") or 0) > 0


def _require_running(parts: List[Part]) -> None:
    for part in parts:
        part.require_running()
