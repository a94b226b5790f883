"""How this tool gives up, and how it talks meanwhile: progress on standard error, results on standard output."""

from __future__ import annotations

import sys


class Failure(Exception):
    """What cannot go on, told to a person in one or a few lines; exit code 1."""

    exit_code = 1


class WrongUsage(Failure):
    """A request that contradicts itself or the stack at hand; exit code 2."""

    exit_code = 2


def say(line: str) -> None:
    """Tells progress without disturbing what standard output is piped into."""
    print(line, file=sys.stderr, flush=True)
