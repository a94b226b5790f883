"""What is left of runs: one line of JSON each, and the table that is made from such lines and from nothing else."""

from __future__ import annotations

import json
import subprocess
from collections import defaultdict
from pathlib import Path
from typing import Any, Dict, List

from stack import paths

from chaos.faults.kinds import KINDS
from chaos.verdict import KINDS as RESULTS


def append(file: Path, run: Dict[str, Any]) -> None:
    """Adds a run."""
    with open(file, "a") as out:
        out.write(json.dumps(run) + "\n")


def load(files: List[Path]) -> List[Dict[str, Any]]:
    """All runs of these files."""
    return [json.loads(line) for file in files for line in file.read_text().splitlines() if line.strip()]


def table(runs: List[Dict[str, Any]]) -> str:
    """Faults by rounds and results, in Markdown. A round with several faults counts for each of them."""
    rounds = [one for run in runs for one in run["rounds"]]
    by_kind: Dict[str, List[Dict[str, Any]]] = defaultdict(list)
    for one in rounds:
        for kind in one["faults"]:
            by_kind[kind].append(one)
    lines = [f"| fault | times | rounds | {' | '.join(RESULTS)} |", "|---" * (3 + len(RESULTS)) + "|"]
    for kind in KINDS:
        if by_kind[kind]:
            distinct = {id(one): one for one in by_kind[kind]}.values()
            lines.append(_line(f"`{kind}`", len(by_kind[kind]), list(distinct)))
    without = [one for one in rounds if not one["faults"]]
    lines += [_line("none", 0, without)] if without else []
    lines.append(_line("**all**", sum(len(one["faults"]) for one in rounds), rounds))
    seeds = {run["seed"] for run in runs}
    changes, minutes = sum(one["changes"] for one in rounds), sum(one["seconds"] for one in rounds) / 60
    head = f"{len(rounds)} rounds at {len(seeds)} seeds, {changes:,} changes, {minutes:.0f} minutes."
    return "\n".join([head, "", *_runs(runs), "", *lines])


def commit() -> str:
    """The checkout's; a plus sign where it has changes of its own. Nothing outside of a clone."""
    asked = ["git", "-C", str(paths.CHECKOUT), "describe", "--always", "--exclude=*", "--dirty=+"]
    return subprocess.run(asked, capture_output=True, text=True, check=False).stdout.strip()


def _runs(runs: List[Dict[str, Any]]) -> List[str]:
    """What ran: one line for each commit, way and version of MongoDB."""
    alike: Dict[str, List[Dict[str, Any]]] = defaultdict(list)
    for run in runs:
        alike[f"{run.get('commit') or '?'} | {run['mode']} | {run['producers']} | {run['mongo']}"].append(run)
    lines = ["| commit | mode | producers | MongoDB | seeds | rounds | changes |", "|---" * 7 + "|"]
    for what, some in alike.items():
        rounds = [one for run in some for one in run["rounds"]]
        changes = sum(one["changes"] for one in rounds)
        lines.append(f"| {what} | {_list(sorted({run['seed'] for run in some}))} | {len(rounds)} | {changes:,} |")
    return lines


def _line(name: str, times: int, rounds: List[Dict[str, Any]]) -> str:
    sums = [sum(one[result] for one in rounds) for result in RESULTS]
    return f"| {name} | {times} | {len(rounds)} | {' | '.join(map(str, sums))} |"


def _list(numbers: List[int]) -> str:
    """1, 2, 3, 7 as `1–3, 7`."""
    spans: List[List[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in spans)
