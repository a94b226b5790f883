"""Everything that is put at risk: servers behind proxies, producers and workers as processes; set up, watched, cleared away."""

from __future__ import annotations

import fcntl
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import Dict, Iterator, List

from demo import binaries, configuration as settings
from demo.binaries import Binaries
from demo.pipeline import Part, Pipeline, left_over
from stack import arguments, lifecycle, paths, plan, ports, state
from stack.failure import Failure, say
from stack.state import Service, Stack

from chaos import configuration
from chaos.network.control import Network
from chaos.options import Options
from chaos.workload.namespaces import Namespace

# A broker that was killed is let in again when its former session has run out.
BROKER = ("broker.session.timeout.ms=6000", "group.min.session.timeout.ms=6000")
MEMBERS = 3
SABOTAGE_BUILD = (
    "build",
    "--locked",
    "-p",
    "producer",
    "-p",
    "worker",
    "--bins",
    "--features",
    "producer/sabotage,worker/sabotage",
)


class World:
    """One stack, its proxies, and the parts of the pipeline."""

    stack: Stack
    network: Network
    _binaries: Binaries

    def __init__(self, options: Options, namespaces: List[Namespace]) -> None:
        self._options, self._namespaces = options, namespaces
        self.folder = paths.CHECKOUT / ".cache" / "chaos" / options.name
        self.pipeline = Pipeline(self.folder / "processes.json")
        self.parts: Dict[str, List[Part]] = {"producer": [], "worker": []}
        # Parts that were found gone although nobody ended them.
        self.ended: List[str] = []

    @property
    def broker(self) -> Service:
        """The one broker."""
        assert self.stack.kafka and self.stack.kafka.service
        return self.stack.kafka.service

    @property
    def brokers(self) -> str:
        """Where clients find it."""
        assert self.stack.kafka
        return self.stack.kafka.brokers

    def build(self) -> None:
        """Gets the binaries."""
        if self._options.binaries:
            self._binaries = binaries.named(self._options.binaries)
            return
        command = SABOTAGE_BUILD if self._options.sabotage else binaries.COMMAND
        self._binaries = binaries.build(self.folder / "build.log", lambda _: None, command)

    def start_services(self) -> None:
        """Starts proxies and servers; the servers know each other by the proxies' ports."""
        words = ["up", "--name", self._options.name, "--fast", "--members", str(MEMBERS)]
        words += [word for version in self._options.mongo for word in ("--mongo", version)]
        words += [word for one in BROKER for word in ("--broker-property", one)]
        request = arguments.request(arguments.parser().parse_args(words))
        name = self._options.name
        with state.changing(name):
            self.stack = Stack(name, str(state.folder_of(name)))
            Path(self.stack.folder).mkdir(parents=True, exist_ok=True)
            plan.complete(self.stack, request)
            self.network = Network(self.folder, self._put_proxies_before_all())
            self.stack.save()
        self.network.start()
        self.stack, _ = lifecycle.up(name, request)

    def _put_proxies_before_all(self) -> Dict[str, "tuple[int, int]"]:
        folder, found = Path(self.stack.folder), {}
        for one in self.stack.services:
            front, back = ports.reserve(folder), one.ports[0]
            one.ports.insert(0, front)
            found[one.name] = (front, back)
        kafka = self.stack.kafka
        assert kafka and kafka.service
        front, back = found[kafka.service.name]
        kafka.brokers = f"127.0.0.1:{front}"
        properties = Path(kafka.service.folder) / "server.properties"
        told = properties.read_text()
        properties.write_text(
            told.replace(
                f"advertised.listeners=PLAINTEXT://127.0.0.1:{back}", f"advertised.listeners=PLAINTEXT://{kafka.brokers}"
            )
        )
        return found

    def start_parts(self) -> None:
        """Starts producers and workers."""
        file = self.folder / "oplogue.toml"
        configuration.write(file, self.brokers, self._namespaces, self._options.mode)
        programs = {"producer": self._binaries.producer, "worker": self._binaries.worker}
        for role, count in (("producer", self._options.producers), ("worker", self._options.workers)):
            for number in range(1, count + 1):
                argv = [*settings.without_foreign_settings(), str(programs[role]), "--config", str(file)]
                given = configuration.environment(self.stack, role, self._options.sabotage)
                self.parts[role].append(self.pipeline.start(f"{role}-{number}", argv, given))

    def start_missing(self) -> None:
        """Starts what is not running, and takes note of it: nobody ended it."""
        for part in self.pipeline.parts.values():
            if not part.is_running:
                last = " | ".join(part.tail(2))
                self.ended.append(f"{part.name} ended by itself with status {part.exit_status()}: {last}")
                self.pipeline.start_again(part.name)


@contextmanager
def open_up(options: Options, namespaces: List[Namespace]) -> Iterator[World]:
    """A world with nothing in it yet, alone under its name; what was started is ended, unless it is to be kept."""
    world = World(options, namespaces)
    with _alone(world.folder):
        _clear_away(world.folder, options.name)
        try:
            yield world
        finally:
            if options.keep:
                say(f"left running; the next run of the name {options.name!r} ends it. Processes: {world.folder}/processes.json")
            else:
                _close(world)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with open(folder.with_suffix(".lock"), "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure(f"another scripts/chaos of the name {folder.name!r} is at work in this checkout") from None
        yield


def _close(world: World) -> None:
    """Not to be interrupted: it takes seconds, and half of it would leave processes behind."""
    before = {number: signal.signal(number, signal.SIG_IGN) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    _end_all(world)
    for number, held in before.items():
        signal.signal(number, held)


def _end_all(world: World) -> None:
    for part in world.pipeline.parts.values():
        if part.is_running:
            part.kill()
    if hasattr(world, "stack"):
        for one in world.stack.services:
            if Path(one.log).exists():
                shutil.copy(one.log, world.folder / f"{one.name}.log")
        lifecycle.down(world.stack.name, keep_data=False)
    if hasattr(world, "network"):
        world.network.stop()
    world.pipeline.forget()


def _clear_away(folder: Path, name: str) -> None:
    """Ends and deletes what an earlier run of that name left."""
    left_over(folder / "processes.json").stop()
    lifecycle.down(name, keep_data=False)
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
