"""What the benchmark can be asked for."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import List, Optional

from bench.cases import QUICK_DIVISOR, SYSTEMS, WORKLOADS

ABOUT = """\
Measures Oplogue beside its peers in Kafka Connect (bench/peers), and beside the floor, a program that does the same reads and writes
with nothing between: on one machine, on the same services, in turns; medians of several runs. All of it takes hours; results go to
bench/results. With --only, once for each workload and each system wanted, or with --quick, nothing there is replaced."""


@dataclass(frozen=True)
class Options:
    """A parsed command line."""

    quick: bool
    only: List[str]
    runs: int
    json: Optional[Path]
    binaries: Optional[Path]


def parse(words: List[str]) -> Options:
    """Reads the command line; ends the process on `--help` and mistakes (status 2)."""
    names = [workload.name for workload in WORKLOADS] + list(SYSTEMS)
    parser = argparse.ArgumentParser(prog="scripts/bench", description=ABOUT)
    about = f"a {QUICK_DIVISOR}th of the documents, one run; to see that it works, not to compare"
    parser.add_argument("--quick", action="store_true", help=about)
    about = "this workload or system; may be repeated: " + ", ".join(names)
    parser.add_argument("--only", action="append", default=[], metavar="NAME", choices=names, help=about)
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="runs of each case (default: 3)")
    parser.add_argument("--json", type=Path, metavar="FILE", help="also writes the results there")
    about = "folder of the programs to run (default: built by cargo, --release)"
    parser.add_argument("--binaries", type=Path, metavar="DIR", help=about)
    return Options(**vars(parser.parse_args(words)))
