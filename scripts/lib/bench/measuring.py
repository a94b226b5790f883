"""All cases, in turns: run by run each workload is carried by every system, so that a slow moment hits all alike."""

from __future__ import annotations

from statistics import median
from typing import Dict, List

from stack.failure import say

from bench import results, systems, world
from bench.cases import SYSTEMS, WORKLOADS, Workload
from bench.options import Options
from bench.results import Case
from bench.systems import Run
from bench.world import World


def all_of(options: Options) -> None:
    """Measures and writes the results."""
    workloads = [one for one in WORKLOADS if one.name in options.only or not _named(options, [w.name for w in WORKLOADS])]
    chosen = [name for name in SYSTEMS if name in options.only or not _named(options, list(SYSTEMS))]
    if options.quick:
        workloads = [one.smaller() for one in workloads]
    with world.open_up(options) as opened:
        cases = [case for one in workloads for case in _in_turns(opened, one, chosen, 1 if options.quick else options.runs)]
    results.write(cases, options)


def _named(options: Options, names: List[str]) -> bool:
    return any(name in options.only for name in names)


def _in_turns(opened: World, workload: Workload, names: List[str], runs: int) -> List[Case]:
    able = [name for name in names if systems.carries(name, workload)]
    measured: Dict[str, list] = {name: [] for name in able}
    for turn in range(runs):
        for name in able if turn % 2 == 0 else reversed(able):
            run = Run(opened, workload, f"b_{workload.name}_{name}_{turn}".replace("-", "_"))
            seconds, used = systems.BY_NAME[name].measure(run)
            measured[name].append((seconds, used))
            opened.forget(run.name)
            say(f"{workload.name}: {name}: {workload.events / seconds:,.0f} events/s")
    return [_case(workload, name, taken) for name, taken in measured.items()]


def _case(workload: Workload, name: str, taken: list) -> Case:
    seconds = median(seconds for seconds, _ in taken)
    processes = taken[0][1].keys()
    millions = workload.events / 1e6
    return Case(
        workload=workload.name,
        system=name,
        events_per_s=workload.events / seconds,
        cpu_s_per_million={p: median(used[p].cpu_seconds for _, used in taken) / millions for p in processes},
        peak_rss_mb={p: max(used[p].peak_mb for _, used in taken) for p in processes},
        runs=[workload.events / one for one, _ in taken],
    )
