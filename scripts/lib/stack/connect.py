"""The Kafka Connect worker: one process, configured as deploy/connect is, but for where things are on this machine."""

from __future__ import annotations

import urllib.error
import urllib.request
from dataclasses import dataclass
from pathlib import Path

from stack import paths, service
from stack.broker import LOG_CONFIGURATION
from stack.connect_home import Connect
from stack.state import Service
from stack.waiting import wait_for

READY_SECONDS = 120.0
ANSWER_SECONDS = 5.0
SETTINGS = paths.CHECKOUT / "deploy" / "connect" / "connect-distributed.properties"
MAIN = "org.apache.kafka.connect.cli.ConnectDistributed"


@dataclass(frozen=True)
class Placement:
    """Where a worker lives: its port, its folder, its brokers."""

    port: int
    folder: Path
    brokers: str


@dataclass(frozen=True)
class Tuning:
    """How much memory it may take, and whether it shall start soon rather than peak high."""

    heap_mb: int
    fast: bool


def prepare(home: Connect, name: str, placement: Placement, uris: dict[str, str], tuning: Tuning) -> Service:
    """Writes the configuration and says how to start the worker; connectors know `uris` as `${env:SOURCE_URI}`."""
    folder = placement.folder
    folder.mkdir(parents=True, exist_ok=True)
    properties = folder / "connect.properties"
    properties.write_text(_properties(home, placement))
    environment = {f"{side.upper()}_URI": uri for side, uri in uris.items()}
    argv = _argv(home, properties, tuning)
    return Service(name, [placement.port], argv, environment, str(folder), str(folder / "connect.log"))


def _properties(home: Connect, placement: Placement) -> str:
    lines = (line.strip() for line in SETTINGS.read_text().splitlines())
    given = dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))
    placed = {
        "bootstrap.servers": placement.brokers,
        "plugin.path": str(home.plugins),
        "listeners": f"http://127.0.0.1:{placement.port}",
        "rest.advertised.host.name": "127.0.0.1",
    }
    return "".join(f"{key}={value}\n" for key, value in {**given, **placed}.items())


def _argv(home: Connect, properties: Path, tuning: Tuning) -> list[str]:
    compiler = ["-XX:TieredStopAtLevel=1"] if tuning.fast else []
    java = [str(home.java), f"-Xmx{tuning.heap_mb}m", *compiler, "-cp", f"{home.libs}/*"]
    return [*java, f"-Dlog4j2.configurationFile={LOG_CONFIGURATION}", MAIN, str(properties)]


def url(worker: Service) -> str:
    """Where its REST interface answers."""
    return f"http://{worker.address}"


def make_ready(worker: Service) -> None:
    """Returns when the worker is a member of its group and takes requests."""
    wait_for(f"Kafka Connect at {worker.address} answering", lambda: _is_ready(worker), READY_SECONDS)


def _is_ready(worker: Service) -> bool:
    service.require_running(worker)
    return serves(worker)


def serves(worker: Service) -> bool:
    """Whether it has read its own topics: it does not answer this before."""
    try:
        with urllib.request.urlopen(f"{url(worker)}/connectors", timeout=ANSWER_SECONDS) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
