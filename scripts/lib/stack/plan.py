"""From request to stack: checked against what exists, completed by what is missing.

Existing services are never changed, only refused when the request contradicts them.
"""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from stack import broker, connect, connect_home, deployment, kafka_home, mongod, ports, versions
from stack.failure import WrongUsage
from stack.request import CONNECT, KAFKA, REPLICA_SETS, Request
from stack.state import Broker, Credentials, Deployment, Service, Stack

ADMINISTRATOR = "admin"
EXTERNAL_BROKERS = "OPLOGUE_STACK_BROKERS"


def check(stack: Stack, request: Request) -> None:
    """Refuses a request that contradicts what runs, for `up` never restarts anything differently."""
    for name, existing in stack.deployments.items():
        asked, members = request.mongo.one(name), request.members.one(name)
        if asked and not versions.matches(existing.version, asked):
            _refuse(stack, f"{name} is MongoDB {existing.version}, not {asked}")
        if members and existing.replica_set and members != len(existing.members):
            _refuse(stack, f"{name} has {len(existing.members)} member(s), not {members}")
        if request.auth and existing.credentials is None and name in request.services:
            _refuse(stack, f"{name} was started without --auth")
    external = os.environ.get(EXTERNAL_BROKERS)
    if external and stack.kafka and stack.kafka.brokers != external:
        _refuse(stack, f"its Kafka is {stack.kafka.brokers}, not {external}")


def _refuse(stack: Stack, reason: str) -> None:
    raise WrongUsage(f"stack {stack.name!r}: {reason}; `down` it first or use another --name")


def complete(stack: Stack, request: Request) -> None:
    """Adds the services that the stack lacks, fetching their programs; starts nothing."""
    for name in request.services:
        if name == KAFKA:
            stack.kafka = stack.kafka or _broker(stack, request)
        elif name != CONNECT and name not in stack.deployments:
            stack.deployments[name] = _deployment(stack, name, request)
    # Last, for it is told where the others are.
    if CONNECT in request.services:
        stack.connect = stack.connect or _connect(stack, request)


def _deployment(stack: Stack, name: str, request: Request) -> Deployment:
    program = mongod.find(request.mongo.one(name))
    replica_set = name if name in REPLICA_SETS else None
    count = (request.members.one(name) or 1) if replica_set else 1
    folder = Path(stack.folder)
    options = deployment.Options(
        replica_set=replica_set,
        oplog_mb=request.oplog_mb.one(name),
        cache_gb=request.cache_gb,
        parameters=request.parameters.every(name),
        keyfile=deployment.write_keyfile(folder / f"{name}.key") if request.auth and replica_set else None,
        auth=request.auth,
        fast=request.fast,
    )
    members = [_member(folder, f"{name}-{number}", program, options) for number in range(count)]
    account = Credentials(ADMINISTRATOR, secrets.token_hex(12)) if request.auth else None
    return Deployment(name, program.version, replica_set, request.fast, members, account)


def _member(stack_folder: Path, name: str, program: mongod.Mongod, options: deployment.Options) -> Service:
    folder = stack_folder / name
    data = folder / "data"
    data.mkdir(parents=True, exist_ok=True)
    port = ports.reserve(stack_folder)
    argv = deployment.argv(program, port, data, options)
    return Service(name, [port], argv, {}, str(folder), str(folder / "mongod.log"))


def _broker(stack: Stack, request: Request) -> Broker:
    external = os.environ.get(EXTERNAL_BROKERS)
    if external:
        return Broker(external, None, None)
    kafka = kafka_home.find()
    folder = Path(stack.folder)
    reserved = [ports.reserve(folder), ports.reserve(folder)]
    placement = broker.Placement(reserved, folder / KAFKA, request.broker_properties)
    service = broker.prepare(kafka, KAFKA, placement, broker.Tuning(request.heap_mb, request.fast))
    return Broker(service.address, kafka.version, service)


def _connect(stack: Stack, request: Request) -> Service:
    if stack.kafka is None:
        raise WrongUsage(f"{CONNECT} needs {KAFKA}: add it to --only")
    home = connect_home.find()
    folder = Path(stack.folder)
    placement = connect.Placement(ports.reserve(folder), folder / CONNECT, stack.kafka.brokers)
    uris = {name: one.uri for name, one in stack.deployments.items() if name in REPLICA_SETS}
    return connect.prepare(home, CONNECT, placement, uris, connect.Tuning(request.connect_heap_mb, request.fast))
