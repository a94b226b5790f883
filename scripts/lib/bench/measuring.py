"""All cases, in turns: run by run each workload is carried by every system, so that a slow moment hits all alike."""

from __future__ import annotations

import time
from typing import Dict, List

from stack.failure import say

from bench import machine, results, store, systems, table, world
from bench.cases import Workload
from bench.options import Options
from bench.results import Measured
from bench.run import Run
from bench.store import Document, Part
from bench.world import World

# Of what a system fails with, so many characters are kept.
REASON = 300


def all_of(options: Options) -> bool:
    """Measures; keeps each workload's results as soon as they are there. Whether all was measured."""
    load, document, left = machine.load(), store.empty(), options.workloads()
    began, commit = time.monotonic(), machine.commit()
    try:
        with world.open_up(options) as opened:
            on = machine.machine(opened.mongodb)
            about = {"commit": commit, "quick": options.quick, "machine": on}
            while left and not _is_over(options, began):
                one = left[0]
                loads = {"before the run": load, "before the workload": machine.load()}
                cases, failed = _in_turns(opened, one, options)
                loads["after it"] = machine.load()
                part = Part(one.name, machine.now(), runs=options.turns(), load=loads, failed=failed, cases=cases, **about)
                document = _keep(options, document, part)
                left.pop(0)
    finally:
        if document["measured"]:
            say(table.markdown(document))
        if left:
            say("not measured: " + ", ".join(one.name for one in left))
    return not left and not any(part["failed"] for part in document["measured"].values())


def _is_over(options: Options, began: float) -> bool:
    return options.minutes is not None and time.monotonic() - began > options.minutes * 60


def _keep(options: Options, document: Document, part: Part) -> Document:
    document = store.merged(document, part)
    if options.json:
        store.write_json(document, options.json)
    if options.is_kept():
        store.write(store.merged(store.read(), part))
    return document


def _in_turns(opened: World, workload: Workload, options: Options) -> "tuple[List[results.Case], Dict[str, str]]":
    """A system that has failed sits out the rest, for the others' sake."""
    able = [name for name in options.systems() if systems.carries(name, workload)]
    measured: Dict[str, List[Measured]] = {name: [] for name in able}
    failed: Dict[str, str] = {}
    for turn in range(options.turns()):
        for name in able if turn % 2 == 0 else reversed(able):
            if name not in failed:
                run = Run(opened, workload, f"b_{workload.name}_{name}_{turn}".replace("-", "_"))
                _attempt(run, name, measured[name], failed)
    return [results.case(workload, name, taken) for name, taken in measured.items() if taken], failed


def _attempt(run: Run, name: str, measured: List[Measured], failed: Dict[str, str]) -> None:
    try:
        measured.append(_measure(run, name))
    # Whatever it is: what one system fails with is a result, and must not cost the others theirs.
    except Exception as error:
        failed[name] = (str(error).strip() or type(error).__name__)[:REASON]
        say(f"{run.workload.name}: {name} has failed: {str(error).strip() or repr(error)}")
    run.world.clear(run.name)


def _measure(run: Run, name: str) -> Measured:
    system = systems.BY_NAME[name]
    taken = system.measure(run)
    topic = system.topic(run)
    measured = Measured(taken, run.bytes, run.world.kafka_bytes(topic) if topic else None)
    say(f"{run.workload.name}: {name}: {results.short(run.workload, taken)}")
    return measured
