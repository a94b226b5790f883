"""The stacks that are measured on: one with all services, and one more for each further source."""

from __future__ import annotations

from typing import List, Tuple

from stack import arguments, lifecycle
from stack.failure import say
from stack.process import Condition
from stack.state import Stack

NAME = "bench"
# Further sources, in the series with most.
MORE_SOURCES = 3
PROCESSES = {"source": "source mongod", "target": "target mongod", "kafka": "broker"}


class Services:
    """What was started; `down` ends it."""

    def __init__(self) -> None:
        self.main = up(NAME, "--broker-property", "broker.session.timeout.ms=60000")
        self._more: List[Stack] = []

    def pids(self) -> List[Tuple[str, int]]:
        """Processes by what they are, Kafka Connect's aside."""
        found = [one for stack in (self.main, *self._more) for one in stack.services if one.process]
        return [(name, one.process.pid) for one in found for prefix, name in PROCESSES.items() if one.name.startswith(prefix) and one.process]

    def sources(self, count: int) -> List[str]:
        """Connection strings of so many; all but the first are started when they are needed."""
        while len(self._more) + 1 < count:
            self._more.append(up(_another(len(self._more)), "--only", "source"))
        return [stack.deployments["source"].uri for stack in (self.main, *self._more)][:count]

    @property
    def started_sources(self) -> List[str]:
        """Connection strings of those that there are."""
        return self.sources(len(self._more) + 1)

    def mend(self) -> bool:
        """Starts again what has ended by itself; whether something had."""
        stacks = (self.main, *self._more)
        gone = {stack.name: [one.name for one in stack.services if one.condition is Condition.GONE] for stack in stacks}
        for name, services in gone.items():
            for service in services:
                say(f"{service} of {name} has ended by itself and is started again")
                lifecycle.start(name, service)
        if any(gone.values()):
            self.main, *self._more = (lifecycle.existing(stack.name) for stack in stacks)
        return any(gone.values())

    def connect(self, *words: str) -> Stack:
        """With Kafka Connect, which is there from now on."""
        self.main = up(NAME, "--only", "connect", *words)
        return self.main


def down() -> None:
    """Ends all there may be."""
    for name in (*map(_another, range(MORE_SOURCES)), NAME):
        lifecycle.down(name, keep_data=False)


def up(name: str, *words: str) -> Stack:
    """As `scripts/stack up` does."""
    return lifecycle.up(name, arguments.request(arguments.parser().parse_args(["up", "--name", name, *words])))[0]


def _another(number: int) -> str:
    return f"{NAME}-source-{number + 2}"
