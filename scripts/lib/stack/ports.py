"""Ports that stay ours: free on loopback, and reserved on this machine for as long as their stack exists.

A server that was killed gets its port back at the next start, so meanwhile no other stack may take it. They are chosen
below the kernel's range for outgoing connections (32768 and up), which could otherwise take them by accident.
"""

from __future__ import annotations

import os
import random
import socket
import tempfile
from collections.abc import Iterable
from pathlib import Path

from stack import cache
from stack.failure import Failure

RANGE = range(20000, 32000)


def reserve(owner: Path) -> int:
    """A free port for `owner`, the folder of a stack; the reservation ends with `release` or with that folder."""
    with cache.exclusive(_reservations() / ".lock"):
        for port in random.sample(RANGE, len(RANGE)):
            if not _is_held(port) and is_free(port):
                _reservation(port).write_text(str(owner))
                return port
    raise Failure(f"no free port between {RANGE.start} and {RANGE.stop - 1} on 127.0.0.1")


def release(ports: Iterable[int], owner: Path) -> None:
    """Gives back what `owner` holds of these."""
    for port in ports:
        if _holder(port) == str(owner):
            _reservation(port).unlink()


def is_free(port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket() as probe:
        # As servers do it: connections that a former one left in TIME_WAIT do not count as taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
        return True


def _is_held(port: int) -> bool:
    holder = _holder(port)
    return holder is not None and Path(holder).is_dir()


def _holder(port: int) -> str | None:
    try:
        return _reservation(port).read_text()
    except FileNotFoundError:
        return None


def _reservation(port: int) -> Path:
    return _reservations() / str(port)


def _reservations() -> Path:
    folder = Path(tempfile.gettempdir()) / f"oplogue-ports-{os.getuid()}"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder
