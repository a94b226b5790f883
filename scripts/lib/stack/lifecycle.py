"""up, down, kill, start. Who changes what is written down holds the stack's lock, and writes before it waits."""

from __future__ import annotations

import shutil
import signal
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from stack import broker, connect, deployment, plan, ports, service, state
from stack.failure import Failure
from stack.process import Condition
from stack.request import CONNECT, KAFKA, Request
from stack.state import Service, Stack


def up(name: str, request: Request) -> tuple[Stack, list[Service]]:
    """Brings up what was asked for and returns when all of it serves, with what had to be started for that.

    If it fails, what it started is stopped again; the logs stay until `down`.
    """
    with state.changing(name):
        stack = _completed(name, request)
        _refuse_paused(stack)
        started = [one for one in stack.services if one.condition is Condition.GONE]
        try:
            for one in started:
                service.start(one)
            stack.save()
            _make_ready(stack)
        except BaseException:
            service.stop(started)
            if not stack.services:
                _forget(stack)
            raise
        return stack, started


def _completed(name: str, request: Request) -> Stack:
    """The stack with everything asked for in it, written down; a new one leaves nothing behind if that fails."""
    existing = state.load(name)
    stack = existing or Stack(name, str(state.folder_of(name)))
    plan.check(stack, request)
    Path(stack.folder).mkdir(parents=True, exist_ok=True)
    try:
        plan.complete(stack, request)
        stack.save()
    except BaseException:
        if existing is None:
            _forget(stack)
        raise
    return stack


def _refuse_paused(stack: Stack) -> None:
    for one in stack.services:
        if one.condition is Condition.PAUSED:
            raise Failure(f"{one.name} is paused; `kill {one.name} --signal CONT` lets it go on")


def _make_ready(stack: Stack) -> None:
    """All at once, for most of it is waiting."""
    with ThreadPoolExecutor() as pool:
        waits = [pool.submit(deployment.make_ready, one) for one in stack.deployments.values()]
        if stack.kafka:
            waits.append(pool.submit(broker.make_ready, stack.kafka))
        if stack.connect:
            waits.append(pool.submit(connect.make_ready, stack.connect))
        for wait in waits:
            wait.result()


def down(name: str, keep_data: bool, only: list[str] | None = None) -> bool:
    """Stops everything, or only some services; unless told to keep the data, deletes it with the logs. Says whether there
    was a stack."""
    with state.changing(name):
        stack = state.load(name)
        if stack is None:
            return False
        leaving = [one for one in stack.services if only is None or _kind(stack, one) in only]
        # Connect leaves its group before it ends, for which it needs the broker.
        service.stop([one for one in leaving if one is stack.connect])
        service.stop([one for one in leaving if one is not stack.connect])
        if not keep_data and len(leaving) == len(stack.services):
            _forget(stack)
        elif not keep_data:
            _part_with(stack, leaving)
        return True


def _kind(stack: Stack, one: Service) -> str:
    """What the service is called on the command line."""
    found = stack.deployment_of(one)
    return found.name if found else one.name


def _part_with(stack: Stack, leaving: list[Service]) -> None:
    """Goes on without these."""
    kinds = {_kind(stack, one) for one in leaving}
    stack.deployments = {name: one for name, one in stack.deployments.items() if name not in kinds}
    stack.kafka = None if KAFKA in kinds else stack.kafka
    stack.connect = None if CONNECT in kinds else stack.connect
    stack.save()
    ports.release([port for one in leaving for port in one.ports], Path(stack.folder))
    for one in leaving:
        shutil.rmtree(one.folder, ignore_errors=True)


def _forget(stack: Stack) -> None:
    ports.release([port for one in stack.services for port in one.ports], Path(stack.folder))
    state.remove(stack.name)


def kill(name: str, service_name: str, number: signal.Signals) -> Service:
    """Signals one process and waits for the effect; needs no lock, so it never waits for an `up` or a `start`."""
    one = existing(name).service(service_name)
    service.signal_and_wait(one, number)
    return one


def start(name: str, service_name: str) -> Service:
    """Starts a process that is gone again, with the data and ports it had, and waits until it serves."""
    with state.changing(name):
        stack = existing(name)
        one = stack.service(service_name)
        if one.condition is not Condition.GONE:
            raise Failure(f"{one.name} is {one.condition.value} already")
        service.start(one)
        stack.save()
    _wait_serving(stack, one)
    return one


def _wait_serving(stack: Stack, one: Service) -> None:
    if stack.deployment_of(one):
        deployment.wait_member(one)
    elif one is stack.connect:
        connect.make_ready(one)
    elif stack.kafka:
        broker.make_ready(stack.kafka)


def existing(name: str) -> Stack:
    """The stack of that name, which must be there."""
    stack = state.load(name)
    if stack is None:
        others = ", ".join(state.names())
        raise Failure(
            f"there is no stack {name!r}: scripts/stack up" + (f" (there are: {others})" if others else "")
        )
    return stack
