"""The entry: parses the command line with the standard library alone, then goes on in the private environment."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Dict, List

from stack import environment
from stack.entry import guarded

from chaos import options
from chaos.options import Options

# Of the trial of a broken build.
JUDGED_ROUNDS, JUDGED_SECONDS = 4, 8.0


def main(words: List[str]) -> int:
    """Returns the exit status: 0 if nothing was wrong, 1 if something was, 2 for wrong usage."""
    given = options.parse(words)
    return guarded("chaos", lambda: _carry_out(given))


def _carry_out(given: Options) -> int:
    if given.table:
        return _print_table(given)
    environment.enter()
    return _judge(given) if given.judge else 0 if _run(given).is_clean else 1


def _print_table(given: Options) -> int:
    from chaos import report

    print(report.table(report.load(given.table or [])))
    return 0


def _judge(given: Options) -> int:
    """The checks on trial: each broken build has to be found out, for the right reason."""
    let_off = []
    for sabotage, kind in options.SABOTAGES.items():
        counts = _run(replace(given, sabotage=sabotage, only=[], rounds=JUDGED_ROUNDS, round_seconds=JUDGED_SECONDS)).counts
        print(f"{sabotage}: {'found out' if counts[kind] else 'NOT FOUND'}, {kind} {counts[kind]}\n", flush=True)
        let_off += [] if counts[kind] else [sabotage]
    print(f"not found: {', '.join(let_off)}" if let_off else "every broken build was found out", flush=True)
    return 1 if let_off else 0


def _run(given: Options) -> Any:
    """One run; its verdict."""
    # What these import needs pymongo and a Kafka client, which are there from here on.
    from chaos import report, world
    from chaos.story import Story
    from chaos.workload.namespaces import ALL

    began, commit = time.monotonic(), report.commit()
    with world.open_up(given, ALL) as opened:
        opened.build()
        opened.start_services()
        print(
            f"seed {given.seed}, {given.mode}, {given.producers} producer(s), {given.workers} workers; logs in {opened.folder}",
            flush=True,
        )
        story = Story(opened, given, ALL)
        story.begin()
        try:
            story.tell(lambda line: print(line, flush=True))
        finally:
            # Also of a run that is broken off: its rounds were checked.
            story.close()
            _conclude(given, story, opened, commit, time.monotonic() - began)
        return story.total


def _conclude(given: Options, story: Any, opened: Any, commit: str, seconds: float) -> None:
    from chaos import report

    faults = ", ".join(f"{kind} {times}" for kind, times in sorted(story.faults.items())) or "none"
    apart = ", ".join(f"{what} {count}" for what, count in {**story.writes, **story.total.apart}.items())
    print(
        f"\nseed {given.seed}, {len(story.rounds)} rounds in {seconds:.0f} s\nfaults: {faults}\ncounted apart: {apart}\n{story.total}",
        flush=True,
    )
    if given.report:
        run: Dict[str, Any] = {"seed": given.seed, "mode": given.mode, "producers": given.producers, "workers": given.workers}
        run.update(
            mongo=opened.stack.deployments["source"].version,
            commit=commit,
            sabotage=given.sabotage,
            rounds=story.rounds,
            apart=story.total.apart,
        )
        report.append(given.report, run)
