"""The services, the programs and the folder of a benchmark; whatever happens, what was started is ended."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient

from demo.binaries import NEEDED
from demo.pipeline import Pipeline, left_over
from stack import arguments, lifecycle, paths, prerequisites
from stack import connect as stack_connect
from stack.failure import Failure, say
from stack.process import Condition
from stack.state import Stack

from bench import usage
from bench.connect import Connect
from bench.options import Options

STACK = "bench"
FOLDER = paths.CHECKOUT / ".cache" / "bench"
PROCESSES = "processes.json"
PROGRAMS = ("producer", "worker", "bench")
# Longer than the slowest case takes.
CASE_SECONDS = 900.0
# The services are at rest when together they use less than this of a core.
REST = 0.1
REST_SECONDS = 60.0
KAFKA_SECONDS = 10.0
# How long a tool may take to end when asked to.
TOOL_SECONDS = 10.0
PARTITIONS = 8
# More than one, in the workload with most.
MORE_SOURCES = 3
# How often it is asked whether a case has ended: asking costs the services something.
LOOK_SECONDS = 0.05
# What connect-distributed.sh of the Kafka distribution gives to Connect when nobody says otherwise.
CONNECT_HEAP_MB = 2048


class World:
    """What a case needs at hand."""

    def __init__(self, stack: Stack, programs: Dict[str, Path]) -> None:
        assert stack.kafka is not None
        self.stack = stack
        self.programs = programs
        self.brokers = stack.kafka.brokers
        self.uris = {side: stack.deployments[side].uri for side in ("source", "target")}
        self.clients: Dict[str, MongoClient[Any]] = {side: MongoClient(uri) for side, uri in self.uris.items()}
        self.pipeline = Pipeline(FOLDER / PROCESSES)
        # Silent: at the end the brokers go first.
        brokers = {"bootstrap.servers": self.brokers, "log_level": 0}
        self._admin = AdminClient(brokers)
        self._reader = Consumer({**brokers, "group.id": "bench", "allow.auto.create.topics": False})
        self._connect: Optional[Connect] = None
        self._tools: List[Tool] = []
        # Stacks of one more source each.
        self._more: List[Stack] = []
        self._known: Dict[str, List[TopicPartition]] = {}

    @property
    def mongodb(self) -> str:
        """The version that serves."""
        return self.stack.deployments["source"].version

    def pids(self) -> "list[tuple[str, int]]":
        """The services' processes, by what they are."""
        names = {"source": "source mongod", "target": "target mongod", "kafka": "broker"}
        services = [one for stack in (self.stack, *self._more) for one in stack.services if one.process]
        return [(name, one.process.pid) for one in services for prefix, name in names.items() if one.name.startswith(prefix)]

    def sources(self, count: int) -> List[str]:
        """Connection strings of so many sources; all but the first are started when they are needed."""
        while len(self._more) + 1 < count:
            self._more.append(_up(_another(len(self._more)), "--only", "source"))
        return [self.uris["source"], *(stack.deployments["source"].uri for stack in self._more)][:count]

    def tool(self, *words: str) -> Dict[str, Any]:
        """Runs a command of the program `bench`; gives what it prints."""
        return json.loads(subprocess.run(self._tool(words), check=True, capture_output=True, text=True).stdout)

    def start_tool(self, name: str, *words: str) -> "Tool":
        """Starts one that goes on."""
        tool = Tool(self._tool(words), FOLDER / f"{name}.log")
        self._tools.append(tool)
        return tool

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

    def connect(self) -> Connect:
        """Kafka Connect, started at the first time."""
        if self._connect is None:
            began = time.monotonic()
            stack = _up(STACK, "--only", "connect", "--connect-heap-mb", str(CONNECT_HEAP_MB))
            assert stack.connect is not None and stack.connect.process is not None
            took = time.monotonic() - began
            self._connect = Connect(stack_connect.url(stack.connect), stack.connect.process.pid, took)
        return self._connect

    def records(self, topic: str) -> int:
        """How many records a topic has; transactions' markers count as such."""
        try:
            if not self._known.get(topic):
                self._known[topic] = self._partitions(topic)
            return sum(high - low for low, high in map(self._ends, self._known[topic]))
        except KafkaException:
            # It is not there yet, or nobody serves it yet.
            return 0

    def _ends(self, partition: TopicPartition) -> "tuple[int, int]":
        return self._reader.get_watermark_offsets(partition, timeout=KAFKA_SECONDS, cached=False)

    def _partitions(self, topic: str) -> "list[TopicPartition]":
        known = self._reader.list_topics(topic, timeout=KAFKA_SECONDS).topics[topic]
        return [TopicPartition(topic, number) for number in known.partitions]

    def create(self, topic: str) -> None:
        """Makes a topic as all systems make theirs."""
        for made in self._admin.create_topics([NewTopic(topic, PARTITIONS, 1)]).values():
            made.result()

    def kafka_bytes(self, topic: str) -> int:
        """What the broker has written for a topic."""
        assert self.stack.kafka is not None and self.stack.kafka.service is not None
        data = Path(self.stack.kafka.service.folder) / "data"
        return sum(file.stat().st_size for file in data.glob(f"{topic}*-[0-9]*/*.log"))

    def clear(self, name: str) -> None:
        """Ends what a run has started and drops what it has left. A service that is gone is started again."""
        self.end()
        if any(one.condition is Condition.GONE for one in lifecycle.existing(STACK).services):
            self._mend()
        for client in [*self.clients.values(), *(MongoClient(uri) for uri in self.sources(len(self._more) + 1)[1:])]:
            client.drop_database(name)
        left = [topic for topic in self._reader.list_topics(timeout=KAFKA_SECONDS).topics if name in topic]
        for removed in (self._admin.delete_topics(left) if left else {}).values():
            removed.result()

    def end(self) -> None:
        """Ends every process that is not a service."""
        for tool in self._tools:
            tool.end()
        self._tools.clear()
        self.pipeline.stop()

    def _mend(self) -> None:
        say("a service has ended by itself; it is started again")
        self.stack = _up(STACK)
        # Another process, if it was Connect.
        self._connect = None


