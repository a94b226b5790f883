"""The entry: parses the command line with the standard library alone, then goes on in the private environment."""

from __future__ import annotations

import sys
import time
from typing import List

from stack import environment
from stack.entry import guarded
from stack.failure import say

from demo import options
from demo.options import Options


def main(words: List[str]) -> int:
    """Returns the exit status: 0 if all was seen, 1 if not, 2 for wrong usage."""
    given = options.parse(words)
    return guarded("demo", lambda: _run(given))


def _run(given: Options) -> int:
    environment.enter()
    return _stop() if given.stop else _show(given)


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
