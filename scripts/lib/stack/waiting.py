"""Waiting for conditions, always with a deadline; nothing in this package sleeps for a guessed time."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from stack.failure import Failure

T = TypeVar("T")

POLL_SECONDS = 0.03


def wait_for(what: str, condition: Callable[[], T | None], seconds: float) -> T:
    """Asks until `condition` answers something true and returns that; it may itself raise to give up early."""
    end = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer:
            return answer
        if time.monotonic() >= end:
            raise Failure(f"{what}: not within {seconds:g} s")
        time.sleep(POLL_SECONDS)
