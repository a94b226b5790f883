"""The entry: parses the command line with the standard library alone, then goes on in the private environment."""

from __future__ import annotations

from typing import List

from stack import environment
from stack.entry import guarded

from bench import options
from bench.options import Options


def main(words: List[str]) -> int:
    """Returns the exit status: 0 if all was measured, 1 if not, 2 for wrong usage."""
    given = options.parse(words)
    return guarded("bench", lambda: _measure(given))


def _measure(given: Options) -> int:
    environment.enter()
    # What these import needs pymongo, which is there from here on.
    from bench import measuring, sizing, store

    if given.sizing:
        print(sizing.text(store.RESULTS.read(), sizing.Site(given.cores, given.shards)))
        return 0
    return 0 if measuring.all_of(given) else 1
