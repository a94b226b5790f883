"""One MongoDB deployment: how its members are started, and what makes them a replica set that answers.

Every step of `make_ready` looks first and acts only if needed, so it serves a first start, a restart, and a start that
was broken off in the middle.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pymongo import MongoClient
from pymongo.errors import ConnectionFailure, OperationFailure

from stack import service, wire
from stack.failure import Failure
from stack.mongod import Mongod
from stack.state import Credentials, Deployment, Service
from stack.waiting import wait_for

Client = MongoClient[dict[str, Any]]

READY_SECONDS = 90.0
# A server that answers TCP answers a command within this, or is paused or drowning in work.
ANSWER_MILLIS = 2000

# https://www.mongodb.com/docs/manual/reference/replica-configuration/#settings ; the second is MongoDB's default.
FIRST_ELECTION = {"electionTimeoutMillis": 500, "heartbeatIntervalMillis": 300}
STEADY = {"electionTimeoutMillis": 10000, "heartbeatIntervalMillis": 2000}
FAST = {"electionTimeoutMillis": 2000, "heartbeatIntervalMillis": 500}

# With `--fast`, writes of `w: 1` are seen by change streams after this instead of 100 ms.
FAST_JOURNAL_MILLIS = 5

ALREADY_INITIALIZED = 23
CONFIGURATION_IN_PROGRESS = 109


@dataclass(frozen=True)
class Options:
    """How members are started; `oplog_mb` None leaves it to the server (5 % of the free disk)."""

    replica_set: str | None
    oplog_mb: int | None
    cache_gb: float
    parameters: list[str]
    keyfile: Path | None
    auth: bool
    fast: bool


def argv(program: Mongod, port: int, data: Path, options: Options) -> list[str]:
    """The command line of one member."""
    line = [
        str(program.path),
        "--bind_ip",
        "127.0.0.1",
        "--port",
        str(port),
        "--dbpath",
        str(data),
        "--nounixsocket",
    ]
    line += ["--wiredTigerCacheSizeGB", f"{options.cache_gb:g}"]
    if options.replica_set:
        line += ["--replSet", options.replica_set]
        line += ["--oplogSize", str(options.oplog_mb)] if options.oplog_mb else []
    if options.auth:
        line += ["--keyFile", str(options.keyfile)] if options.replica_set else ["--auth"]
    if options.fast:
        line += ["--journalCommitInterval", str(FAST_JOURNAL_MILLIS)]
    for parameter in _own_parameters(program) + options.parameters:
        line += ["--setParameter", parameter]
    return line


def _own_parameters(program: Mongod) -> list[str]:
    """No diagnostics that nobody reads; a primary that is told to end waits half a second for its clients, not 15."""
    own = ["diagnosticDataCollectionEnabled=false"]
    if int(program.version.split(".")[0]) >= 5:
        own.append("shutdownTimeoutMillisForSignaledShutdown=500")
    return own


def write_keyfile(path: Path) -> Path:
    """The secret that members of one set share; the server refuses one that others can read."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(32))
    return path


def make_ready(deployment: Deployment) -> None:
    """Returns when every member serves; for a replica set: one primary, the others secondaries."""
    for member in deployment.members:
        wait_for(f"{member.name} answering", partial(_answering, member), READY_SECONDS)
    if deployment.replica_set:
        _initiate(deployment)
        wait_for(
            f"{deployment.name}: a primary and the rest secondaries",
            lambda: _settled(deployment),
            READY_SECONDS,
        )
    if deployment.credentials:
        _create_administrator(primary(deployment), deployment.credentials)
    if len(deployment.members) > 1:
        _reconfigure(deployment, _settings(deployment))


def wait_member(member: Service) -> None:
    """Returns when a member that was started again serves, whatever the other members do."""
    wanted = ("primary", "secondary", "standalone")
    wait_for(f"{member.name} serving", lambda: _answering(member) and role(member) in wanted, READY_SECONDS)


def _answering(member: Service) -> dict[str, Any] | None:
    service.require_running(member)
    return hello(member)


