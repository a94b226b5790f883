"""The entry: parses the command line with the standard library alone, carries it out in the private environment."""

from __future__ import annotations

import signal
import sys

from stack import arguments, environment
from stack.entry import INTERRUPTED
from stack.failure import Failure, say


def main(words: list[str]) -> int:
    """Returns the exit code: 0, 1 for a failure, 2 for wrong usage."""
    given = arguments.parser().parse_args(words)
    # As an exception, so that what was started is stopped again.
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        environment.enter()
        from stack import commands  # needs pymongo, which is there from here on

        return commands.run(given)
    except Failure as failure:
        say(f"stack: {failure}")
        return failure.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read us has seen enough; do not let the interpreter fail on flushing the rest.
        sys.stdout = None
        return 0
