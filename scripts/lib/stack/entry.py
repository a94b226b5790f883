"""How a program ends: by a failure, a signal or the keyboard, and always so that what it started is ended again."""

from __future__ import annotations

import signal
import sys
from typing import Callable

from stack.failure import Failure, say

# By convention of shells: 128 and the number of the signal.
INTERRUPTED = 130


def guarded(name: str, work: Callable[[], int]) -> int:
    """The exit status of the work; of what it fails with, once that is told."""
    # As exceptions, so that what was started is ended again.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    try:
        return work()
    except Failure as failure:
        say(f"{name}: {failure}")
        return failure.exit_code
    except KeyboardInterrupt:
        say(f"{name}: interrupted; what it started is stopped")
        return INTERRUPTED
