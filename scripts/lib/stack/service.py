"""Starting, signalling and stopping single processes of a stack, and telling when one ended by itself."""

from __future__ import annotations

import signal
from pathlib import Path

from stack import process
from stack.failure import Failure, say
from stack.process import Condition
from stack.state import Service
from stack.waiting import wait_for

# How long a process may take to end after SIGTERM before it is killed; after SIGKILL only the kernel has to act.
TERM_SECONDS = 20.0
KILL_SECONDS = 10.0
LOG_LINES_TOLD = 15

EFFECTS = {
    signal.SIGKILL: Condition.GONE,
    signal.SIGTERM: Condition.GONE,
    signal.SIGSTOP: Condition.PAUSED,
    signal.SIGCONT: Condition.RUNNING,
}


def start(service: Service) -> None:
    """Starts the process; that it is ready is for its kind to tell."""
    Path(service.folder).mkdir(parents=True, exist_ok=True)
    service.process = process.spawn(
        service.argv, service.environment, Path(service.log), Path(service.folder)
    )


def signal_and_wait(service: Service, number: signal.Signals) -> None:
    """Signals the process and returns when the signal has shown its effect."""
    if service.process is None or not process.send(service.process, number):
        raise Failure(f"{service.name} is not running")
    wanted = EFFECTS[number]
    wait_for(
        f"{service.name} {wanted.value} after {number.name}",
        lambda: service.condition is wanted,
        TERM_SECONDS,
    )


def stop(services: list[Service]) -> None:
    """Ends all of these, politely first."""
    for service in services:
        # A paused process acts on SIGTERM only once it goes on.
        _send(service, signal.SIGCONT)
        _send(service, signal.SIGTERM)
    try:
        _wait_gone(services, TERM_SECONDS)
    except Failure:
        for service in services:
            if service.condition is not Condition.GONE:
                say(f"{service.name} did not end within {TERM_SECONDS:g} s of SIGTERM and is killed")
            _send(service, signal.SIGKILL)
        _wait_gone(services, KILL_SECONDS)


def require_running(service: Service) -> None:
    """Gives up when the process is not there any more, with the end of what it said."""
    if service.condition is Condition.GONE:
        raise Failure(
            f"{service.name} ended by itself; the end of {service.log}:\n{tail(service, LOG_LINES_TOLD)}"
        )


def tail(service: Service, lines: int) -> str:
    """The last lines of a log."""
    try:
        text = Path(service.log).read_text(errors="replace")
    except FileNotFoundError:
        return ""
    return "\n".join(text.splitlines()[-lines:])


def _send(service: Service, number: signal.Signals) -> None:
    if service.process is not None:
        process.send(service.process, number)


def _wait_gone(services: list[Service], seconds: float) -> None:
    wait_for("all ended", lambda: all(service.condition is Condition.GONE for service in services), seconds)
