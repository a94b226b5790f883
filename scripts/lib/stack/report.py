"""What people and programs are told about a stack: connection strings, environment, JSON, status."""

from __future__ import annotations

import shlex
import shutil
from typing import Any

from stack import connect, deployment, environment, wire
from stack.process import Condition
from stack.state import Broker, Deployment, Service, Stack

ADVICE = "scripts/stack"


def variables(stack: Stack) -> dict[str, str]:
    """The variables that point Oplogue, and whoever else, at this stack."""
    uris = {name: one.uri for name, one in stack.deployments.items()}
    brokers = {"OPLOGUE_KAFKA__BROKERS": stack.kafka.brokers} if stack.kafka else {}
    oplogue = {f"OPLOGUE_{name.upper()}__URI": uris[name] for name in ("source", "target") if name in uris}
    others = {"STACK_CONNECT_URL": connect.url(stack.connect)} if stack.connect else {}
    others |= {f"STACK_{name.upper()}_URI": uri for name, uri in uris.items()}
    return {**oplogue, **brokers, "STACK_NAME": stack.name, "STACK_DIR": stack.folder, **others}


def exports(stack: Stack) -> str:
    """The same for a shell: `eval "$(scripts/stack env)"`."""
    return "\n".join(f"export {name}={shlex.quote(value)}" for name, value in variables(stack).items())


def document(stack: Stack) -> dict[str, Any]:
    """Everything, for programs; asks no server, so it answers at once whatever state they are in."""
    return {
        "name": stack.name,
        "dir": stack.folder,
        "deployments": {name: _deployment(one) for name, one in stack.deployments.items()},
        "kafka": _kafka(stack.kafka) if stack.kafka else None,
        "connect": {**_service(stack.connect), "url": connect.url(stack.connect)} if stack.connect else None,
        "tools": {
            "python": str(environment.python()),
            "kcat": shutil.which("kcat"),
            "mongosh": shutil.which("mongosh"),
        },
        "env": variables(stack),
    }


def _deployment(one: Deployment) -> dict[str, Any]:
    account = one.credentials
    return {
        "uri": one.uri,
        "version": one.version,
        "replicaSet": one.replica_set,
        "user": account.user if account else None,
        "password": account.password if account else None,
        "members": [{**_service(member), "dbpath": f"{member.folder}/data"} for member in one.members],
    }


def _kafka(one: Broker) -> dict[str, Any]:
    own = _service(one.service) if one.service else None
    return {"brokers": one.brokers, "version": one.version, "external": own is None, "service": own}


def _service(one: Service) -> dict[str, Any]:
    return {
        "service": one.name,
        "address": one.address,
        "port": one.ports[0],
        "pid": one.process.pid if one.process and one.condition is not Condition.GONE else None,
        "condition": one.condition.value,
        "log": one.log,
    }


def status(stack: Stack) -> list[dict[str, Any]]:
    """Each service with what it is doing; asks every server that runs."""
    services = [{**_service(one), "role": _role(stack, one)} for one in stack.services]
    if stack.kafka and stack.kafka.service is None:
        services.append(_external(stack.kafka))
    return services


def _role(stack: Stack, one: Service) -> str | None:
    if one.condition is not Condition.RUNNING:
        return None
    if stack.deployment_of(one):
        return deployment.role(one)
    if one is stack.connect:
        return "connect" if connect.serves(one) else "no answer"
    return "broker" if wire.broker_serves(one.address) else "no answer"


def _external(kafka: Broker) -> dict[str, Any]:
    serving = all(wire.broker_serves(address) for address in kafka.brokers.split(","))
    nothing_of_ours = {"service": "kafka", "port": None, "pid": None, "condition": "external", "log": None}
    return {**nothing_of_ours, "address": kafka.brokers, "role": "broker" if serving else "no answer"}


def is_well(services: list[dict[str, Any]]) -> bool:
    """Whether everything serves."""
    return all(one["role"] not in (None, "no answer", "starting") for one in services)


def status_lines(services: list[dict[str, Any]]) -> list[str]:
    """`status` for people."""
    keys = ["service", "condition", "role", "pid", "address", "log"]
    shown = [keys, *([str(one[key] if one[key] is not None else "-") for key in keys] for one in services)]
    widths = [max(len(line[column]) for line in shown) for column in range(len(keys))]
    return ["  ".join(cell.ljust(width) for cell, width in zip(line, widths)).rstrip() for line in shown]


def summary_lines(stack: Stack) -> list[str]:
    """The connection strings and how to look, as `up` prints them."""
    lines = [
        f"  {name:<11}{one.uri}   MongoDB {one.version}, {_count(one)}"
        for name, one in stack.deployments.items()
    ]
    if stack.kafka:
        origin = f"Kafka {stack.kafka.version}" if stack.kafka.service else "from OPLOGUE_STACK_BROKERS"
        lines.append(f"  {'kafka':<11}{stack.kafka.brokers}   {origin}")
    if stack.connect:
        lines.append(f"  {'connect':<11}{connect.url(stack.connect)}   Kafka Connect")
    return lines + ["", *_how_to_look(stack)]


def _count(one: Deployment) -> str:
    if one.replica_set is None:
        return "standalone"
    return "1 member" if len(one.members) == 1 else f"{len(one.members)} members"


def _how_to_look(stack: Stack) -> list[str]:
    lines = []
    if shutil.which("mongosh"):
        lines += [f"  mongosh {shlex.quote(one.uri)}" for one in stack.deployments.values()]
    if stack.kafka and shutil.which("kcat"):
        lines.append(f"  kcat -b {stack.kafka.brokers} -L")
    name = "" if stack.name == "default" else f" --name {stack.name}"
    lines.append(f"  {ADVICE} status{name}; {ADVICE} logs{name}; {ADVICE} down{name}")
    lines.append(f'  eval "$({ADVICE} env{name})"')
    return lines
