"""What chaos can be asked for."""

from __future__ import annotations

import argparse
import re
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from chaos.faults.kinds import KINDS

# Ways to break a build on purpose, and what must be counted then.
SABOTAGES = {"skip_event": "lost", "double_batch": "duplicated", "swap_pair": "reordered", "early_offset": "ahead"}
DEFAULT_NAME = "chaos"
DEFAULT_ROUND_SECONDS = 12.0
ABOUT = """\
Runs producers and workers between a three-member source and target under load, and kills, pauses, deposes and cuts at random.
After each round everything is compared by code that shares nothing with the pipeline. Exit status 0 only if nothing was wrong."""


@dataclass(frozen=True)
class Options:
    """A parsed command line."""

    seed: int
    rounds: int
    minutes: Optional[float]
    round_seconds: float
    keep: bool
    only: List[str]
    report: Optional[Path]
    table: Optional[List[Path]]
    producers: int
    workers: int
    mode: str
    binaries: Optional[Path]
    sabotage: Optional[str]
    judge: bool
    requests: bool
    mongo: List[str]
    name: str
    rate: float


def parse(words: List[str]) -> Options:
    """Reads the command line; ends the process on `--help` and mistakes (status 2)."""
    parser = argparse.ArgumentParser(prog="scripts/chaos", description=ABOUT)
    parser.add_argument("--seed", type=int, default=1, metavar="N", help="other writes and other faults (default: 1)")
    parser.add_argument("--rounds", type=_positive, default=10, metavar="R", help="rounds of faults, each checked (default: 10)")
    parser.add_argument("--minutes", type=float, metavar="M", help="begin no round after so long")
    about = f"writes and faults of one round last at least so long (default: {DEFAULT_ROUND_SECONDS:g})"
    parser.add_argument("--round-seconds", type=float, default=DEFAULT_ROUND_SECONDS, metavar="S", help=about)
    about = f"only these faults, separated by commas, of {', '.join(KINDS)}; `none` for no fault at all"
    parser.add_argument("--only", type=_faults, default=list(KINDS), metavar="FAULTS", help=about)
    parser.add_argument("--producers", type=int, choices=(1, 2), default=2, help="one, or one and a standby (default: 2)")
    parser.add_argument("--workers", type=_positive, default=3, metavar="N", help="how many (default: 3)")
    about = "plain: the target is written at least once, so that documents may go back in time (default: exact)"
    parser.add_argument("--mode", choices=("exact", "plain"), default="exact", help=about)
    parser.add_argument("--rate", type=float, default=300.0, metavar="N", help="writes per second, about (default: 300)")
    parser.add_argument(
        "--binaries", type=Path, metavar="DIR", help="folder of the producer and worker to run (default: built by cargo)"
    )
    about = "run a build that is broken on purpose; it must be found out"
    parser.add_argument("--sabotage", choices=SABOTAGES, help=about)
    about = "ask for no documents anew while everything goes on"
    parser.add_argument("--no-requests", action="store_false", dest="requests", help=about)
    about = "run every build that is broken on purpose, without faults; exit status 0 if each was found out"
    parser.add_argument("--judge", action="store_true", help=about)
    about = "MongoDB version, e.g. 6.0.27 or 5.0; may be repeated, for one side each"
    parser.add_argument("--mongo", action="append", default=[], metavar="[SERVICE:]VERSION", help=about)
    parser.add_argument(
        "--name", default=DEFAULT_NAME, help=f"of the stack and the folder; several can run at once (default: {DEFAULT_NAME})"
    )
    parser.add_argument("--report", type=Path, metavar="FILE", help="append the result to this file, one line of JSON a run, with the checkout's commit")
    parser.add_argument("--table", type=Path, nargs="+", metavar="FILE", help="only print the table of such files, as Markdown")
    parser.add_argument("--keep", action="store_true", help="leave everything running at the end")
    return Options(**vars(parser.parse_args(words)))


def _positive(word: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]*", word):
        raise argparse.ArgumentTypeError(f"{word!r} is not a positive number")
    return int(word)


def _faults(word: str) -> List[str]:
    asked = [] if word == "none" else word.split(",")
    unknown = [one for one in asked if one not in KINDS]
    if unknown:
        raise argparse.ArgumentTypeError(f"unknown: {', '.join(unknown)}")
    return asked
