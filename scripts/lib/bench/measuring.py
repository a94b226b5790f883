"""All cases, in turns: run by run each workload is carried by every system, so that a slow moment hits all alike."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Dict, List

from stack.failure import say

from bench import machine, report, results, store, subjects, systems, world
from bench.cases import WARM_UP
from bench.options import Options
from bench.results import Measured
from bench.run import Run
from bench.store import Document, Part
from bench.subjects import Entry, Subject
from bench.world import World

# Of what a system fails with, so many characters are kept.
REASON = 300


def all_of(options: Options) -> bool:
    """Measures; keeps each workload's results as soon as they are there. Whether all was measured."""
    load, document, left = machine.load(), store.empty(), subjects.chosen(options)
    began, commit = time.monotonic(), machine.commit()
    try:
        with world.open_up(options.binaries) as opened:
            on = machine.machine(opened.services.main.deployments["source"].version)
            about = {"commit": commit, "quick": options.quick, "machine": on}
            if not options.quick:
                _warm_up(opened, left[0])
            while left and not _is_over(options, began):
                loads = {"before the run": load, "before the workload": machine.load()}
                cases, failed = _in_turns(opened, left[0], options.turns())
                loads["after it"] = machine.load()
                part = Part(left[0].name, machine.now(), runs=options.turns(), load=loads, failed=failed, cases=cases, **about)
                document = store.merged(document, part)
                _keep(options, left.pop(0), document, part)
    finally:
        if document["measured"]:
            print(report.text(document))
        if left:
            say("not measured: " + ", ".join(one.name for one in left))
    return not left and not any(part["failed"] for part in document["measured"].values())


def _warm_up(opened: World, subject: Subject) -> None:
    """Every system works a little, uncounted: the first ones would pay for all that the broker compiles."""
    names = list(dict.fromkeys(one.system for one in subject.entries))
    workload = replace(WARM_UP, events=WARM_UP.events // len(names))
    for name in names:
        run = Run(opened, workload, f"b_warm_up_{name}".replace("-", "_"))
        try:
            systems.BY_NAME[name].measure(run)
        except Exception as error:
            say(f"{workload.name}: {name} has failed: {error}")
        opened.clear(run.name)


def _is_over(options: Options, began: float) -> bool:
    return options.minutes is not None and time.monotonic() - began > options.minutes * 60


def _keep(options: Options, subject: Subject, document: Document, part: Part) -> None:
    if options.json:
        store.write_json(document, options.json)
    # Nothing is no reason to forget what is known.
    if subject.is_kept and part.cases:
        store.of(subject.name).add(part)


def _in_turns(opened: World, subject: Subject, turns: int) -> "tuple[List[results.Case], Dict[str, str]]":
    """One that has failed sits out the rest, for the others' sake."""
    measured: Dict[Entry, List[Measured]] = {one: [] for one in subject.entries}
    failed: Dict[str, str] = {}
    for turn in range(turns):
        for one in measured if turn % 2 == 0 else reversed(measured):
            if one.label not in failed:
                name = "_".join(str(word) for word in ("b", subject.name, one.system, one.workload.at, turn) if word is not None)
                _attempt(Run(opened, one.workload, name.replace("-", "_")), one, measured[one], failed)
    return [results.case(one.workload, one.system, taken) for one, taken in measured.items() if taken], failed


def _attempt(run: Run, entry: Entry, measured: List[Measured], failed: Dict[str, str]) -> None:
    try:
        measured.append(_measure(run, entry))
    # Whatever it is: what one system fails with is a result, and must not cost the others theirs.
    except Exception as error:
        failed[entry.label] = (str(error).strip() or type(error).__name__)[:REASON]
        say(f"{run.workload.name}: {entry.label} has failed: {str(error).strip() or repr(error)}")
    run.world.clear(run.name)


def _measure(run: Run, entry: Entry) -> Measured:
    system = systems.BY_NAME[entry.system]
    taken = system.measure(run)
    topic = system.topic(run)
    measured = Measured(taken, run.bytes, run.world.kafka_bytes(topic) if topic else None)
    say(f"{run.workload.name}: {entry.label}: {results.short(run.workload, taken)}")
    return measured
