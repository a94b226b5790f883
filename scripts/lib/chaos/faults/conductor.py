"""Carries faults out, each on a thread of its own, and makes everything good again before it returns."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Callable, Dict, List, NamedTuple

from pymongo.errors import PyMongoError
from stack import deployment, lifecycle, service
from stack.failure import Failure
from stack.process import Condition
from stack.state import Service
from stack.waiting import wait_for

from chaos.faults.kinds import act_and_subject
from chaos.faults.schedule import Fault
from chaos.world import World

STEPDOWN_SECONDS = 10
PRIMARY_SECONDS = 60.0
STORM_PAUSES = (0.2, 1.5)
SLOWEST_SECONDS = 0.25


class Deed(NamedTuple):
    """What was done, when (by the wall clock, for reading logs)."""

    kind: str
    subject: str
    began: float
    ended: float


class Conductor:
    """Faults of one world."""

    def __init__(self, world: World, look: Callable[[str], bool]) -> None:
        self._world, self._look = world, look
        self._ending = threading.Event()
        self.deeds: List[Deed] = []
        self._acts: Dict[str, Callable[[str, Fault, Random], str]] = {
            "kill": self._kill,
            "blackout": self._blackout,
            "pause": self._pause,
            "storm": self._storm,
            "stepdown": self._stepdown,
            "cut": self._network,
            "slow": self._network,
            "silent": self._network,
        }

    def carry_out(self, faults: List[Fault], seconds: float) -> None:
        """All faults of a round, which lasts at least so long."""
        end = time.monotonic() + seconds
        with ThreadPoolExecutor(max_workers=max(1, len(faults))) as pool:
            running = [pool.submit(self._carry_out, fault) for fault in faults]
            for one in running:
                one.result()
        self._ending.wait(max(0.0, end - time.monotonic()))

    def _carry_out(self, fault: Fault) -> None:
        self._ending.wait(fault.begins_after)
        act, subject = act_and_subject(fault.kind)
        self._look(f"before {fault.kind}")
        began = time.time()
        whom = self._acts[act](subject, fault, Random(fault.seed))
        self.deeds.append(Deed(fault.kind, whom, began, time.time()))
        self._look(f"after {fault.kind}")

    def recover(self) -> None:
        """Whatever went wrong with a fault: everything runs and can be reached."""
        self._world.network.heal()
        for one in self._world.stack.services:
            if one.condition is Condition.PAUSED:
                lifecycle.kill(self._world.stack.name, one.name, service.signal.SIGCONT)
            if one.condition is Condition.GONE:
                self._start(one)
        self._world.start_missing()

    def _kill(self, subject: str, fault: Fault, chance: Random) -> str:
        if subject in self._world.parts:
            part = chance.choice(self._world.parts[subject])
            part.kill()
            self._look(f"{part.name} killed")
            self._ending.wait(fault.lasts)
            self._world.pipeline.start_again(part.name)
            return part.name
        one = self._server(subject)
        lifecycle.kill(self._world.stack.name, one.name, service.signal.SIGKILL)
        self._ending.wait(fault.lasts)
        self._start(one)
        return one.name

    def _blackout(self, subject: str, fault: Fault, chance: Random) -> str:
        """All of a kind at once."""
        if subject in self._world.parts:
            parts = self._world.parts[subject]
            for part in parts:
                part.kill()
            self._look(f"all of {subject} killed")
            self._ending.wait(fault.lasts)
            for part in parts:
                self._world.pipeline.start_again(part.name)
            return f"{len(parts)} processes"
        members = self._world.stack.deployments[subject].members
        for one in members:
            lifecycle.kill(self._world.stack.name, one.name, service.signal.SIGKILL)
        self._ending.wait(fault.lasts)
        for one in members:
            self._start(one)
        return f"{len(members)} members"

    def _pause(self, subject: str, fault: Fault, chance: Random) -> str:
        if subject in self._world.parts:
            part = chance.choice(self._world.parts[subject])
            part.pause()
            self._look(f"{part.name} paused")
            self._ending.wait(fault.lasts)
            part.go_on()
            return part.name
        one = self._server(subject)
        service.signal_and_wait(one, service.signal.SIGSTOP)
        self._ending.wait(fault.lasts)
        service.signal_and_wait(one, service.signal.SIGCONT)
        return one.name

    def _storm(self, subject: str, fault: Fault, chance: Random) -> str:
        """Members of the group come and go in quick turns, some politely."""
        until, parts, turns = time.monotonic() + fault.lasts, self._world.parts[subject], 0
        while time.monotonic() < until:
            part = chance.choice(parts)
            (part.kill if chance.random() < 0.5 else part.end)()
            self._ending.wait(chance.uniform(*STORM_PAUSES))
            self._world.pipeline.start_again(part.name)
            self._ending.wait(chance.uniform(*STORM_PAUSES))
            turns += 1
        return f"{turns} turns"

    def _stepdown(self, subject: str, fault: Fault, chance: Random) -> str:
        one = self._server(subject)
        with deployment.connected(one) as client:
            try:
                client.admin.command("replSetStepDown", STEPDOWN_SECONDS, secondaryCatchUpPeriodSecs=5)
            except PyMongoError:
                pass  # no secondary was close enough, or the connection ended with the office
        return one.name

    def _network(self, subject: str, fault: Fault, chance: Random) -> str:
        one, (act, _) = self._server(subject), act_and_subject(fault.kind)
        self._world.network.set(one.name, act, chance.uniform(0.01, SLOWEST_SECONDS))
        self._ending.wait(fault.lasts)
        self._world.network.set(one.name, "open")
        return one.name

    def _server(self, subject: str) -> Service:
        if subject == "broker":
            return self._world.broker
        found = self._world.stack.deployments[subject]
        return wait_for(f"{subject} having a primary", lambda: _primary(found), PRIMARY_SECONDS)

    def _start(self, one: Service) -> None:
        # The state file knows the new process; our own copy of it has to as well.
        one.process = lifecycle.start(self._world.stack.name, one.name).process


def _primary(found: deployment.Deployment) -> "Service | None":
    try:
        return deployment.primary(found)
    except Failure:
        return None
