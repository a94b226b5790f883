"""The producer and the workers as processes: started, killed, started again, ended, looked at."""

from __future__ import annotations

import json
import os
import re
import signal
from dataclasses import asdict
from pathlib import Path
from typing import Dict, List, Optional

from stack import service
from stack.process import Condition, Identity
from stack.state import Service

from demo import prometheus
from demo.expectation import Unmet

ADDRESS = re.compile(r"listening for /metrics.*?\baddress=(\S+)")


class Part:
    """One process of the pipeline, over all its lives; its log goes on from life to life."""

    def __init__(self, one: Service) -> None:
        self._service = one
        self._life_begins_at = 0
        self._address: Optional[str] = None

    @property
    def name(self) -> str:
        """As it is called in the report: producer, worker-1, worker-2."""
        return self._service.name

    @property
    def log(self) -> Path:
        """Where it logs."""
        return Path(self._service.log)

    @property
    def pid(self) -> int:
        """Of its present or last life."""
        return self._service.process.pid if self._service.process else 0

    @property
    def is_running(self) -> bool:
        """Whether it is there."""
        return self._service.condition is not Condition.GONE

    @property
    def address(self) -> Optional[str]:
        """Where its metrics are; None until it has said so in this life."""
        if self._address is None:
            found = ADDRESS.findall(self._log_of_this_life())
            self._address = found[-1] if found else None
        return self._address

    def start(self) -> None:
        """Begins a life."""
        self._life_begins_at = self.log.stat().st_size if self.log.exists() else 0
        self._address = None
        service.start(self._service)

    def kill(self) -> None:
        """Ends this life with SIGKILL."""
        service.signal_and_wait(self._service, signal.SIGKILL)
        self.exit_status()

    def pause(self) -> None:
        """Stops it where it is, with SIGSTOP."""
        service.signal_and_wait(self._service, signal.SIGSTOP)

    def go_on(self) -> None:
        """Lets it go on after `pause`."""
        service.signal_and_wait(self._service, signal.SIGCONT)

    def end(self) -> Optional[int]:
        """Ends this life with SIGTERM, patiently; its exit status."""
        service.stop([self._service])
        return self.exit_status()

    def metric(self, name: str) -> Optional[float]:
        """A metric of this life, summed over its labels; None while there is none."""
        return prometheus.value(prometheus.fetch(self.address), name) if self.address else None

    def require_running(self) -> None:
        """Fails when it ended by itself."""
        if not self.is_running:
            raise Unmet(f"{self.name} goes on running", f"it ended with exit status {self.exit_status()}")

    def exit_status(self) -> Optional[int]:
        """How a life of our own child ended, negative for a signal; None when that cannot be known."""
        try:
            _, status = os.waitpid(self.pid, 0)
        except ChildProcessError:
            return None
        return os.waitstatus_to_exitcode(status)

    def tail(self, lines: int) -> List[str]:
        """The last lines of its log."""
        return service.tail(self._service, lines).splitlines()

    def _log_of_this_life(self) -> str:
        with open(self.log, errors="replace") as log:
            log.seek(self._life_begins_at)
            return log.read()


class Pipeline:
    """All parts that were started, written down at every change so that a later run can clear them away."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._services: List[Service] = []
        self.parts: Dict[str, Part] = {}

    def start(self, name: str, argv: List[str], environment: Dict[str, str]) -> Part:
        """Starts a part for the first time."""
        folder = self._file.parent
        one = Service(name, [], argv, environment, str(folder), str(folder / f"{name}.log"))
        self._services.append(one)
        self.parts[name] = Part(one)
        return self.start_again(name)

    def start_again(self, name: str) -> Part:
        """Starts a part that is gone."""
        self.parts[name].start()
        self._save()
        return self.parts[name]

    def require_running(self) -> None:
        """Fails when a part ended by itself."""
        for part in self.parts.values():
            part.require_running()

    def stop(self) -> Dict[str, Optional[int]]:
        """Ends all with SIGTERM, patiently; the exit status of each."""
        service.stop(self._services)
        return {name: part.exit_status() for name, part in self.parts.items()}

    def forget(self) -> None:
        """Nothing is left to clear away."""
        self._file.unlink(missing_ok=True)

    def _save(self) -> None:
        # No environment: it holds secrets, and ending a process needs none.
        saved = [{**asdict(one), "environment": {}} for one in self._services]
        self._file.write_text(json.dumps(saved, indent=2))


def left_over(file: Path) -> Pipeline:
    """What an earlier run wrote down; empty when it left nothing."""
    pipeline = Pipeline(file)
    saved = json.loads(file.read_text()) if file.exists() else []
    for entry in saved:
        one = Service(**{**entry, "process": Identity(**entry["process"]) if entry["process"] else None})
        pipeline._services.append(one)
        pipeline.parts[one.name] = Part(one)
    return pipeline
