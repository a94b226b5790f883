"""The entry: parses the command line with the standard library alone, then goes on in the private environment."""

from __future__ import annotations

import signal
import sys
import time
from typing import List

from stack import environment
from stack.failure import Failure, say

from demo import options
from demo.options import Options

# By convention of shells: 128 and the number of the signal.
INTERRUPTED = 130


def main(words: List[str]) -> int:
    """Returns the exit status: 0 if all was seen, 1 if not, 2 for wrong usage."""
    given = options.parse(words)
    # As exceptions, so that what was started is ended again.
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda got, _: sys.exit(128 + got))
    try:
        environment.enter()
        return _stop() if given.stop else _show(given)
    except Failure as failure:
        say(f"demo: {failure}")
        return failure.exit_code
    except KeyboardInterrupt:
        say("demo: interrupted; what it started is stopped")
        return INTERRUPTED


def _stop() -> int:
    from demo import world

    say("the demo is stopped" if world.stop_kept() else "no demo was running")
    return 0


def _show(given: Options) -> int:
    # What these import needs pymongo, which is there from here on.
    from demo import farewell, story, world
    from demo.screen import Screen

    began = time.monotonic()
    screen = Screen(sys.stdout)
    with world.open_up(given, screen, farewell.failed) as opened:
        story.tell(opened)
        building = opened.building_seconds
        apart = f", building ({building:.0f} s) not counted" if building >= 1 else ""
        screen.ending(f"All of it was seen, in {time.monotonic() - began - building:.0f} s{apart}.")
        if given.keep:
            farewell.kept(opened)
    return 0
