"""What a case needs at hand: services, programs, a folder. Whatever happens, what was started is ended."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Callable, Dict, Iterator, List, Optional

from confluent_kafka import Consumer, KafkaException, TopicPartition
from confluent_kafka.admin import AdminClient, NewTopic
from pymongo import MongoClient
from pymongo.errors import PyMongoError

from demo.pipeline import Pipeline, left_over
from stack import connect as stack_connect
from stack import paths
from stack.failure import Failure, say

from bench import programs, services, usage
from bench.connect import Connect
from bench.services import Services
from bench.tool import Tool

FOLDER = paths.CHECKOUT / ".cache" / "bench"
PROCESSES = "processes.json"
# Longer than the slowest case takes.
CASE_SECONDS = 900.0
# The services are at rest when together they use less than this of a core.
REST = 0.1
REST_SECONDS = 60.0
KAFKA_SECONDS = 10.0
PARTITIONS = 8
# How often it is asked whether a case has ended: asking costs the services something.
LOOK_SECONDS = 0.05
# What connect-distributed.sh of the Kafka distribution gives to Connect when nobody says otherwise.
CONNECT_HEAP_MB = 2048


class World:
    """All of it, and what can be asked of Kafka."""

    def __init__(self, of: Services, found: Dict[str, Path]) -> None:
        assert of.main.kafka is not None
        self.services = of
        self.programs = found
        self.brokers = of.main.kafka.brokers
        self.uris = {side: of.main.deployments[side].uri for side in ("source", "target")}
        self.clients: Dict[str, MongoClient[Any]] = {side: MongoClient(uri) for side, uri in self.uris.items()}
        self.pipeline = Pipeline(FOLDER / PROCESSES)
        # Silent: at the end the brokers go first.
        brokers = {"bootstrap.servers": self.brokers, "log_level": 0}
        self._admin = AdminClient(brokers)
        self._reader = Consumer({**brokers, "group.id": "bench", "allow.auto.create.topics": False})
        self._connect: Optional[Connect] = None
        self._tools: List[Tool] = []
        self._known: Dict[str, List[TopicPartition]] = {}

    def tool(self, *words: str) -> Dict[str, Any]:
        """Runs a command of the program `bench`; gives what it prints."""
        return json.loads(subprocess.run(self._tool(words), check=True, capture_output=True, text=True).stdout)

    def start_tool(self, name: str, *words: str) -> Tool:
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
            meter = usage.Meter(self.services.pids())
            time.sleep(1)
            if sum(one.cpu_seconds for one in meter.read().values()) < REST:
                return

    def connect(self) -> Connect:
        """Kafka Connect, started at the first time."""
        if self._connect is None:
            began = time.monotonic()
            stack = self.services.connect("--connect-heap-mb", str(CONNECT_HEAP_MB))
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
        kafka = self.services.main.kafka
        assert kafka is not None and kafka.service is not None
        data = Path(kafka.service.folder) / "data"
        return sum(file.stat().st_size for file in data.glob(f"{topic}*-[0-9]*/*.log"))

    def clear(self, name: str) -> None:
        """Ends what a run has started and drops what it has left. A service that is gone is started again."""
        self.end()
        if self.services.mend():
            # Another process, if it was Connect.
            self._connect = None
        try:
            self._forget(name)
        except (KafkaException, PyMongoError) as error:
            # The next run has other names.
            say(f"{name}: not all was cleared away: {error}")

    def _forget(self, name: str) -> None:
        for uri in (*self.services.started_sources, self.uris["target"]):
            with MongoClient(uri) as client:
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


def until(what: str, holds: Callable[[], bool], alive: Callable[[], None]) -> None:
    """Waits until something holds while what works on it is alive."""
    deadline = time.monotonic() + CASE_SECONDS
    while not holds():
        alive()
        if time.monotonic() > deadline:
            raise Failure(f"not within {CASE_SECONDS:.0f} s: {what}")
        time.sleep(LOOK_SECONDS)


@contextmanager
def open_up(binaries: Optional[Path]) -> Iterator[World]:
    """A world to measure in; what a run that was killed has left is cleared away."""
    found = programs.found(binaries)
    left_over(FOLDER / PROCESSES).stop()
    services.down()
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    try:
        world = World(Services(), found)
        try:
            yield world
        finally:
            world.end()
    finally:
        services.down()