def hello(member: Service) -> dict[str, Any] | None:
    """The member's `hello`, which needs no login; None while it does not answer."""
    if not wire.accepts(member.ports[0]):
        return None
    try:
        with connected(member) as client:
            return client.admin.command("hello")
    except ConnectionFailure:
        return None


def role(member: Service) -> str:
    """What the member says of itself: primary, secondary, standalone, or why it is none of them."""
    answer = hello(member)
    if answer is None:
        return "no answer"
    if answer.get("isWritablePrimary"):
        return "primary" if "setName" in answer else "standalone"
    return "secondary" if answer.get("secondary") else "starting"


def primary(deployment: Deployment) -> Service:
    """The member that takes writes (a standalone does)."""
    for member in deployment.members:
        if role(member) in ("primary", "standalone"):
            return member
    raise Failure(f"{deployment.name} has no primary")


@contextmanager
def connected(member: Service, account: Credentials | None = None) -> Iterator[Client]:
    """A client of this member alone."""
    login = {"username": account.user, "password": account.password, "authSource": "admin"} if account else {}
    options: dict[str, Any] = {"directConnection": True, "serverSelectionTimeoutMS": ANSWER_MILLIS, **login}
    client: Client = MongoClient("127.0.0.1", member.ports[0], connectTimeoutMS=ANSWER_MILLIS, **options)
    try:
        yield client
    finally:
        client.close()


def _initiate(deployment: Deployment) -> None:
    """Several members elect in seconds only with short timeouts, which `_reconfigure` replaces afterwards."""
    first = deployment.members[0]
    answer = hello(first)
    if answer is None or "setName" in answer:
        return
    alone = len(deployment.members) == 1
    members = [{"_id": number, "host": member.address} for number, member in enumerate(deployment.members)]
    settings = _settings(deployment) if alone else FIRST_ELECTION
    with connected(first) as client:
        try:
            configuration = {"_id": deployment.replica_set, "members": members, "settings": settings}
            client.admin.command("replSetInitiate", configuration)
        except OperationFailure as error:
            if error.code != ALREADY_INITIALIZED:
                raise Failure(f"{deployment.name} could not be initiated: {error}") from error


def _settings(deployment: Deployment) -> dict[str, int]:
    return FAST if deployment.fast else STEADY


def _settled(deployment: Deployment) -> bool:
    for member in deployment.members:
        service.require_running(member)
    roles = sorted(role(member) for member in deployment.members)
    if set(roles) == {"secondary"}:
        _call_election(deployment)
    return roles == ["primary"] + ["secondary"] * (len(roles) - 1)


def _call_election(deployment: Deployment) -> None:
    """Members that were started again would otherwise wait ten seconds for a primary that they all know is gone."""
    try:
        with connected(deployment.members[0], deployment.credentials) as client:
            client.admin.command("replSetStepUp")
    except (OperationFailure, ConnectionFailure):
        pass  # lost, or no administrator yet: the caller looks again, and the members elect by themselves too


def _create_administrator(member: Service, account: Credentials) -> None:
    """The first user may be created without login from this machine (the localhost exception), and only the first."""
    if _can_log_in(member, account):
        return
    with connected(member) as client:
        client.admin.command("createUser", account.user, pwd=account.password, roles=["root"])


def _can_log_in(member: Service, account: Credentials) -> bool:
    with connected(member, account) as client:
        try:
            return bool(client.admin.command("ping")["ok"])
        except OperationFailure:
            return False


def _reconfigure(deployment: Deployment, settings: dict[str, int]) -> None:
    with connected(primary(deployment), deployment.credentials) as client:
        wait_for(f"{deployment.name} configured", lambda: _has_settings(client, settings), READY_SECONDS)


def _has_settings(client: Client, settings: dict[str, int]) -> bool:
    """Sets them if they are not; a configuration that has not reached a majority refuses the next for a moment."""
    configuration = client.admin.command("replSetGetConfig")["config"]
    if settings.items() <= configuration["settings"].items():
        return True
    configuration["version"] += 1
    configuration["settings"].update(settings)
    try:
        client.admin.command("replSetReconfig", configuration)
    except OperationFailure as error:
        if error.code != CONFIGURATION_IN_PROGRESS:
            raise
    return False
