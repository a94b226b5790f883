"""Kafka Connect as the benchmark uses it: its REST interface, and what lies in Kafka."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any, Callable, Optional

from stack import paths
from stack.failure import Failure

FOLDER = paths.CHECKOUT / "bench" / "peers"
ANSWER_SECONDS = 30.0
STATE_SECONDS = 120.0
NOT_FOUND = 404


class Unanswered(Failure):
    """It has refused a request."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class Connect:
    """A worker that serves; it took so many seconds to."""

    def __init__(self, url: str, pid: int, started_in: float) -> None:
        self.url, self.pid, self.started_in = url, pid, started_in
        self._started: "set[str]" = set()

    def start(self, name: str, file: str, start: str) -> None:
        """Starts a connector from its file; `name` is the run's and stands in it wherever it says so."""
        text = (FOLDER / f"{file}.json").read_text().replace("@run@", name).replace("@start@", start)
        self._ask("PUT", f"{name}-{file}/config", json.loads(text))
        self._started.add(f"{name}-{file}")

    def stop(self, name: str, file: str) -> None:
        """Ends its tasks; what it had read is in Kafka, and its position too."""
        self._ask("PUT", f"{name}-{file}/stop")
        self._until(f"{name}-{file}", lambda status: status["connector"]["state"] == "STOPPED" and not status["tasks"])

    def resume(self, name: str, file: str) -> None:
        """Lets it go on where it was."""
        self._ask("PUT", f"{name}-{file}/resume")

    def remove(self, name: str, file: str) -> None:
        """Ends it, if it was started."""
        if f"{name}-{file}" in self._started:
            self._ask("DELETE", f"{name}-{file}")
            self._started.remove(f"{name}-{file}")

    def is_running(self, name: str, file: str) -> bool:
        """Whether it says so of itself and of a task."""
        try:
            status = self._ask("GET", f"{name}-{file}/status")
        except Unanswered as error:
            # It is not there yet.
            if error.code == NOT_FOUND:
                return False
            raise
        return bool(status["tasks"]) and all(one["state"] == "RUNNING" for one in [status["connector"], *status["tasks"]])

    def require_running(self, name: str, file: str) -> None:
        """Fails when a task has."""
        try:
            status = self._ask("GET", f"{name}-{file}/status")
        except Unanswered as error:
            if error.code == NOT_FOUND:
                return
            raise
        failed = [one.get("trace", "") for one in [status["connector"], *status["tasks"]] if one["state"] == "FAILED"]
        if failed:
            raise Failure(f"{name}-{file} has failed:\n{failed[0]}")

    def _until(self, connector: str, holds: Callable[[Any], bool]) -> None:
        deadline = time.monotonic() + STATE_SECONDS
        while not holds(self._ask("GET", f"{connector}/status")):
            if time.monotonic() > deadline:
                raise Failure(f"{connector} is not where it should be within {STATE_SECONDS:.0f} s")
            time.sleep(0.1)

    def _ask(self, method: str, path: str, body: Optional[Any] = None) -> Any:
        content = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(f"{self.url}/connectors/{path}", content, {"Content-Type": "application/json"}, method=method)
        try:
            with urllib.request.urlopen(request, timeout=ANSWER_SECONDS) as answer:
                text = answer.read()
        except urllib.error.HTTPError as error:
            raise Unanswered(error.code, f"Kafka Connect: {method} {path}: {error.code} {error.read().decode()[:500]}") from error
        return json.loads(text) if text else None


def files() -> "list[Path]":
    """The committed configurations."""
    return sorted(FOLDER.glob("*.json"))
