"""Everything the steps work with, from the first process to the last: set up, written down, cleared away.

Whatever happens, what was started here is ended here; what an earlier run could not clear away is cleared away first.
"""

from __future__ import annotations

import fcntl
import shutil
import signal
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator, Optional

from pymongo.errors import PyMongoError

from stack import arguments, lifecycle, paths, state
from stack.failure import Failure, WrongUsage
from stack.state import Stack

from demo import binaries, configuration, expectation, pipeline
from demo.binaries import Binaries
from demo.expectation import USUAL_SECONDS, Look
from demo.options import Options
from demo.pipeline import Part, Pipeline
from demo.screen import Screen
from demo.sides import Sides
from demo.topic import Kcat
from demo.users import Generator

STACK = "demo"
FOLDER = paths.CHECKOUT / ".cache" / "demo"
CONFIGURATION = FOLDER / "oplogue.toml"
PROCESSES = FOLDER / "processes.json"
BUILD_LOG = FOLDER / "build.log"
# There once `--keep` has left everything running.
KEPT = FOLDER / "kept"
LOCK = FOLDER / "lock"
# Many users are given more time.
SLOWEST_USERS_PER_SECOND = 200
# What goes wrong without a mistake in the demo itself: told in words, without a traceback.
EXPECTABLE = (Failure, PyMongoError, OSError, subprocess.SubprocessError)


class World:
    """What a step needs at hand. Attributes come into being as `open_up` goes on."""

    stack: Stack
    kcat: Kcat
    sides: Sides
    _binaries: Binaries

    def __init__(self, options: Options, screen: Screen) -> None:
        self.options = options
        self.screen = screen
        self.generator = Generator(options.seed)
        self.pipeline = Pipeline(PROCESSES)
        self.is_up = False
        self.building_seconds = 0.0
        # Documents changed at the source since the copy, as its own replies count them.
        self.changes = 0
        self._mark = time.monotonic()

    def heading(self, text: str, right: str = "") -> None:
        """Begins a step."""
        self.screen.heading(text, right)
        self._mark = time.monotonic()

    def seen(self, text: str) -> None:
        """Tells what was seen, with the time since the last such."""
        now = time.monotonic()
        self.screen.fact(text, now - self._mark)
        self._mark = now

    def eventually(self, expected: str, look: Callable[[], Look]) -> str:
        """Waits for what is expected while every part goes on running; returns what was seen in the end."""
        seconds = USUAL_SECONDS + self.options.users / SLOWEST_USERS_PER_SECOND

        def looked() -> Look:
            self.pipeline.require_running()
            return look()

        with self.screen.waiting(expected):
            return expectation.eventually(expected, looked, self.screen.progress, seconds)

    def start(self, role: str, name: str) -> Part:
        """Starts a part of the pipeline."""
        program = {"producer": self._binaries.producer, "worker": self._binaries.worker}[role]
        argv = [*configuration.without_foreign_settings(), str(program), "--config", str(CONFIGURATION)]
        return self.pipeline.start(name, argv, configuration.secrets(self.stack, role))

    def build(self) -> None:
        """Gets the binaries."""
        folder = self.options.binaries
        if folder:
            self._binaries = binaries.named(folder)
            self.seen(f"producer and worker taken from {folder}")
            return
        began = time.monotonic()
        with self.screen.waiting("cargo build --bins"):
            self._binaries = binaries.build(BUILD_LOG, self.screen.progress)
        self.building_seconds = time.monotonic() - began
        compiled = self._binaries.compiled
        self.seen("producer and worker " + (f"built: {compiled} crates compiled" if compiled else "are up to date"))

    def start_services(self) -> None:
        """Starts source, target and broker, and opens what looks into them."""
        words = ["up", "--name", STACK, "--fast"]
        words += [word for version in self.options.mongo for word in ("--mongo", version)]
        self.is_up = True
        with self.screen.waiting("starting MongoDB and Kafka"):
            self.stack, _ = lifecycle.up(STACK, arguments.request(arguments.parser().parse_args(words)))
        self.sides = Sides(self.stack)
        assert self.stack.kafka is not None
        self.kcat = Kcat(self.stack.kafka.brokers)
        configuration.write(CONFIGURATION, self.stack.kafka.brokers)

    def stop_services(self) -> None:
        """Ends the services and deletes their data."""
        with self.screen.waiting("stopping MongoDB and Kafka"):
            self.sides.close()
            _end_services()
        self.is_up = False


@contextmanager
def open_up(options: Options, screen: Screen, on_failure: Callable[[World, BaseException], None]) -> Iterator[World]:
    """A world to tell the story in, alone in this checkout; cleared away afterwards, unless it is to be kept."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _alone():
        _refuse_kept()
        clear_away()
        world = World(options, screen)
        is_kept = False
        try:
            yield world
            is_kept = options.keep
        except Exception as error:
            is_kept = options.keep and world.is_up
            on_failure(world, error)
            if isinstance(error, EXPECTABLE):
                raise SystemExit(getattr(error, "exit_code", 1)) from error
            raise
        finally:
            if is_kept:
                KEPT.touch()
            else:
                _close(world)


def _close(world: World) -> None:
    """Not to be interrupted: it takes seconds, and half of it would leave processes behind."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    with world.screen.waiting("ending what was started"):
        world.pipeline.stop()
        world.pipeline.forget()
        if world.is_up:
            _keep_logs(state.load(STACK))
            _end_services()


def _keep_logs(stack: Optional[Stack]) -> None:
    """The services' logs, for whoever looks for the reason of a failure; their folders are about to be deleted."""
    for one in stack.services if stack else []:
        if Path(one.log).exists():
            shutil.copy(one.log, FOLDER / f"{one.name}.log")


def clear_away() -> bool:
    """Ends and deletes whatever an earlier run left; says whether there was anything."""
    left = pipeline.left_over(PROCESSES)
    left.stop()
    found = _end_services() or bool(left.parts)
    for file in FOLDER.glob("*"):
        if file != LOCK:
            file.unlink()
    return found


def _end_services() -> bool:
    return lifecycle.down(STACK, keep_data=False)


@contextmanager
def _alone() -> Iterator[None]:
    with open(LOCK, "w") as held:
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Failure("another scripts/demo is at work in this checkout") from None
        yield


def _refuse_kept() -> None:
    if KEPT.exists() and any(part.is_running for part in pipeline.left_over(PROCESSES).parts.values()):
        raise WrongUsage("an earlier demo was kept and is still running; scripts/demo --stop ends it")


def stop_kept() -> bool:
    """What `--stop` does; says whether there was anything to stop."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    with _alone():
        return clear_away()

