"""Processes of ours: started in a session of their own, and signalled only while they provably are who we started.

A pid alone proves nothing, for pids are used again. What was started is therefore known by pid, start time and boot
(Identity). A signal goes through a pidfd that is opened first and compared second: from then on it cannot reach
another process, whatever happens to the pid.
"""

from __future__ import annotations

import os
import signal
import subprocess
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Identity:
    """One process of one boot; `start_ticks` is field 22 of /proc/PID/stat (proc(5))."""

    pid: int
    start_ticks: int
    boot_id: str


class Condition(Enum):
    """What a process is found doing."""

    RUNNING = "running"
    PAUSED = "paused"  # by SIGSTOP
    GONE = "gone"


def spawn(argv: list[str], environment: dict[str, str], log: Path, folder: Path) -> Identity:
    """Starts a program that outlives us, its output appended to `log`."""
    with open(log, "ab") as output:
        started = subprocess.Popen(
            argv,
            cwd=folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    # Not waited for on purpose: once we end it is init's child. Until then a dead one is a zombie and counts as gone.
    started.returncode = 0
    return Identity(started.pid, _stat(started.pid)[1], _boot_id())


def condition(identity: Identity | None) -> Condition:
    """Looks at /proc; a process of another boot or another start time is somebody else's.

    A killed process is gone with its last thread: the first may be a zombie while others still hold ports and locks.
    """
    if identity is None or identity.boot_id != _boot_id():
        return Condition.GONE
    try:
        letter, start_ticks, threads = _stat(identity.pid)
    except (FileNotFoundError, ProcessLookupError):
        return Condition.GONE
    if start_ticks != identity.start_ticks or (letter in "ZX" and threads <= 1):
        return Condition.GONE
    return Condition.PAUSED if letter in "Tt" else Condition.RUNNING


def send(identity: Identity, number: signal.Signals) -> bool:
    """Signals the process if it still is this one; says whether it was."""
    try:
        handle = os.pidfd_open(identity.pid)
    except ProcessLookupError:
        return False
    try:
        if condition(identity) is Condition.GONE:
            return False
        signal.pidfd_send_signal(handle, number)
        return True
    except ProcessLookupError:
        return False
    finally:
        os.close(handle)


def _stat(pid: int) -> tuple[str, int, int]:
    """State letter, start time, threads. The name before them is in parentheses and may hold anything, even those."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return fields[0], int(fields[19]), int(fields[17])


def _boot_id() -> str:
    return BOOT_ID.read_text().strip()
