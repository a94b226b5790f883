"""All cases, in turns: run by run each workload is carried by every system, so that a slow moment hits all alike."""

from __future__ import annotations

import os
from typing import Dict, List

from stack.failure import say

from bench import results, systems, world
from bench.cases import SYSTEMS, WORKLOADS, Workload
from bench.options import Options
from bench.results import Case, Measured
from bench.run import Run, Unsustained
from bench.world import World


def all_of(options: Options) -> None:
    """Measures and writes the results."""
    workloads = [one for one in WORKLOADS if one.name in options.only or not _named(options, [w.name for w in WORKLOADS])]
    chosen = [name for name in SYSTEMS if name in options.only or not _named(options, list(SYSTEMS))]
    if options.quick:
        workloads = [one.smaller() for one in workloads]
    runs, load_before = 1 if options.quick else options.runs, os.getloadavg()[2]
    failed: List[str] = []
    with world.open_up(options) as opened:
        cases = [case for one in workloads for case in _in_turns(opened, one, chosen, runs, failed)]
    results.write(cases, options, failed, {"before": load_before, "at the end": os.getloadavg()[2]})


def _named(options: Options, names: List[str]) -> bool:
    return any(name in options.only for name in names)


def _in_turns(opened: World, workload: Workload, names: List[str], runs: int, failed: List[str]) -> List[Case]:
    able = [name for name in names if systems.carries(name, workload)]
    measured: Dict[str, List[Measured]] = {name: [] for name in able}
    for turn in range(runs):
        for name in able if turn % 2 == 0 else reversed(able):
            run = Run(opened, workload, f"b_{workload.name}_{name}_{turn}".replace("-", "_"))
            try:
                measured[name].append(_measure(run, name))
            except Unsustained as reason:
                say(f"{workload.name}: {name}: {reason}")
                failed.append(f"{workload.about}, `{name}`: {reason}")
            opened.forget(run.name)
    return [results.case(workload, name, taken) for name, taken in measured.items() if taken]


def _measure(run: Run, name: str) -> Measured:
    system = systems.BY_NAME[name]
    taken = system.measure(run)
    topic = system.topic(run)
    measured = Measured(taken, run.bytes, run.world.kafka_bytes(topic) if topic else None)
    say(f"{run.workload.name}: {name}: {results.short(run.workload, taken)}")
    return measured
