"""What is written down about a stack (`state.json`): enough to find, signal, restart and describe everything in it.

Saved whole and atomically, changed only under the stack's lock. Only its owner can read it: it may hold a password.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

from stack import cache, paths, process
from stack.failure import WrongUsage
from stack.process import Condition, Identity


@dataclass
class Service:
    """One process: a member of a deployment (`source-0`), the broker (`kafka`) or Kafka Connect (`connect`). Clients
    connect to `ports[0]`."""

    name: str
    ports: list[int]
    argv: list[str]
    environment: dict[str, str]
    folder: str
    log: str
    process: Identity | None = None

    @property
    def address(self) -> str:
        """Where clients connect."""
        return f"127.0.0.1:{self.ports[0]}"

    @property
    def condition(self) -> Condition:
        """Running, paused or gone, as of now."""
        return process.condition(self.process)


@dataclass(frozen=True)
class Credentials:
    """The administrator of a deployment that was started with authentication."""

    user: str
    password: str


@dataclass
class Deployment:
    """A replica set, or a standalone if `replica_set` is None. `fast` is the test tuning of `deployment`."""

    name: str
    version: str
    replica_set: str | None
    fast: bool
    members: list[Service]
    credentials: Credentials | None = None

    @property
    def uri(self) -> str:
        """The connection string, with the administrator's credentials if there are any."""
        account = self.credentials
        login = f"{quote(account.user, '')}:{quote(account.password, '')}@" if account else ""
        options = [f"replicaSet={self.replica_set}"] if self.replica_set else ["directConnection=true"]
        options += ["authSource=admin"] if account else []
        return f"mongodb://{login}{','.join(member.address for member in self.members)}/?{'&'.join(options)}"


@dataclass
class Broker:
    """Kafka; `service` is None when it is not ours (OPLOGUE_STACK_BROKERS)."""

    brokers: str
    version: str | None
    service: Service | None


@dataclass
class Stack:
    """Everything under one name."""

    name: str
    folder: str
    deployments: dict[str, Deployment] = field(default_factory=dict)
    kafka: Broker | None = None
    connect: Service | None = None

    @property
    def services(self) -> list[Service]:
        """All processes of ours."""
        members = [member for deployment in self.deployments.values() for member in deployment.members]
        others = [self.kafka.service if self.kafka else None, self.connect]
        return members + [one for one in others if one]

    def service(self, name: str) -> Service:
        """The process of that name."""
        for service in self.services:
            if service.name == name:
                return service
        known = ", ".join(service.name for service in self.services) or "none"
        raise WrongUsage(f"no service {name!r} in stack {self.name!r}; there are: {known}")

    def deployment_of(self, service: Service) -> Deployment | None:
        """The deployment that a process is a member of; None for the broker and for Connect."""
        return next((one for one in self.deployments.values() if service in one.members), None)

    def save(self) -> None:
        """Replaces the state file."""
        aside = _file(self.name).with_suffix(".partial")
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as target:
            json.dump(asdict(self), target, indent=2)
        aside.replace(_file(self.name))


def folder_of(name: str) -> Path:
    """The folder of a stack, whether it exists or not."""
    return paths.stacks() / name


def names() -> list[str]:
    """The stacks of this checkout."""
    return sorted(path.parent.name for path in paths.stacks().glob("*/state.json"))


def load(name: str) -> Stack | None:
    """The stack of that name; None if there is none."""
    try:
        return _stack(json.loads(_file(name).read_text()))
    except FileNotFoundError:
        return None


@contextmanager
def changing(name: str) -> Iterator[None]:
    """Keeps two commands from changing one stack at the same time."""
    with cache.exclusive(paths.stacks() / f".{name}.lock"):
        yield


def remove(name: str) -> None:
    """Forgets a stack and deletes its data and logs."""
    shutil.rmtree(folder_of(name), ignore_errors=True)


def _file(name: str) -> Path:
    return folder_of(name) / "state.json"


def _stack(saved: dict[str, Any]) -> Stack:
    deployments = {name: _deployment(entry) for name, entry in saved["deployments"].items()}
    connect = _service(saved["connect"]) if saved.get("connect") else None
    return Stack(saved["name"], saved["folder"], deployments, _broker(saved["kafka"]), connect)


def _deployment(saved: dict[str, Any]) -> Deployment:
    account = saved["credentials"]
    members = [_service(member) for member in saved["members"]]
    return Deployment(
        **{**saved, "members": members, "credentials": Credentials(**account) if account else None}
    )


def _broker(saved: dict[str, Any] | None) -> Broker | None:
    if saved is None:
        return None
    return Broker(**{**saved, "service": _service(saved["service"]) if saved["service"] else None})


def _service(saved: dict[str, Any]) -> Service:
    identity = saved["process"]
    return Service(**{**saved, "process": Identity(**identity) if identity else None})
