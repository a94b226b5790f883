"""The program `bench`, where it is asked for something that goes on."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import List

from stack.failure import Failure

# How long it may take to end when asked to.
SECONDS = 10.0
# What comes behind the reason, where it is asked for by the environment.
BACKTRACE = "Stack backtrace:"


class Tool:
    """A command of the program `bench` that goes on until its standard input ends: with us, at the latest."""

    def __init__(self, words: List[str], log: Path) -> None:
        self._log = log
        with open(log, "ab") as output:
            self._process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=output, stderr=output)
        self.pid = self._process.pid

    def require_running(self) -> None:
        """Fails when it has ended by itself."""
        if self._process.poll() is not None:
            said = self._log.read_text(errors="replace").partition(BACKTRACE)[0].strip()
            raise Failure(f"the floor has ended with {self._process.returncode}: {said}")

    def end(self) -> None:
        """Asks it to end, and sees to it."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
