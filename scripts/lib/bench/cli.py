"""The entry: parses the command line with the standard library alone, then goes on in the private environment."""

from __future__ import annotations

import signal
import sys
from typing import List

from stack import environment
from stack.failure import Failure, say

from bench import options

# By convention of shells: 128 and the number of the signal.
INTERRUPTED = 130


def main(words: List[str]) -> int:
    """Returns the exit status: 0 if all was measured, 1 if not, 2 for wrong usage."""
    given = options.parse(words)
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    try:
        environment.enter()
        # What these import needs pymongo, which is there from here on.
        from bench import measuring

        measuring.all_of(given)
        return 0
    except Failure as failure:
        say(f"bench: {failure}")
        return failure.exit_code
    except KeyboardInterrupt:
        say("bench: interrupted; what it started is stopped")
        return INTERRUPTED