class Tool:
    """A command of the program `bench` that goes on until its standard input ends: with us, at the latest."""

    def __init__(self, words: List[str], log: Path) -> None:
        self._log = log
        with open(log, "ab") as output:
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=output, stderr=output)
        self.pid = self._process.pid

    def require_running(self) -> None:
        """Fails when it has ended by itself."""
        if self._process.poll() is not None:
            said = self._log.read_text(errors="replace").strip()
            raise Failure(f"the floor has ended with {self._process.returncode}: {said}")

    def end(self) -> None:
        """Asks it to end, and sees to it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(TOOL_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def until(what: str, holds: Callable[[], bool], alive: Callable[[], None]) -> None:
    """Waits until something holds while what works on it is alive."""
    deadline = time.monotonic() + CASE_SECONDS
    while not holds():
        alive()
        if time.monotonic() > deadline:
            raise Failure(f"not within {CASE_SECONDS:.0f} s: {what}")
        time.sleep(LOOK_SECONDS)


@contextmanager
def open_up(options: Options) -> Iterator[World]:
    """A world to measure in."""
    programs = _programs(options)
    _clear_away()
    stack = _up(STACK, "--broker-property", "broker.session.timeout.ms=60000")
    try:
        world = World(stack, programs)
        try:
            yield world
        finally:
            world.end()
    finally:
        _down()


def _clear_away() -> None:
    """What a run that was killed has left."""
    left_over(FOLDER / PROCESSES).stop()
    _down()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)


def _down() -> None:
    for name in (*map(_another, range(MORE_SOURCES)), STACK):
        lifecycle.down(name, keep_data=False)


def _up(name: str, *words: str) -> Stack:
    return lifecycle.up(name, arguments.request(arguments.parser().parse_args(["up", "--name", name, *words])))[0]


def _another(number: int) -> str:
    return f"{STACK}-source-{number + 2}"


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
