"""The Kafka broker: one process that is broker and controller (KRaft), configured for one machine and for tests."""

from __future__ import annotations

import base64
import subprocess
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Dict, List

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

# https://kafka.apache.org/41/configuration/broker-configs/
SETTINGS: Dict[str, str] = {
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
    "num.network.threads": "2",
    "num.io.threads": "4",
    "background.threads": "2",
    # There is nobody to hand partitions over to.
    "controlled.shutdown.enable": "false",
}


@dataclass(frozen=True)
class Placement:
    """Where a broker lives: the clients' and the controller's port, its folder, and settings that differ from ours."""

    ports: List[int]
    folder: Path
    overrides: Dict[str, str]


def prepare(kafka: Kafka, name: str, placement: Placement, heap_mb: int, fast: bool) -> Service:
    """Writes the configuration, formats the storage and says how to start the broker."""
    folder = placement.folder
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "server.properties"
    properties.write_text(_properties(placement))
    _format_storage(kafka, properties)
    argv = _argv(kafka, properties, heap_mb, fast)
    return Service(name, placement.ports, argv, {}, str(folder), str(folder / "kafka.log"))


def _properties(placement: Placement) -> str:
    client, controller = (f"127.0.0.1:{port}" for port in placement.ports)
    placed = {
        "listeners": f"PLAINTEXT://{client},CONTROLLER://{controller}",
        "advertised.listeners": f"PLAINTEXT://{client}",
        "controller.quorum.voters": f"1@{controller}",
        "log.dirs": str(placement.folder / "data"),
    }
    return "".join(f"{key}={value}\n" for key, value in {**SETTINGS, **placed, **placement.overrides}.items())


def _java(kafka: Kafka, heap_mb: int, quick_start: bool) -> List[str]:
    """The serial collector suits a small heap on few cores; without the optimising compiler the JVM starts in half the time."""
    tuning = ["-XX:+UseSerialGC", *(["-XX:TieredStopAtLevel=1"] if quick_start else [])]
    return [str(kafka.java), f"-Xmx{heap_mb}m", *tuning, "-cp", f"{kafka.libs}/*"]


def _argv(kafka: Kafka, properties: Path, heap_mb: int, fast: bool) -> List[str]:
    logging = f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}"
    return [*_java(kafka, heap_mb, fast), logging, "kafka.Kafka", str(properties)]


def _format_storage(kafka: Kafka, properties: Path) -> None:
    storage_tool = [*_java(kafka, 256, True), "kafka.tools.StorageTool"]
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
        wait_for(f"Kafka at {address} answering", lambda: _serves(broker, address), seconds)


def _serves(broker: Broker, address: str) -> bool:
    if broker.service:
        service.require_running(broker.service)
    return wire.broker_serves(address)
