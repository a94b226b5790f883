"""What the demo can be asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

DEFAULT_SEED = 7
DEFAULT_USERS = 100
# What the steps pick users from must be more than what they pick.
FEWEST_USERS = 50
ABOUT = """\
Shows the whole job on real services: users cross Kafka from one MongoDB to another and arrive shaped, through a changing
schema and killed processes. Exit status 0 only if all of it was seen."""


@dataclass(frozen=True)
class Options:
    """A parsed command line."""

    keep: bool
    stop: bool
    mongo: List[str]
    seed: int
    users: int
    binaries: Optional[Path]


def parse(words: List[str]) -> Options:
    """Reads the command line; ends the process on `--help` and mistakes (status 2)."""
    parser = argparse.ArgumentParser(prog="scripts/demo", description=ABOUT)
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end, and tell how to look at it")
    parser.add_argument("--stop", action="store_true", help="end what --keep left running, and nothing else")
    about = "MongoDB version, e.g. 6.0.27 or 5.0; may be repeated, for one side each"
    parser.add_argument("--mongo", action="append", default=[], metavar="[SERVICE:]VERSION", help=about)
    parser.add_argument("--seed", type=int, default=DEFAULT_SEED, metavar="N", help=f"other people and changes (default: {DEFAULT_SEED})")
    parser.add_argument("--users", type=_users, default=DEFAULT_USERS, metavar="N", help=f"users to begin with (default: {DEFAULT_USERS})")
    about = "folder of the producer and worker to run (default: built by cargo)"
    parser.add_argument("--binaries", type=Path, metavar="DIR", help=about)
    return Options(**vars(parser.parse_args(words)))


def _users(word: str) -> int:
    if not word.isdecimal() or int(word) < FEWEST_USERS:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number from {FEWEST_USERS} on")
    return int(word)
