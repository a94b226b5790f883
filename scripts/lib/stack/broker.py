"""The Kafka broker: one process that is broker and controller (KRaft), configured for one machine and for tests."""

from __future__ import annotations

import base64
import subprocess
import uuid
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from stack import paths, service, wire
from stack.failure import Failure
from stack.kafka_home import Kafka
from stack.state import Broker, Service
from stack.waiting import wait_for

READY_SECONDS = 90.0
EXTERNAL_SECONDS = 10.0
LOG_CONFIGURATION = paths.LIB / "log4j2.properties"

# The canonical Extended JSON of one 16 MB document can exceed 90 MB, and a record of it must fit in one request.
LARGEST_MESSAGE_BYTES = 128 * 1024 * 1024
LARGEST_REQUEST_BYTES = LARGEST_MESSAGE_BYTES + 16 * 1024 * 1024

# Each network and each request thread keeps a direct buffer as large as the largest record it has seen. A network
# thread that gets none stops reading for good (tried: records of 125 MB with the default limit, the heap's size).
NETWORK_THREADS = 2
REQUEST_THREADS = 4
DIRECT_MEMORY_MB = (NETWORK_THREADS + REQUEST_THREADS) * 2 * LARGEST_MESSAGE_BYTES // (1024 * 1024)

# https://kafka.apache.org/41/configuration/broker-configs/
SETTINGS: dict[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    # One broker: nothing can be replicated, and transactions need their topic all the same.
    "offsets.topic.replication.factor": "1",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    # Internal topics with few partitions: a first consumer does not wait for fifty to be created.
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.num.partitions": "4",
    # A group is assigned as soon as its first member joins.
    "group.initial.rebalance.delay.ms": "0",
    "message.max.bytes": str(LARGEST_MESSAGE_BYTES),
    "replica.fetch.max.bytes": str(LARGEST_MESSAGE_BYTES),
    "socket.request.max.bytes": str(LARGEST_REQUEST_BYTES),
    # A small heap and two cores: the cleaner alone would take 128 MB by default.
    "log.cleaner.dedupe.buffer.size": str(16 * 1024 * 1024),
    "num.network.threads": str(NETWORK_THREADS),
    "num.io.threads": str(REQUEST_THREADS),
    "background.threads": "2",
}

# A broker that was killed is let in again only when its former session has run out: 9 s by default. Not for
# benchmarks, where a starved machine could miss heartbeats for that long.
FAST_SETTINGS = {"broker.session.timeout.ms": "3000", "broker.heartbeat.interval.ms": "500"}


@dataclass(frozen=True)
class Placement:
    """Where a broker lives: the clients' and the controller's port, its folder, and settings that replace ours."""

    ports: list[int]
    folder: Path
    overrides: dict[str, str]


@dataclass(frozen=True)
class Tuning:
    """How much memory it may take, and whether it shall start and restart soon rather than peak high."""

    heap_mb: int
    fast: bool


def prepare(kafka: Kafka, name: str, placement: Placement, tuning: Tuning) -> Service:
    """Writes the configuration, formats the storage and says how to start the broker."""
    folder = placement.folder
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(_properties(placement, tuning))
    _format_storage(kafka, properties)
    argv = _argv(kafka, properties, tuning)
    return Service(name, placement.ports, argv, {}, str(folder), str(folder / "kafka.log"))


def _properties(placement: Placement, tuning: Tuning) -> str:
    client, controller = (f"127.0.0.1:{port}" for port in placement.ports)
    placed = {
        "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{client}",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(placement.folder / "data"),
    }
    chosen = {**SETTINGS, **(FAST_SETTINGS if tuning.fast else {}), **placed, **placement.overrides}
    return "".join(f"{key}={value}\n" for key, value in chosen.items())


def _java(kafka: Kafka, tuning: Tuning) -> list[str]:
    """The serial collector suits a small heap; without the optimising compiler the JVM starts in half the time."""
    memory = [f"-Xmx{tuning.heap_mb}m", f"-XX:MaxDirectMemorySize={DIRECT_MEMORY_MB}m", "-XX:+UseSerialGC"]
    compiler = ["-XX:TieredStopAtLevel=1"] if tuning.fast else []
    return [str(kafka.java), *memory, *compiler, "-cp", f"{kafka.libs}/*"]


def _argv(kafka: Kafka, properties: Path, tuning: Tuning) -> list[str]:
    logging = f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}"
    return [*_java(kafka, tuning), logging, "kafka.Kafka", str(properties)]


def _format_storage(kafka: Kafka, properties: Path) -> None:
    storage_tool = [*_java(kafka, Tuning(heap_mb=256, fast=True)), "kafka.tools.StorageTool"]
    command = [*storage_tool, "format", "--cluster-id", _new_cluster_id(), "--config", str(properties)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"Kafka's storage could not be formatted:\n{(done.stdout + done.stderr).strip()}")


def _new_cluster_id() -> str:
    """22 characters for 16 random bytes, the way Kafka writes its UUIDs; it takes none that begins with a dash."""
    return base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=").replace("-", "_", 1)


def make_ready(broker: Broker) -> None:
    """Returns when every broker serves."""
    seconds = READY_SECONDS if broker.service else EXTERNAL_SECONDS
    for address in broker.brokers.split(","):
        wait_for(f"Kafka at {address} answering", partial(_serves, broker, address), seconds)


def _serves(broker: Broker, address: str) -> bool:
    if broker.service:
        service.require_running(broker.service)
    return wire.broker_serves(address)
