"""What the benchmark can be asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from bench.cases import QUICK_DIVISOR, SYSTEMS, WORKLOADS, Workload
from bench.series import SERIES, Series

ABOUT = """\
Measures Oplogue beside its peers in Kafka Connect (bench/peers), and beside the floor, a program that does the same reads and writes
with nothing between: on one machine, on the same services, in turns; medians of several runs. All of it takes hours, but may be done in pieces:
each workload's part of bench/results is replaced when that workload has been measured, for all systems. With fewer systems, with
--quick or with debug builds nothing there is replaced."""
# The folder that cargo puts unoptimised programs in.
DEBUG = "debug"


@dataclass(frozen=True)
class Options:
    """A parsed command line."""

    quick: bool
    scaling: bool
    largest: bool
    only: List[str]
    runs: int
    minutes: Optional[float]
    json: Optional[Path]
    binaries: Optional[Path]
    sizing: bool
    cores: int
    shards: int

    def workloads(self) -> List[Workload]:
        """Those that were named, else all but series."""
        named = [one for one in WORKLOADS if one.name in self.only]
        return named if named or self.scaling or self.series() else list(WORKLOADS)

    def series(self) -> List[Series]:
        """Those that were named, else all if they were asked for."""
        named = [one for one in SERIES if one.name in self.only]
        return list(SERIES) if self.scaling and not named else named

    def systems(self) -> List[str]:
        """Those that were named, else all."""
        return [name for name in SYSTEMS if name in self.only] or list(SYSTEMS)

    @property
    def has_all_systems(self) -> bool:
        """Whether systems can be compared."""
        return len(self.systems()) == len(SYSTEMS)

    def turns(self) -> int:
        """Runs of each case."""
        return 1 if self.quick else self.runs

    @property
    def is_whole(self) -> bool:
        """Whether it measures in full, and the programs as they are used."""
        is_debug = self.binaries is not None and self.binaries.resolve().name == DEBUG
        return not self.quick and not is_debug


def parse(words: List[str]) -> Options:
    """Reads the command line; ends the process on `--help` and mistakes (status 2)."""
    names = [one.name for one in (*WORKLOADS, *SERIES)] + list(SYSTEMS)
    parser = argparse.ArgumentParser(prog="scripts/bench", description=ABOUT)
    about = f"a {QUICK_DIVISOR}th of the documents, one run; to see that it works, not to compare"
    parser.add_argument("--quick", action="store_true", help=about)
    about = "the series instead, of ours alone: what an event costs with more workers, sources, partitions, namespaces, bytes, documents"
    parser.add_argument("--scaling", action="store_true", help=about)
    about = "with the point of 10 M documents, which takes long"
    parser.add_argument("--largest", action="store_true", help=about)
    about = "this workload, series or system; may be repeated: " + ", ".join(names)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", choices=names, help=about)
    parser.add_argument("--runs", type=_positive, default=3, metavar="N", help="runs of each case (default: 3)")
    about = "begins no other workload after so long, and says which are left"
    parser.add_argument("--minutes", type=float, metavar="N", help=about)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also writes what this run has measured there")
    about = "folder of the programs to run (default: built by cargo, --release)"
    parser.add_argument("--binaries", type=Path, metavar="DIR", help=about)
    about = "measures nothing; prints what a large site would need by the results that there are (docs/sizing.md)"
    parser.add_argument("--sizing", action="store_true", help=about)
    parser.add_argument("--cores", type=_positive, default=64, metavar="N", help="of that site (default: 64)")
    parser.add_argument("--shards", type=_positive, default=100, metavar="N", help="of that site (default: 100)")
    return Options(**vars(parser.parse_args(words)))


def _positive(word: str) -> int:
    if not word.isdecimal() or int(word) == 0:
        raise argparse.ArgumentTypeError(f"{word!r} is not a positive number")
    return int(word)
